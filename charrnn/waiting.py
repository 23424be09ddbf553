"""Set OpenMP's threads to sleep while they wait.  It is imported before torch, which loads OpenMP.

A thread that waits for the others normally spins, up to milliseconds.  Beside a program that takes a core, the thread
that all wait for has no core to run on then, and training is several times slower (benchmarks/busy.py).

OpenMP reads its settings when it is loaded.  Where torch is there already, or the user has settings of their own,
nothing is changed.
"""

from __future__ import annotations

import os
import sys

SETTINGS = ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME')
"""The variables that say how threads wait: of OpenMP, of GNU's and of LLVM's."""

if 'torch' not in sys.modules and not any(name in os.environ for name in SETTINGS):
    os.environ['OMP_WAIT_POLICY'] = 'passive'
