"""The choice of a symbol: the user's own filter, then the limits, then the draw itself.

    logits ──► samplefilter ──► never ──► softmax(· / temp) ──► topk ──► minp ──► topp ──► draw

The native engine has the same in c/limits.h.  Sources: top-k, Fan et al. 2018 (arXiv:1805.04833); top-p, Holtzman et
al. 2019 (arXiv:1904.09751); min-p, Nguyen et al. 2024 (arXiv:2407.01082).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OwnFilter = Callable[[NDArray[np.float64], str], NDArray[np.float64]]
"""Logits (V,) of one stream and its text so far to logits (V,); -inf removes a symbol."""


@dataclass(frozen=True)
class Limits:
    """The symbols that may be drawn.

    Equally likely symbols are ordered by their index.  A limit that removes nothing changes nothing, bit for bit.

    Parameters
    ----------
    temp : float             divides the logits; 0: the likeliest symbol always
    topk : int or None       keep the k likeliest symbols
    minp : float             keep the symbols at least `minp` times as likely as the likeliest
    topp : float             keep the fewest likeliest symbols that together have at least this share of what is left
    never : tuple of int     symbols that are never drawn
    """

    temp: float
    topk: int | None = None
    minp: float = 0.0
    topp: float = 1.0
    never: tuple[int, ...] = ()

    def pick(self, logits: NDArray[np.float64], draw: float, refused: Collection[int] = ()) -> int | None:
        """Return the index that `draw` in [0, 1) picks from the logits (V,); None if no symbol is left.

        `refused` are further symbols that must not come.
        """
        if self.never or refused:
            logits = logits.copy()
            logits[[*self.never, *refused]] = -math.inf
        likeliest = int(logits.argmax())
        if logits[likeliest] == -math.inf:
            return None
        if self.temp == 0:
            return likeliest
        with np.errstate(over='ignore'):  # a tiny temp sends all but the largest to exp(-inf) = 0, as it should
            weights = np.exp((logits - logits[likeliest]) / self.temp)
        if self.topk is not None or self.minp > 0 or self.topp < 1:
            weights = self._likely(weights)
        heights = weights.cumsum()
        return int(heights.searchsorted(draw * heights[-1], side='right'))

    def _likely(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights (V,), the largest of which is 1, with those that the limits remove as 0."""
        weights = np.where(weights < self.minp, 0.0, weights)
        order = np.argsort(-weights, kind='stable')
        total = weights.cumsum()[-1]
        if self.topk is not None and self.topk < len(weights):
            order = order[: self.topk]
            total = weights[order].cumsum()[-1]
        if self.topp < 1:
            reached = weights[order].cumsum() >= self.topp * total
            order = order[: int(reached.argmax()) + 1 if reached.any() else len(order)]
        kept = np.zeros_like(weights)
        kept[order] = weights[order]
        return kept


def cost(logits: NDArray[np.float64], symbol: int) -> float:
    """Return the cost of a symbol under the softmax of the logits (V,), in nats."""
    highest = logits.max()
    return float(np.log(np.exp(logits - highest).sum()) - (logits[symbol] - highest))
