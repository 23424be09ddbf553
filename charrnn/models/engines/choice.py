"""Engines: who computes the recurrences.  Each has the four functions of ``charrnn.models.cells``.

    native    C, on the CPU in float32; the fastest there is for it here (native.py, c/)
    torch     loops written by hand in torch, on any device, in any precision (torch.py)
    cudnn     NVIDIA's own kernels, through torch (cudnn.py)

The variable CHARRNN_ENGINE names another one than is chosen by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from charrnn.errors import EngineError
from charrnn.models.engines import cudnn, native
from charrnn.models.engines import torch as loops

VARIABLE = 'CHARRNN_ENGINE'
NAMES = ('native', 'torch', 'cudnn')


@dataclass(frozen=True)
class Engine:
    """Who computes the recurrences, and why this one.

    Parameters
    ----------
    name : str               'native', 'torch' or 'cudnn'
    why : str
    instruction_set : str    of the native engine: 'avx512', 'avx2' or 'baseline'; else ''
    """

    name: str
    why: str
    instruction_set: str = ''

    def __repr__(self) -> str:
        return f'{self.label}: {self.why}'

    @property
    def label(self) -> str:
        """The name with its instruction set, as CHARRNN_ENGINE takes it: 'native:avx512'."""
        return f'{self.name}:{self.instruction_set}' if self.instruction_set else self.name

    @property
    def recurrences(self) -> Any:
        """What has the functions gru, lstm, rnn_tanh and rnn_relu."""
        if self.name == 'native':
            return native.Recurrences(self.instruction_set)
        return loops if self.name == 'torch' else cudnn


def choose_engine(device: torch.device, dtype: torch.dtype = torch.float32) -> Engine:
    """The engine for tensors of this kind.

    Raises
    ------
    EngineError    CHARRNN_ENGINE names one that is not there, or not for this device
    """
    return _choose(os.environ.get(VARIABLE, ''), device.type, dtype)


@cache
def _choose(wanted: str, device: str, dtype: torch.dtype) -> Engine:
    name, _, instruction_set = wanted.partition(':')
    if not wanted:
        return _best(device, dtype)
    if name not in NAMES:
        raise EngineError(f'{VARIABLE}={wanted}: no such engine.', f'{VARIABLE}=native, torch or cudnn')
    because = f'{VARIABLE}={wanted}'
    if name == 'torch':
        return Engine(name, because)
    if name == 'cudnn':
        if device != 'cuda':
            raise EngineError(f'{because}, but the device is {device}.', "device='cuda', or CHARRNN_ENGINE=torch")
        return Engine(name, because)
    if device != 'cpu':
        raise EngineError(f'{because}, but the device is {device}.', "device='cpu', or CHARRNN_ENGINE=torch")
    sets = native.instruction_sets()
    if not sets:
        raise EngineError(f'{because}, but {native.MISSING}.', native.BUILD_IT)
    if instruction_set not in ('', *sets):
        raise EngineError(
            f'{because}: this processor has no {instruction_set!r} that is built in.',
            ' or '.join(f'{VARIABLE}=native:{each}' for each in sets),
        )
    if dtype != torch.float32:
        return Engine('torch', f'the native engine computes in float32, not {dtype}')
    return Engine(name, because, instruction_set or sets[0])


def _best(device: str, dtype: torch.dtype) -> Engine:
    if device == 'cuda':
        return Engine('cudnn', 'the device is a GPU of NVIDIA')
    if device != 'cpu':
        return Engine('torch', f'the only one for the device {device}')
    if dtype != torch.float32:
        return Engine('torch', f'the native engine computes in float32, not {dtype}')
    sets = native.instruction_sets()
    if not sets:
        return Engine('torch', f'{native.MISSING}; {native.BUILD_IT}')
    return Engine('native', f'C, the fastest on a CPU; this one has {" and ".join(sets)}', sets[0])
