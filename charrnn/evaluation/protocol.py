"""Honest numbers: a fixed protocol, so that two evaluations can be compared.

The split is cut into lanes, as many as its length gives, whatever the training batch size.  Each lane first reads
the seq_len symbols before its slice and then its slice, with the carry running on; every symbol is scored exactly
once, by a model that has read everything before it in its lane and nothing after it.  What stands before a split is
what stands before it in the source (for the training split itself, its own end: it is a ring).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from charrnn.models import LanguageModel, readout_nats
from charrnn.text.vocabulary import Indices

MOST_LANES = 64
LEAST_WINDOWS = 8
"""A lane is at least this many windows long, so that the state it carries, not its beginning, decides its loss."""

Validation = tuple[float, float, int, str]
"""Nats per symbol, its standard error, how many symbols, and the protocol."""


def cut_into_lanes(size: int, seq_len: int, windows: int = 0) -> tuple[int, int]:
    """How many lanes a split of `size` symbols is cut into, and how many symbols of the longest are read.

    `windows` reads only so many windows of every lane; 0 reads all.
    """
    lanes = max(1, min(MOST_LANES, size // (LEAST_WINDOWS * seq_len)))
    longest = -(-size // lanes)
    return lanes, min(longest, windows * seq_len) if windows else longest


@torch.no_grad()
def evaluate_split(
    model: LanguageModel,
    before: Indices,
    split: Indices,
    seq_len: int,
    device: torch.device,
    windows: int = 0,
    each_window: Callable[[], object] = lambda: None,
) -> Validation | None:
    """Measure the loss of a split.

    Parameters
    ----------
    before : (m,) indices        what stands before the split; for the training split the ring itself
    split : (n,) indices
    windows : int                only so many windows of every lane; 0 is the whole split
    each_window : callable       called before every window; a true answer gives up
    Returns
    -------
    nats, stderr, symbols, protocol; None if it was stopped
    """
    n, T = len(split), seq_len
    lanes, longest = cut_into_lanes(n, T, windows)
    edges = np.arange(lanes + 1) * n // lanes
    starts, lengths = edges[:-1, None], np.diff(edges)[:, None]

    def read(first: int, last: int) -> Tensor:
        """Symbols first … last - 1 of every slice; negative ones stand before it."""
        where = np.minimum(starts + np.arange(first, last), n - 1)
        symbols = np.where(where < 0, before[where % len(before)], split[np.maximum(where, 0)])
        return torch.from_numpy(symbols.astype(np.int64)).to(device)

    carry = model.zero_carry(lanes)
    if T > 1:
        _, carry = model(read(-T, -1), carry)
    sums, counts = [], []
    for first in range(0, longest, T):
        if each_window():
            return None
        last = min(first + T, longest)
        outputs, carry = model(read(first - 1, last - 1), carry)
        inside = np.arange(first, last) < lengths  # (lanes, window)
        wanted = read(first, last)
        flat = readout_nats(outputs.flatten(0, 1), model.readout_weight, model.readout_bias, wanted.flatten())
        nats = flat.cpu().double().view_as(wanted).numpy()
        sums.append((nats * inside).sum(1))
        counts.append(inside.sum(1))
    total, scored = np.concatenate(sums), np.concatenate(counts)
    total, scored = total[scored > 0], scored[scored > 0]
    symbols = int(scored.sum())
    mean = float(total.sum() / symbols)
    blocks = len(total)
    spread = float(((total - mean * scored) ** 2).sum())
    stderr = math.sqrt(spread * blocks / (blocks - 1)) / symbols if blocks > 1 else math.nan
    whole = 'whole split' if symbols == n else f'{symbols:,} of {n:,} symbols'
    protocol = f'{whole}, {lanes} lanes, each reads {T} symbols before its slice, carry runs on'
    return mean, stderr, symbols, protocol
