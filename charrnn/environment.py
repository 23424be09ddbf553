"""Variables of the process that OpenMP and torch read when they are loaded.  It is imported before torch.

A thread that waits for the others normally spins, up to milliseconds.  Beside a program that takes a core, the thread
that all wait for has no core to run on then, and training is several times slower.  A thread that sleeps at once has
to be woken at each of some 40 waits of a window, which costs a quiet machine a quarter of its speed.  So a thread spins
for some microseconds, and sleeps then (benchmarks/busy.py).

Large tensors lie in large pages, where the system has them, because a window takes its memory anew and the system
clears it page by page: a training of 2 x 512 on 64 lanes is a tenth faster.

torchrun gives each of its processes one thread, unless the user has chosen.  Here they share the cores of the machine.

Where torch is there already, nothing is changed, and what the user has set stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

WAITING = {'OMP_WAIT_POLICY': 'passive', 'GOMP_SPINCOUNT': '1000'}
"""Settings by which a thread sleeps when it waits (every OpenMP), after a moment's spinning (GNU's OpenMP)."""
OTHERS = ('KMP_BLOCKTIME',)
"""Variables of other OpenMPs about the same."""


def cores_here() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def threads_of_a_rank(variables: Mapping[str, str], cores: int) -> int | None:
    """Return the threads of one of the processes that torchrun has started here; None: no other than are set."""
    processes = variables.get('LOCAL_WORLD_SIZE', '')
    if 'TORCHELASTIC_RUN_ID' not in variables or variables.get('OMP_NUM_THREADS') != '1' or not processes.isdecimal():
        return None
    return max(1, cores // max(1, int(processes)))


if 'torch' not in sys.modules:
    if threads := threads_of_a_rank(os.environ, cores_here()):
        os.environ['OMP_NUM_THREADS'] = str(threads)
    if not any(name in os.environ for name in (*WAITING, *OTHERS)):
        os.environ.update(WAITING)
    os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')
