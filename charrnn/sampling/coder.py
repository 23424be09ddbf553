"""Arithmetic coding: the symbols of a text as a number of bits that is their cost for a model.

Encoder and decoder both step a reader through the text.  Before each symbol, its logits become whole numbers, the
weights; the encoder narrows an interval to the share of the symbol, and the decoder reads in which share the coded
number lies.  All arithmetic after the logits is that of whole numbers, so that both get the same shares wherever the
reader gives the same logits.

A text is cut into lanes that are read side by side, each from the same start: step t codes symbol t of every lane, one
lane after the other, into one number.

Source: Martin, G. N. N. (1979), Range encoding: an algorithm for removing redundancy from a digitised message.
"""

from __future__ import annotations

import contextlib
import decimal
import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from charrnn.sampling.readers import Reader
from charrnn.sampling.sampler import not_numbers

Ints = NDArray[np.int64]

PRECISION = 30
"""Bits of the weight of the likeliest symbol; one that is less likely than 2^-30 of it still has the weight 1."""
STEPS = 1024
"""Steps of a logit: rounding to 1/1024 costs some 4·10^-8 nats a symbol."""
FARTHEST = 1e30
"""A distance between logits that is as good as infinite, and whose product with STEPS does not overflow."""
WIDTH = 64
"""Bits of the interval; it keeps at least WIDTH - 8, and a sum of weights, far fewer, divides it."""
FULL, LEAST, TOP = (1 << WIDTH) - 1, 1 << (WIDTH - 8), WIDTH - 8
MOST_SYMBOLS = 4096
"""Symbols that one byte of code may stand for: the encoder adds bytes, and the decoder refuses longer texts."""
BLOCK = 256
"""Steps between two calls that report progress."""


@functools.cache
def weight_table() -> Ints:
    """Return the weight of a symbol whose logit is 0, 1, 2, … STEPS-ths below the largest, down to the weight 1.

    It is made of whole numbers, and so is the same on every machine.
    """
    spare = 64
    exact = decimal.Context(prec=40)
    factor = int(exact.multiply(exact.exp(exact.divide(decimal.Decimal(-1), STEPS)), decimal.Decimal(1 << spare)))
    found, weight = list[int](), 1 << (PRECISION + spare)
    while (rounded := (weight + (1 << (spare - 1))) >> spare) > 1:
        found.append(rounded)
        weight = weight * factor >> spare
    return np.array([*found, 1], np.int64)


def weights_of(logits: NDArray[np.float32]) -> Ints:
    """Return the weights of all symbols, (B, V), each 1 or more.

    Raises
    ------
    SamplingError    a logit is not a finite number
    """
    largest = logits.max(axis=1, keepdims=True)
    low, high = float(logits.min()), float(largest.max())
    if not math.isfinite(high - low):
        raise not_numbers()
    with np.errstate(over='ignore') if high - low > FARTHEST else contextlib.nullcontext():
        below = np.minimum(largest - logits, np.float32(FARTHEST))
    table = weight_table()
    below *= np.float32(STEPS)
    np.rint(below, out=below)
    np.minimum(below, np.float32(len(table) - 1), out=below)
    found: Ints = table.take(below.astype(np.int64))
    return found


class Encoder:
    """An interval that each symbol narrows, and the bytes of its lower end that are certain."""

    def __init__(self) -> None:
        self._low, self._range, self._out = 0, FULL, bytearray()

    def put(self, below: list[int], weight: list[int], total: list[int]) -> None:
        """Add symbols: of each, the weights before it, its weight, and the sum of all weights."""
        low, width, out = self._low, self._range, self._out
        for before, own, whole in zip(below, weight, total, strict=True):
            share = width // whole
            low += share * before
            width = share * own
            if low > FULL:
                low &= FULL
                self._carry()
            while width < LEAST:
                out.append(low >> TOP)
                low = low << 8 & FULL
                width <<= 8
        self._low, self._range = low, width

    def _carry(self) -> None:
        """Add one to the bytes so far."""
        at = len(self._out) - 1
        while self._out[at] == 0xFF:
            self._out[at] = 0
            at -= 1
        self._out[at] += 1

    def finish(self) -> bytes:
        """Return all bytes: one more says where in the interval the number lies."""
        self._low += LEAST - 1
        if self._low > FULL:
            self._low &= FULL
            self._carry()
        self._out.append(self._low >> TOP)
        return bytes(self._out)


