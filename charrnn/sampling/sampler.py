"""Drawing text from a model: softmax with a temperature, one symbol at a time, on any number of streams at once.

Draws come from a NumPy generator of their own, so that sampling never touches torch's random stream and a seed fixes
a text on any device.  Who computes the steps:

    C        a Stack on the CPU, with the native engine
    NumPy    a Stack on the CPU, without
    torch    all else: the model itself, symbol by symbol
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.display.text import printable
from charrnn.errors import SamplingError
from charrnn.models import Carry, LanguageModel
from charrnn.models.engines import native
from charrnn.sampling.readers import reader

PRIME_AT_ONCE = 1000
LARGEST_TABLE = 2**24
"""Numbers in a first layer's table (64 MiB); for larger vocabularies it is not worth making."""

Filter = Callable[[NDArray[np.float64], Sequence[int]], NDArray[np.float64]]
"""Logits (V,) of the next symbol and all symbols so far → other logits (V,)."""

Read = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Reads one symbol on every stream, (B,), and returns the next one's logits, (B, V)."""


class Sample(str):
    """Generated text: a plain str, except that the prompt shows it with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return printable(self)


def choose(logits: NDArray[np.float64], temp: float, draw: float) -> int:
    """The index that the number `draw` in [0, 1) picks from softmax(logits / temp); the largest logit at temp 0.

    Parameters
    ----------
    logits : (V,) float64     -inf for what must not come
    """
    if temp == 0:
        return int(logits.argmax())
    with np.errstate(over='ignore'):  # a tiny temp sends all but the largest to exp(-inf) = 0, as it should
        weights = np.exp((logits - logits.max()) / temp)
    heights = weights.cumsum()
    return int(heights.searchsorted(draw * heights[-1], side='right'))


@torch.no_grad()
def sample_indices(
    model: LanguageModel,
    carry: Carry,
    prime: Sequence[int],
    length: int,
    temp: float,
    draws: np.random.Generator,
    *,
    silent: int | None,
    streams: int = 1,
    own_filter: Filter | None = None,
) -> NDArray[np.int64]:
    """Read `prime`, then draw `length` symbols on every stream, each fed back.

    Parameters
    ----------
    carry : Carry            of one lane, from before the prime; not modified
    prime : at least one index
    silent : int or None     the index that must not come: the unknown symbol, unless the text holds it
    own_filter : callable    changes the logits of each symbol before the temperature does
    Returns
    -------
    (streams, length)        the prime is not among them
    Raises
    ------
    SamplingError            logits that are not numbers
    """
    device = next(model.parameters()).device
    *before, last = prime
    for start in range(0, len(before), PRIME_AT_ONCE):
        ids = torch.tensor([before[start : start + PRIME_AT_ONCE]], dtype=torch.int64, device=device)
        _, carry = model(ids, carry)
    carry = Carry({name: state.expand(-1, streams, *state.shape[2:]).clone() for name, state in carry.items()})
    symbols, numbers = np.full(streams, last, np.int64), draws.random((length, streams))
    if own_filter is None:
        found = speak(model, carry, symbols, numbers, temp, silent)
    else:
        found = _draw(_model_reader(model, carry), symbols, numbers, temp, silent, own_filter, list(prime))
    if found is None:
        raise SamplingError('the model answers nan: its weights are no longer numbers.', "ms.restore('best')")
    return found.T


def speak(
    model: LanguageModel,
    carry: Carry,
    symbols: NDArray[np.int64],
    draws: NDArray[np.float64],
    temp: float,
    silent: int | None,
) -> NDArray[np.int64] | None:
    """Read `symbols` (B,), then draw with `draws` (length, B); returns (length, B), None if logits are no numbers."""
    weights, engine = model.readout_weight, model.engine
    readout = (weights, model.readout_bias)
    stack = model.stack() if weights.device.type == 'cpu' and _table_is_small(model) else None
    if stack and engine.name == 'native' and len(stack.layers) <= native.MOST_LAYERS:
        return native.speak(engine.instruction_set, stack, readout, carry, symbols, draws, temp, silent)
    read = reader(stack, readout, carry) if stack else _model_reader(model, carry)
    return _draw(read, symbols, draws, temp, silent)


def _draw(
    read: Read,
    symbols: NDArray[np.int64],
    draws: NDArray[np.float64],
    temp: float,
    silent: int | None,
    own_filter: Filter | None = None,
    before: Sequence[int] = (),
) -> NDArray[np.int64] | None:
    chosen = np.empty(draws.shape, np.int64)
    for t, row in enumerate(draws):
        logits = read(symbols).astype(np.float64)
        if own_filter:
            for stream, each in enumerate(logits):
                logits[stream] = own_filter(each.copy(), [*before, *chosen[:t, stream].tolist()])
        if silent is not None:
            logits[:, silent] = -math.inf
        if np.isnan(logits).any() or not np.isfinite(logits.max(axis=1)).all():
            return None
        chosen[t] = [choose(each, temp, draw) for each, draw in zip(logits, row, strict=True)]
        symbols = chosen[t]
    return chosen


def _model_reader(model: LanguageModel, carry: Carry) -> Read:
    """The model itself, symbol by symbol."""
    device = model.readout_weight.device

    def read(symbols: NDArray[np.int64]) -> NDArray[np.float32]:
        nonlocal carry
        outputs, carry = model(torch.from_numpy(symbols).to(device)[:, None], carry)
        logits: NDArray[np.float32] = model.logits(outputs[:, -1]).cpu().numpy()
        return logits

    return read


def _table_is_small(model: LanguageModel) -> bool:
    V, H = model.readout_weight.shape
    return V * 4 * H <= LARGEST_TABLE
