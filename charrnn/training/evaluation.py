"""Honest numbers: a fixed protocol, so that two evaluations can be compared.

The split is cut into lanes, as many as its length gives, whatever the training batch size.  Each lane first reads
the seq_len symbols before its slice and then its slice, with the carry running on; every symbol is scored exactly
once, by a model that has read everything before it in its lane and nothing after it.  What stands before a split is
the end of the training text (for the training split itself, the ring's).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn.models import LanguageModel
from charrnn.text.charset import Indices

MOST_LANES = 64
LEAST_WINDOWS = 8
"""A lane is at least this many windows long, so that the state it carries, not its beginning, decides its loss."""
LOGITS_AT_ONCE = 2**24
"""How many logits are built at once (64 MiB): a large vocabulary is scored in pieces."""


Validation = tuple[float, float, int, str]
"""Nats per symbol, its standard error, how many symbols, and the protocol."""


@dataclass(frozen=True)
class Evaluation:
    """The loss of one split, and what it is measured against.

    Parameters
    ----------
    nats : float         mean cross-entropy in nats per symbol
    stderr : float       its standard error, from blocks of seq_len symbols; nan for a single block
    symbols : int        how many symbols were scored, each once
    ladder : dict        the same split in nats per symbol for readers who know less: 'uniform', 'unigram'
    protocol : str       how it was measured
    """

    nats: float
    stderr: float
    symbols: int
    ladder: dict[str, float] = field(default_factory=dict)
    protocol: str = ''

    @property
    def bits_per_char(self) -> float:
        """The loss in bits per character."""
        return self.nats / math.log(2)

    def __repr__(self) -> str:
        ladder = ', '.join(f'{rung!r}: {nats:.4f}' for rung, nats in self.ladder.items())
        return (
            f'Evaluation(nats={self.nats:.4f}, stderr={self.stderr:.4f}, symbols={self.symbols}, '
            f'ladder={{{ladder}}}, protocol={self.protocol!r})'
        )

    def __str__(self) -> str:
        rungs = ', '.join(f'{rung} {nats:.4f}' for rung, nats in self.ladder.items())
        lines = [
            f'{self.nats:.4f} ± {self.stderr:.4f} nats/char = {self.bits_per_char:.4f} bits/char '
            f'over {self.symbols:,} characters',
            f'ladder    {rungs}',
            f'protocol  {self.protocol}',
        ]
        if self.nats >= self.ladder.get('unigram', math.inf):
            lines.insert(1, 'not better than the unigram rung: counting characters does as well')
        return '\n'.join(lines)


def score_symbols(model: LanguageModel, outputs: Tensor, targets: Tensor) -> Tensor:
    """The nats of every symbol: outputs (B, T, H), targets (B, T) to (B, T) float64 on the CPU."""
    flat, wanted = outputs.flatten(0, 1), targets.flatten()
    rows = max(1, LOGITS_AT_ONCE // model.logits(flat[:1]).shape[-1])
    nats = [
        cross_entropy(model.logits(part), want, reduction='none')
        for part, want in zip(torch.split(flat, rows), torch.split(wanted, rows), strict=True)
    ]
    return torch.cat(nats).cpu().double().view_as(targets)


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
    train: Indices,
    split: Indices,
    seq_len: int,
    device: torch.device,
    windows: int = 0,
    each_window: Callable[[], object] = lambda: None,
) -> Validation | None:
    """Measure the loss of a split.

    Parameters
    ----------
    split : (n,) indices         `train` stands before it on the ring
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
        symbols = np.where(where < 0, train[where % len(train)], split[np.maximum(where, 0)])
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
        nats = score_symbols(model, outputs, read(first, last)).numpy()
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
