"""Which device a run computes on, and what else its bits depend on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

import torch

from charrnn.errors import DeviceError
from charrnn.models.engines.choice import Engine


def choose_device(name: str) -> torch.device:
    """The device called 'auto', 'cpu', 'cuda', 'cuda:1', 'mps', ...

    'auto' is CUDA where there is one, else the CPU; Apple's 'mps' is for who asks, because its many small kernels
    are slower than the CPU at the sizes of this library.

    Raises
    ------
    DeviceError    no such device here
    """
    if name == 'auto':
        name = 'cuda' if torch.cuda.is_available() else 'cpu'
    kind, _, number = name.partition(':') if isinstance(name, str) else ('', '', '')
    known = kind in ('cpu', 'cuda', 'mps') and (not number or (kind == 'cuda' and number.isdecimal()))
    if not known:
        raise DeviceError(f'no device {name!r}.', "device='auto', 'cpu', 'cuda', 'cuda:1' or 'mps'")
    if kind == 'cuda' and (not torch.cuda.is_available() or int(number or 0) >= torch.cuda.device_count()):
        raise DeviceError(f'device={name!r}, but torch {torch.__version__} finds no such GPU here.', "device='cpu'")
    if kind == 'mps' and not torch.backends.mps.is_available():
        raise DeviceError(f"device='mps', but torch {torch.__version__} finds no Apple GPU here.", "device='cpu'")
    if kind == 'cuda':
        # Read when the first product runs: without it cuBLAS may sum in another order from call to call.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    return torch.device(name)


def environment(device: torch.device, engine: Engine) -> dict[str, str | int]:
    """Return what the bits of a run depend on besides its own state; a checkpoint remembers it."""
    return {
        'python': platform.python_version(),
        'torch': str(torch.__version__),
        'machine': platform.machine(),
        'device': str(device),
        'threads': torch.get_num_threads(),
        'engine': engine.label,
    }


def drift(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What of an environment has changed since, in words: 'threads 2, now 4'; '' if nothing has."""
    return ', '.join(
        f'{name} {str(before[name])[:60]}, now {now[name]}' for name in now if before.get(name, now[name]) != now[name]
    )
