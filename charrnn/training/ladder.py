"""The baseline ladder: what the same split costs a reader who knows less than a recurrent model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from charrnn.text.charset import Indices

CHUNK = 2**22


def count_symbols(indices: Indices, vocab_size: int) -> NDArray[np.int64]:
    """How often each index occurs, shape (V,); in pieces, because bincount widens what it reads to eight bytes."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for start in range(0, len(indices), CHUNK):
        counts += np.bincount(indices[start : start + CHUNK], minlength=vocab_size)
    return counts


def baseline_ladder(train: Indices, split: Indices, vocab_size: int, symbols: int) -> dict[str, float]:
    """The rungs, each in mean nats per symbol of `split`, fitted on `train`.

    uniform    every one of the `symbols` different symbols is equally likely
    unigram    symbol frequencies of the training split, one added to each count so that nothing is impossible

    Source: Laplace's rule of succession, for the added one.
    """
    fitted = count_symbols(train, vocab_size) + 1
    if symbols < vocab_size:
        fitted[0] = 0  # the unknown character, which is no symbol of this text
    found = count_symbols(split, vocab_size)
    seen = np.flatnonzero(found)
    unigram = math.log(fitted.sum()) - float(found[seen] @ np.log(fitted[seen])) / len(split)
    return {'uniform': math.log(symbols), 'unigram': unigram}
