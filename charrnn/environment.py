"""Variables of the process that OpenMP and torch read when they are loaded.  It is imported before torch.

A thread that waits for the others normally spins, up to milliseconds.  Beside a program that takes a core, the thread
that all wait for has no core to run on then, and training is several times slower.  A thread that sleeps at once has
to be woken at each of some 40 waits of a window, which costs a quiet machine a quarter of its speed.  So a thread spins
for some microseconds, and sleeps then (benchmarks/busy.py).

Large tensors lie in large pages, where the system has them, because a window takes its memory anew and the system
clears it page by page: a training of 2 x 512 on 64 lanes is a tenth faster.

Where torch is there already, nothing is changed, and what the user has set stays.
"""

from __future__ import annotations

import os
import sys

WAITING = {'OMP_WAIT_POLICY': 'passive', 'GOMP_SPINCOUNT': '1000'}
"""Settings by which a thread sleeps when it waits (every OpenMP), after a moment's spinning (GNU's OpenMP)."""
OTHERS = ('KMP_BLOCKTIME',)
"""Variables of other OpenMPs about the same."""

if 'torch' not in sys.modules:
    if not any(name in os.environ for name in (*WAITING, *OTHERS)):
        os.environ.update(WAITING)
    os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')
