"""The sampler: reader → filters → choice, one symbol at a time, on any number of streams at once.

    State ──► Reader.step(symbols) ──► logits (B, V) ──► samplefilter ──► Limits.pick ──► symbols ──┐
                     ▲                                                                             │
                     └─────────────────────────────────────────────────────────────────────────────┘

Draws come from a NumPy generator of their own, so that sampling never touches torch's random stream and a seed fixes
a text on any device.  Without a filter of the user's, the native engine runs the whole loop in C.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.errors import SamplingError
from charrnn.models.engines import native
from charrnn.models.engines.native import Drawn
from charrnn.sampling.filters import Limits, OwnFilter, cost
from charrnn.sampling.readers import Reader


@torch.no_grad()
def draw_block(
    reader: Reader,
    pending: NDArray[np.int64],
    draws: NDArray[np.float64],
    limits: Limits,
    own: OwnFilter | None = None,
    texts: Sequence[str] = (),
) -> Drawn:
    """Read the pending symbols (B,), then draw a symbol for each of `draws` (length, B), and read all but the last.

    Parameters
    ----------
    own : callable      the user's filter, which sees `texts`, one for each stream; then `draws` has at most one row
    Raises
    ------
    SamplingError       logits that are not numbers, or none that may be drawn
    """
    if isinstance(reader, native.Reader) and not own:
        drawn = reader.draw(
            pending, draws, temp=limits.temp, topk=limits.topk, minp=limits.minp, topp=limits.topp, never=limits.never
        )
        if drawn is None:
            raise not_numbers()
        return drawn
    symbols, nats = np.empty(draws.shape, np.int64), np.empty(draws.shape)
    for t, numbers in enumerate(draws):
        raw, logits = next_logits(reader, pending, own, texts)
        for k, number in enumerate(numbers):
            symbol = limits.pick(logits[k], number)
            if symbol is None:
                raise nothing_left()
            symbols[t, k], nats[t, k] = symbol, cost(raw[k], symbol)
        pending = symbols[t]
    return Drawn(symbols, nats)


def next_logits(
    reader: Reader, pending: NDArray[np.int64], own: OwnFilter | None, texts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the pending symbols (B,); return the logits (B, V) of the next ones, and as the user's filter leaves them.

    Raises
    ------
    SamplingError    they are not numbers
    """
    raw = logits = reader.step(pending).astype(np.float64)
    if own:
        logits = np.stack([own(row.copy(), text) for row, text in zip(raw, texts, strict=True)])
    if np.isnan(logits).any() or not np.isfinite(logits.max(axis=1)).all():
        raise not_numbers()
    return raw, logits


def not_numbers() -> SamplingError:
    """Return the error for logits that are not numbers."""
    return SamplingError('the model answers nan: its weights are no longer numbers.', "ms.restore('best')")


def nothing_left() -> SamplingError:
    """Return the error for a choice without a symbol that may be drawn."""
    return SamplingError('no symbol is left that may be drawn here.', 'forbid less, or detach the samplefilter')
