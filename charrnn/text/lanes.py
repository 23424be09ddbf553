"""Lanes: the places on the training text from which each window is read, as functions of one number.

The training text is a ring of n symbols: its end joins its beginning.  B readers, the lanes, start on it evenly
spaced; at each step every lane reads the next window of T symbols and moves on by T.  With n = 23, B = 3 (lanes a, b
and c, which start at 0, 7 and 15) and T = 4:

                 0         1         2
                 01234567890123456789012       position
    window 0     aaaa...bbbb....cccc....           0
    window 1     ....aaaa...bbbb....cccc           4      every symbol has now been read: one epoch, W = 2
    window 2     cccc....aaaa...bbbb....           8      lane c has crossed the seam and reads the beginning
    window 3     ....cccc....aaaa...bbbb          12

`position` is the number of symbols that lane 0 has walked since the run began: one int, never reset.  Lane k stands
at ``(position + k·n // B) mod n``.  All reading depends on that one number, so there is no cursor to save, to drift, or
to restore wrongly.

An epoch is ``W = ceil(n / (B·T))`` windows: every lane has then walked at least to the start of the next lane, so
every symbol has been a target at least once.  Nothing is dropped and nothing is padded, whatever n, B and T are.

*No shuffle at rollover.*  Another way to start an epoch sends every lane back to its start and hands the hidden state
of lane k to lane k + 1, because lane k has just reached the start of lane k + 1.  Here the lanes walk on instead, past
the start of the next lane and, at the seam of the ring, from the end of the text into its beginning.  The state
continues the same text in both ways, but here it stays with its lane, and it is exact for every n, also if n is not a
multiple of B·T.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charrnn.text.sources import DEFAULT_TRAINFRAC, split_size
from charrnn.text.vocabulary import Indices

FIRST_LANES = 16
"""The lanes of a run, and of its carry, until trainmodel gets another batchsize."""


def lane_starts(position: int, ring_size: int, lanes: int) -> NDArray[np.int64]:
    """Return the place of each lane on the ring, shape (B,)."""
    # Python integers, because position grows without bound over a run.
    return np.array([(position + k * ring_size // lanes) % ring_size for k in range(lanes)], dtype=np.int64)


def read_ring(ring: Indices, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return `length` symbols from each start on, across the seam of the ring, shape (len(starts), length)."""
    places = (starts[:, None] + np.arange(length)) % len(ring)
    return np.asarray(ring[places], dtype=np.int64)


def read_before(ring: Indices, position: int, lanes: int, length: int) -> NDArray[np.int64]:
    """Return the `length` symbols before the place of each lane, shape (B, length), to prime the carry of new lanes."""
    return read_ring(ring, lane_starts(position - length, len(ring), lanes), length)


def windows_per_epoch(ring_size: int, lanes: int, seq_len: int) -> int:
    """Return W, the number of windows after which every symbol has been a target at least once."""
    return -(-ring_size // (lanes * seq_len))


def step_for_short(train_size: int, size: int, seq_len: int, trainfrac: float) -> str:
    """Return the next step for a training text shorter than a window: one after which a training can begin."""
    pairs = []
    if trainfrac < DEFAULT_TRAINFRAC and split_size(DEFAULT_TRAINFRAC, size) > train_size:
        train_size = split_size(DEFAULT_TRAINFRAC, size)
        pairs.append(f'trainfrac={DEFAULT_TRAINFRAC}')
    lanes = min(FIRST_LANES, train_size)
    if train_size and train_size < lanes * seq_len:
        pairs.append(f'seq_len={train_size // lanes}')
    then = f', then ms.trainmodel(batchsize={lanes})' if lanes < FIRST_LANES else ''
    return f'{", ".join(pairs)}{then}, or a longer text' if pairs and lanes else 'a longer text'
