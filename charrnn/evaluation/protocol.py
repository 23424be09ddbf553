"""The evaluation protocol: fixed, so that two evaluations can be compared.

The split is cut into lanes, as many as its length gives, whatever the training batch size.  Each lane first reads
the seq_len symbols before its slice and then its slice, without resetting the carry.  Each symbol is scored once,
after the model has read everything before it in its lane and nothing after it.  The first lane reads the symbols before
the split in the source (for the training split its own end, because it is a ring).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.evaluation.cost import carry_after, window_nats
from charrnn.models import LanguageModel
from charrnn.text.vocabulary import Indices

MOST_LANES = 64
LEAST_WINDOWS = 8
"""A lane is at least this many windows long, so that the state it carries, not its beginning, decides its loss."""


@dataclass(frozen=True)
class SplitScore:
    """The measured loss of a split.

    Parameters
    ----------
    nats, stderr : float    mean cross-entropy per symbol, and its standard error; nan for a single block
    symbols : int           symbols scored
    size : int              symbols of the split
    lanes, warmup : int     lanes of the evaluation, and symbols that each reads before its slice
    """

    nats: float
    stderr: float
    symbols: int
    size: int
    lanes: int
    warmup: int

    @property
    def is_finite(self) -> bool:
        """True unless some symbol costs infinitely much."""
        return math.isfinite(self.nats)

    @property
    def is_whole(self) -> bool:
        """True if every symbol of the split was scored."""
        return self.symbols == self.size


def cut_into_lanes(size: int, seq_len: int, windows: int = 0) -> tuple[int, int]:
    """Return the number of lanes for a split of `size` symbols, and the number of symbols read of the longest.

    `windows` reads only the first windows of every lane; 0 reads all.
    """
    lanes = max(1, min(MOST_LANES, size // (LEAST_WINDOWS * seq_len)))
    longest = -(-size // lanes)
    return lanes, min(longest, windows * seq_len) if windows else longest


class EveryLane:
    """The part of an evaluation that this process does: all lanes; ranks that share them are another kind of it."""

    def share(self, lanes: int) -> slice:
        """Return the lanes of this process."""
        return slice(0, lanes)

    def total(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums over all processes, element by element."""
        return sums


def evaluate_split(
    model: LanguageModel,
    before: Indices,
    split: Indices,
    seq_len: int,
    windows: int = 0,
    each_window: Callable[[], object] = lambda: None,
    team: EveryLane = EveryLane(),  # noqa: B008  it has no state
) -> SplitScore | None:
    """Measure the loss of a split.

    Parameters
    ----------
    before : (m,) indices        the symbols before the split; for the training split the ring itself
    split : (n,) indices
    windows : int                the number of windows of every lane to score; 0 is the whole split
    each_window : callable       called before every window; a true answer gives up
    team : EveryLane             the processes that share the lanes; `each_window` must answer all of them alike
    Returns
    -------
    SplitScore, or None if `each_window` gave up
    """
    n, T = len(split), seq_len
    lanes, longest = cut_into_lanes(n, T, windows)
    mine = team.share(lanes)
    edges = np.arange(lanes + 1) * n // lanes
    starts, lengths = edges[:-1, None][mine], np.diff(edges)[:, None][mine]

    def symbols_of(first: int, last: int) -> Tensor:
        """Return symbols first … last - 1 of every slice; negative ones are those before it."""
        where = np.minimum(starts + np.arange(first, last), n - 1)
        symbols = np.where(where < 0, before[where % len(before)], split[np.maximum(where, 0)])
        return torch.from_numpy(symbols.astype(np.int64)).to(model.device)

    carry = model.zero_carry(len(starts))
    if T > 1 and len(starts):
        carry = carry_after(model, symbols_of(-T, -1), carry, T)
    found = np.zeros((2, -(-longest // T), lanes))  # cost, and symbols scored, of each block
    for block, first in enumerate(range(0, longest, T)):
        if each_window():
            return None
        if not len(starts):  # fewer lanes than ranks
            continue
        last = min(first + T, longest)
        nats, carry = window_nats(model, symbols_of(first - 1, last), carry)
        inside = np.arange(first, last) < lengths  # (lanes, window)
        # A product would make nan of an infinite cost outside.
        found[:, block, mine] = np.where(inside, nats, 0).sum(1), inside.sum(1)
    total, scored = team.total(found).reshape(2, -1)
    mean, stderr = mean_of_blocks(total[scored > 0], scored[scored > 0])
    return SplitScore(mean, stderr, int(scored.sum()), n, lanes, T)


def mean_of_blocks(total: NDArray[np.float64], scored: NDArray[Any]) -> tuple[float, float]:
    """Return the mean cost of a symbol and its standard error, from the cost and the size of each block."""
    symbols, blocks = int(scored.sum()), len(total)
    mean = float(total.sum() / symbols)
    spread = float(((total - mean * scored) ** 2).sum())
    return mean, math.sqrt(spread * blocks / (blocks - 1)) / symbols if blocks > 1 else math.nan
