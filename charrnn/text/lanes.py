"""Lanes: who reads what, when.

The training text is a ring of n symbols: its end joins its beginning.  B readers, the lanes, stand on it evenly
spaced, and each step every lane reads the next window of T symbols and walks on.  With n = 23, B = 3 (lanes a, b
and c, which start at 0, 7 and 15) and T = 4:

                 0         1         2
                 01234567890123456789012       position
    window 0     aaaa...bbbb....cccc....           0
    window 1     ....aaaa...bbbb....cccc           4      here every symbol has been read: one epoch, W = 2
    window 2     cccc....aaaa...bbbb....           8      lane c has crossed the seam and reads the beginning
    window 3     ....cccc....aaaa...bbbb          12

`position` is how many symbols lane 0 has walked since the run began: one int, never reset.  Lane k stands at
``(position + k·n // B) mod n``.  Everything below is a function of that one number, so there is no cursor to save,
to drift, or to restore wrongly.

An epoch is ``W = ceil(n / (B·T))`` windows: every lane has then walked at least to where its neighbour began, so
every symbol has been a target at least once.  Nothing is dropped and nothing padded, whatever n, B and T.

*If you know the ancestor's "shuffle at rollover":* it sent every position back to zero at the end of an epoch and
handed the hidden state of lane k to lane k+1's start, because that is the place lane k had just reached.  Here the
lanes simply walk on, over the place where the neighbour began and, at the seam of the ring, from the end of the
text into its beginning.  The state is the same continuation of the same text, but it stays with its lane, and it is
exact for every n, also where n is not a multiple of B·T.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charrnn.text.vocabulary import Indices


def lane_starts(position: int, ring_size: int, lanes: int) -> NDArray[np.int64]:
    """Where each lane stands on the ring, shape (B,)."""
    # Python's integers, because position grows without bound over a run.
    return np.array([(position + k * ring_size // lanes) % ring_size for k in range(lanes)], dtype=np.int64)


def read_ring(ring: Indices, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """`length` symbols from each start on, across the seam where it falls: shape (len(starts), length)."""
    places = (starts[:, None] + np.arange(length)) % len(ring)
    return np.asarray(ring[places], dtype=np.int64)


def read_before(ring: Indices, position: int, lanes: int, length: int) -> NDArray[np.int64]:
    """The `length` symbols before each lane's place, shape (B, length): what primes the carry of a new lane."""
    return read_ring(ring, lane_starts(position - length, len(ring), lanes), length)


def windows_per_epoch(ring_size: int, lanes: int, seq_len: int) -> int:
    """W: after so many windows every symbol has been a target at least once."""
    return -(-ring_size // (lanes * seq_len))
