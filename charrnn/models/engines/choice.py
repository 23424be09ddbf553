"""The choice of an engine, made once for each model when it is built.

    native    C, on the CPU in float32; the fastest engine there (native.py, c/)
    torch     loops written out in torch, on any device, in any precision (torch.py)
    cudnn     NVIDIA's kernels, through torch (cudnn.py)

The environment variable CHARRNN_ENGINE overrides the choice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

import torch

from charrnn.display.text import fitted
from charrnn.errors import EngineError
from charrnn.models.cells import Cell, LayerFunction
from charrnn.models.engines import cudnn, native
from charrnn.models.engines import torch as loops

VARIABLE = 'CHARRNN_ENGINE'
NAMES = ('native', 'torch', 'cudnn')


@fitted
@dataclass(frozen=True)
class Engine:
    """The engine of a model, and the reason for the choice.

    Parameters
    ----------
    name : str               'native', 'torch' or 'cudnn'
    why : str                the reason, in words
    instruction_set : str    'avx512', 'avx2' or 'baseline' for the native engine; else ''
    """

    name: str
    why: str
    instruction_set: str = ''

    def __repr__(self) -> str:
        return f'{self.label}: {self.why}'

    @property
    def label(self) -> str:
        """The name with its instruction set, such as 'native:avx512'; CHARRNN_ENGINE accepts it."""
        return f'{self.name}:{self.instruction_set}' if self.instruction_set else self.name

    @property
    def layer(self) -> LayerFunction:
        """The function that runs one layer over a window."""
        if self.name == 'native':
            return partial(native.layer, self.instruction_set)
        return loops.layer if self.name == 'torch' else cudnn.layer


def choose_engine(cell: Cell | None, device: torch.device, dtype: torch.dtype = torch.float32) -> Engine:
    """Return the engine for a cell on a device, in a precision; None is a model that computes itself, in torch.

    Raises
    ------
    EngineError    CHARRNN_ENGINE names an engine that is unknown, not built, or not for this device
    """
    wanted = os.environ.get(VARIABLE, '')
    return _named(wanted, cell, device.type, dtype) if wanted else _best(cell, device.type, dtype)


def _named(wanted: str, cell: Cell | None, device: str, dtype: torch.dtype) -> Engine:
    name, _, instruction_set = wanted.partition(':')
    because = f'{VARIABLE}={wanted}'
    if name not in NAMES:
        raise EngineError(f'{because}: no such engine.', f'{VARIABLE}=native, torch or cudnn')
    if name == 'torch':
        return Engine(name, because)
    needed = 'cuda' if name == 'cudnn' else 'cpu'
    if device != needed:
        raise EngineError(f'{because}, but the device is {device}.', f"device='{needed}', or {VARIABLE}=torch")
    if reason := _lacks(name, cell, dtype):
        return Engine('torch', reason)
    if name == 'cudnn':
        return Engine(name, because)
    sets = native.instruction_sets()
    if not sets:
        raise EngineError(f'{because}, but {native.MISSING}.', native.BUILD_IT)
    if instruction_set not in ('', *sets):
        raise EngineError(
            f'{because}: {instruction_set!r} is not built in, or this processor does not have it.',
            ' or '.join(f'{VARIABLE}=native:{each}' for each in sets),
        )
    return Engine(name, because, instruction_set or sets[0])


def _best(cell: Cell | None, device: str, dtype: torch.dtype) -> Engine:
    name = {'cuda': 'cudnn', 'cpu': 'native'}.get(device, 'torch')
    if name == 'torch':
        return Engine(name, f'the only engine for the device {device}')
    if reason := _lacks(name, cell, dtype):
        return Engine('torch', reason)
    if name == 'cudnn':
        return Engine(name, 'the device is an NVIDIA GPU')
    sets = native.instruction_sets()
    if not sets:
        return Engine('torch', f'{native.MISSING}; {native.BUILD_IT}')
    return Engine('native', f'C, the fastest engine on a CPU; this processor has {" and ".join(sets)}', sets[0])


def _lacks(name: str, cell: Cell | None, dtype: torch.dtype) -> str:
    """Return the reason why torch has to compute a cell instead of this engine; empty if there is none."""
    if cell is None:
        return 'the class of the model computes itself, in torch'
    if name == 'native' and dtype != torch.float32:
        return f'the native engine computes in float32, not {dtype}'
    has = cell.saved is not None if name == 'native' else cell.name in cudnn.KERNELS
    return '' if has else f'the {name} engine does not have the cell {cell.name}'
