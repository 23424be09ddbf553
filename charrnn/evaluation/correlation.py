"""The correlation of each unit with a feature of the text that the model reads."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def correlations(states: Iterable[NDArray[np.floating]], feature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each unit with a feature, (L, H); 0 for a unit that never changes.

    The states come and go one by one, so the memory is that of one of them.

    Parameters
    ----------
    states : T arrays (L, B, H)     nan gives nan
    feature : (B, T)                not the same everywhere
    """
    apart, size = feature - feature.mean(), feature.size
    first, sums = np.zeros(1), np.zeros(3)
    for time, now in enumerate(states):
        if not time:  # moments about the first state: of a unit that never changes, they are exactly 0
            first, sums = now[:, :1].astype(np.float64), np.zeros((3, now.shape[0], now.shape[2]))
        x = now - first
        sums += [x.sum(1), (x * x).sum(1), np.einsum('lbh,b->lh', x, apart[:, time])]
    total, squares, products = sums
    variance = squares - total**2 / size
    is_still = variance <= size * np.finfo(np.float64).eps * squares  # no more than rounding makes
    found = products / np.sqrt(np.where(is_still, 1, variance) * (apart**2).sum())
    return np.where(is_still, 0.0, found.clip(-1, 1))
