"""The adaptive rungs of the ladder: file compressors, which go on learning while they read the measured text.

    xz      LZMA2: repeats of earlier text
    PPMd    variant H: the symbols that followed the last few bytes, the best general coder of text; package pyppmd

Each has read the training text first.  A rung is the size that a text adds to what the training text is coded in.

Source: Shkarin 2002, "PPM: one step to practicality" (PPMd); variant H is the one of 7-Zip.
"""

from __future__ import annotations

import lzma
from typing import Any

MOST_BYTES = 8 * 2**20
"""Each reads this many bytes at the end of the training split: some seconds."""
MOST_WINDOW = 64 * 2**20
"""Bytes that xz looks back, at most."""
PPMD_MEMORY = 2**20, 2**28, 64
"""Least and most bytes of the model of PPMd, and bytes of it for each byte of text, which text needs in order 10."""
PPMD_ORDERS = (6, 10)
"""Bytes of context: 6 is best for letters of one byte, 10 for letters of two bytes and for text that repeats."""
HELD_OUT = 10
"""The order is chosen on one byte in this many, at the end of the training split."""
PIECE = 2**20
"""Bytes per call of PPMd, which no Ctrl-C interrupts."""


def xz_bytes(train: bytes, text: bytes) -> int:
    """Return len(xz(train + text)) - len(xz(train)), with at most MOST_BYTES of the training text."""
    train = train[-MOST_BYTES:]
    return _xz(train + text) - _xz(train)


def _xz(text: bytes) -> int:
    window = max(2**20, min(MOST_WINDOW, 1 << len(text).bit_length()))
    filters = [{'id': lzma.FILTER_LZMA2, 'preset': 9, 'dict_size': window}]
    return len(lzma.compress(text, format=lzma.FORMAT_XZ, filters=filters))


def has_ppmd() -> bool:
    """Return True if the package pyppmd is there."""
    try:
        import pyppmd  # noqa: F401
    except ImportError:
        return False
    return True


def ppmd_bytes(train: bytes, text: bytes) -> int:
    """Return len(ppmd(train + text)) - len(ppmd(train)), with at most MOST_BYTES of the training text.

    The order is the one that codes the end of the training text best, after what is before it.
    """
    train = train[-MOST_BYTES:]
    held = len(train) - len(train) // HELD_OUT
    sizes = []
    for order in PPMD_ORDERS:
        encoder = ppmd_encoder(order, len(train) + len(text))
        _coded(encoder, train[:held])
        chosen_by = _coded(encoder, train[held:])
        sizes.append((chosen_by, order, _coded(encoder, text)))
    return min(sizes)[-1]  # without the end of the stream: it is the same few bytes after any text


def ppmd_encoder(order: int, size: int) -> Any:
    """Return an encoder for a stream of that many bytes."""
    from pyppmd import Ppmd7Encoder

    least, most, factor = PPMD_MEMORY
    return Ppmd7Encoder(order, max(least, min(most, factor * size)))


def _coded(encoder: Any, text: bytes) -> int:
    """Return the number of bytes that an encoder writes for a text."""
    return sum(len(encoder.encode(text[start : start + PIECE])) for start in range(0, len(text), PIECE))


ARCHIVERS = {'xz': xz_bytes, 'PPMd': ppmd_bytes}
"""For each rung, the function from the training text and a text to bytes; PPMd is there if ``has_ppmd()``."""


def coded_bytes(train: bytes, text: bytes) -> dict[str, int]:
    """Return the size that a text adds to the training text, in bytes, for each coder that is there."""
    return {rung: size(train, text) for rung, size in ARCHIVERS.items() if rung != 'PPMd' or has_ppmd()}
