"""Every error a user can meet, in one tree.

    CharRNNError
    ├── CharSetError          a symbol or an index the vocabulary does not hold        ValueError
    ├── HyperParamsError      an unknown name or an impossible value                   ValueError
    ├── SourceTextError       a source file that cannot be read as text                ValueError, OSError
    ├── TrainingError         a request that this text or this run cannot train        ValueError
    ├── SamplingError         an impossible temperature, length or seed                ValueError
    ├── PlotError             a picture without matplotlib, or of nothing              RuntimeError
    ├── DeviceError           a device this machine or this torch does not have        RuntimeError
    ├── EngineError           an engine (CHARRNN_ENGINE) that is not there             RuntimeError
    ├── NonFiniteLossError    a window or a validation that is not finite              ArithmeticError
    ├── AttachedError         what a user hung on the run cannot be kept, or raised     RuntimeError
    ├── TornWindowError       an update was cut in half; restore() mends it            RuntimeError
    ├── WorkspaceError        a working directory that is missing, taken or unreadable OSError
    │   └── CheckpointError   a checkpoint that is missing or damaged                  OSError
    └── OwnershipError        another process, or a newer ModelState, writes this run  RuntimeError

A message says what happened with the values, why, and on a line of its own what to type next.
A traceback shows the caller's lines alone; CHARRNN_TRACEBACK=1 in the environment keeps the library's frames.
"""

from __future__ import annotations

import sys
import warnings


class CharRNNError(Exception):
    """The root: ``except CharRNNError`` catches everything this library raises on purpose.

    Parameters
    ----------
    what : str            what happened, with the values, and why
    next_step : str       what to type next; shown on a second line
    """

    def __init__(self, what: str, next_step: str = '') -> None:
        self.what = what
        self.next_step = next_step
        super().__init__(f'{what}\n  Next: {next_step}' if next_step else what)


class CharSetError(CharRNNError, ValueError):
    """A symbol (character, word) or an index that the vocabulary does not hold."""


class HyperParamsError(CharRNNError, ValueError):
    """An unknown hyperparameter, model type, level or option, or an impossible value of one."""


class SourceTextError(CharRNNError, ValueError, OSError):
    """A source file that cannot be read as text: empty, binary, a directory, wrongly encoded."""


class TrainingError(CharRNNError, ValueError):
    """A request that this text or this run cannot train: too few symbols, a negative length."""


class SamplingError(CharRNNError, ValueError):
    """An impossible temperature, length or seed."""


class PlotError(CharRNNError, RuntimeError):
    """A picture that cannot be drawn: no matplotlib, or nothing to draw."""


class DeviceError(CharRNNError, RuntimeError):
    """A device that this machine, or this build of torch, does not have."""


class EngineError(CharRNNError, RuntimeError):
    """An engine that CHARRNN_ENGINE asks for, but this machine, this installation or this device does not have."""


class NonFiniteLossError(CharRNNError, ArithmeticError):
    """A loss or a gradient was not finite. That update was not applied, and no checkpoint is made of such weights."""


class AttachedError(CharRNNError, RuntimeError):
    """A callable of ``ms.attach`` that cannot be kept, that raised, or that answered with something impossible."""


class TornWindowError(CharRNNError, RuntimeError):
    """An update was cut in half by a second Ctrl-C; only ``ms.restore()`` makes the state whole."""


class WorkspaceError(CharRNNError, OSError):
    """A working directory that is missing, already holds a run, or cannot be read or written."""


class CheckpointError(WorkspaceError):
    """A checkpoint that is missing, damaged or of a newer format."""


class OwnershipError(CharRNNError, RuntimeError):
    """Another process, or a newer ModelState of this process, is the writer of this run."""


def warn(text: str) -> None:
    """Warn the user, at the line of theirs that called us, however deep in this library we are."""
    level, frame = 1, sys._getframe()
    while frame.f_back and str(frame.f_globals.get('__name__')).startswith('charrnn.'):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