class Decoder:
    """The inverse of an Encoder.

    Parameters
    ----------
    data : bytes    after their end, zeros are read
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._range = data, WIDTH // 8, FULL
        self._code = int.from_bytes(data[: WIDTH // 8].ljust(WIDTH // 8, b'\0'), 'big')

    def take(self, heights: Ints) -> int:
        """Return the next symbol, from the sums of the weights up to each symbol and with it, (V,)."""
        share = self._range // int(heights[-1])
        symbol = int(heights.searchsorted(self._code // share, 'right'))
        if symbol == len(heights):
            raise ValueError('no symbol has this code')
        before = int(heights[symbol - 1]) if symbol else 0
        self._code -= share * before
        self._range = share * (int(heights[symbol]) - before)
        while self._range < LEAST:
            if self._at >= len(self._data) + WIDTH // 8 - 1:
                raise ValueError('the code ends before the text')
            self._code = self._code << 8 | (self._data[self._at] if self._at < len(self._data) else 0)
            self._at += 1
            self._range <<= 8
        return symbol


def lengths_of(symbols: int, lanes: int) -> Ints:
    """Return the number of symbols of each lane, (lanes,): they differ by one at most, the longer ones first."""
    return (symbols + lanes - 1 - np.arange(lanes)) // lanes


def encode(reader: Reader, pending: int, ids: Ints, lanes: int, report: Callable[[], None]) -> bytes:
    """Return the code of symbols.

    Parameters
    ----------
    reader : Reader      of as many lanes, all at the start
    pending : int        the symbol that each lane reads first
    ids : (N,)
    lanes : int          at most N
    report : callable    called every BLOCK steps
    Raises
    ------
    SamplingError        the logits are no numbers
    """
    lengths, coder = lengths_of(len(ids), lanes), Encoder()
    starts, each = lengths.cumsum() - lengths, np.arange(lanes)
    now = np.full(lanes, pending, np.int64)
    for t in range(int(lengths.max(initial=0))):
        weights = weights_of(reader.step(now))
        heights = weights.cumsum(axis=1)
        active = int((lengths > t).sum())
        now = np.zeros(lanes, np.int64)
        now[:active] = ids[starts[:active] + t]
        own = weights[each, now]
        put = (heights[each, now] - own, own, heights[:, -1])
        coder.put(*(part[:active].tolist() for part in put))
        if t % BLOCK == BLOCK - 1:
            report()
    return coder.finish().ljust(len(ids) // MOST_SYMBOLS, b'\0')


def decode(reader: Reader, pending: int, data: bytes, symbols: int, lanes: int, report: Callable[[], None]) -> Ints:
    """Return the symbols of a code, (symbols,); the parameters are those of ``encode``.

    Raises
    ------
    ValueError       the data end too early, or hold a number outside of all intervals; other damage gives other symbols
    SamplingError    the logits are no numbers
    """
    if not 0 <= symbols <= MOST_SYMBOLS * (len(data) + 1):
        raise ValueError('so short a code stands for fewer symbols')
    lengths, coder, rows = lengths_of(symbols, lanes), Decoder(data), bytearray()
    now = np.full(lanes, pending, np.int64)
    for t in range(int(lengths.max(initial=0))):
        heights = weights_of(reader.step(now)).cumsum(axis=1)
        now = np.zeros(lanes, np.int64)
        for lane in range(int((lengths > t).sum())):
            now[lane] = coder.take(heights[lane])
        rows += now.astype('<u4').tobytes()
        if t % BLOCK == BLOCK - 1:
            report()
    found = np.frombuffer(rows, '<u4').reshape(-1, lanes).T
    parts = [lane[:length] for lane, length in zip(found, lengths, strict=True)]
    return np.concatenate(parts).astype(np.int64)
