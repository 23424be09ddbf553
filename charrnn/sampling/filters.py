"""Filters: functions of the logits of the next symbol, applied one after the other before the choice.

Order: the user's own filter, then what must never come; the temperature acts last, in the choice itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from charrnn.text.vocabulary import Decoder

Filter = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Logits (B, V) of the next symbol of every stream to logits (B, V); -inf removes a symbol."""

OwnFilter = Callable[[NDArray[np.float64], str], NDArray[np.float64]]
"""Logits (V,) of one stream and its text so far to logits (V,)."""


def never(index: int) -> Filter:
    """Return a filter that removes one symbol, such as the unknown one."""

    def remove(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = logits.copy()
        logits[:, index] = -math.inf
        return logits

    return remove


def by_text(function: OwnFilter, decoders: Sequence[Decoder]) -> Filter:
    """Return a filter that calls a user's function on each stream.

    Parameters
    ----------
    decoders : one for each stream    hold the text so far; the caller pushes each drawn symbol
    """

    def apply(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = (function(row.copy(), decoder.text) for row, decoder in zip(logits, decoders, strict=True))
        return np.stack(list(rows))

    return apply
