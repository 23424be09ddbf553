"""The device of a run, and the environment that its bits depend on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

import torch

from charrnn.arguments import memory_bytes
from charrnn.errors import DeviceError, shown
from charrnn.models.engines.choice import Engine


def choose_device(name: str) -> torch.device:
    """Return the device called 'auto', 'cpu', 'cuda', 'cuda:1', 'mps', ...

    'auto' is CUDA if there is a CUDA device, else the CPU.  It is never Apple's 'mps', whose many small kernels are
    slower than the CPU at the sizes of this library.

    Raises
    ------
    DeviceError    the name is unknown, or this machine has no such device
    """
    if name == 'auto':
        name = 'cuda' if torch.cuda.is_available() else 'cpu'
    kind, _, number = name.partition(':') if isinstance(name, str) else ('', '', '')
    known = kind in ('cpu', 'cuda', 'mps') and (not number or (kind == 'cuda' and number.isdecimal()))
    if not known:
        raise DeviceError(f'no device {shown(name)}.', ' or '.join(f'device={each!r}' for each in devices_here()))
    if kind == 'cuda' and (not torch.cuda.is_available() or int(number or 0) >= torch.cuda.device_count()):
        raise DeviceError(
            f'device={shown(name)}, but torch {torch.__version__} finds no such GPU here.', "device='cpu'"
        )
    if kind == 'mps' and not torch.backends.mps.is_available():
        raise DeviceError(f"device='mps', but torch {torch.__version__} finds no Apple GPU here.", "device='cpu'")
    if kind == 'cuda':
        # cuBLAS reads this at its first product; without it, the order of its sums may change from call to call.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    return torch.device(name)


def devices_here() -> list[str]:
    """Return the names of the devices that this machine has."""
    gpus = [f'cuda:{number}' for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    apple = ['mps'] if torch.backends.mps.is_available() else []
    return ['auto', 'cpu', *gpus, *apple]


def memory_of(device: torch.device) -> int:
    """Return the bytes that a process may take of the memory of a device."""
    if device.type == 'cuda':
        return torch.cuda.get_device_properties(device).total_memory
    return memory_bytes()


def environment(device: torch.device, engine: Engine) -> dict[str, str | int]:
    """Return the facts besides its own state that the bits of a run depend on; a checkpoint records them."""
    return {
        'python': platform.python_version(),
        'torch': str(torch.__version__),
        'machine': platform.machine(),
        'device': str(device),
        'threads': torch.get_num_threads(),
        'engine': engine.label,
    }


def drift(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the differences between two environments, in words: 'threads 2, now 4'; '' if there are none."""
    return ', '.join(
        f'{name} {str(before[name])[:60]}, now {now[name]}' for name in now if before.get(name, now[name]) != now[name]
    )
