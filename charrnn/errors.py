"""The errors that charrnn raises, in one tree.

    CharRNNError
    ├── CharSetError          a symbol or an index that is not in the vocabulary       ValueError
    ├── HyperParamsError      an unknown name or an invalid value                      ValueError
    ├── SourceTextError       a source file that cannot be read as text                ValueError, OSError
    ├── TrainingError         a request that this text or this run cannot fulfil       ValueError
    ├── SamplingError         an invalid prime or temperature, or logits that are nan  ValueError
    ├── CompressionError      compressed data that are damaged or not of this model   ValueError
    ├── PlotError             a picture without matplotlib or without data             RuntimeError
    ├── SweepError            a sweep without Optuna, or beside one of other settings   RuntimeError
    ├── DeviceError           a device that this machine or this torch does not have   RuntimeError
    ├── ModelTypeError        a class that breaks the contract of a model type         TypeError
    ├── EngineError           an engine (CHARRNN_ENGINE) that is not available         RuntimeError
    ├── NonFiniteLossError    a loss or a gradient that is not finite                  ArithmeticError
    ├── AttachedError         an attached function that failed or cannot be saved      RuntimeError
    ├── TornWindowError       half-updated weights; ms.restore() loads whole ones      RuntimeError
    ├── WorkspaceError        a working directory that is missing, in use or unreadable OSError
    │   └── CheckpointError   a checkpoint that is missing or damaged                  OSError
    ├── OwnershipError        another process or a newer ModelState writes this run    RuntimeError
    └── RankError             processes of one training that differ, or one that ended RuntimeError

A message says what happened with the values, why, and on a line of its own what to type next.
A traceback shows the caller's lines alone; CHARRNN_TRACEBACK=1 in the environment keeps the library's frames.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import math
import re
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

C = TypeVar('C', bound=type)

# Control characters except newline and tab, characters that reorder a line, unpaired surrogates, and the byte order
# mark, which would be invisible.
_UNSAFE = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]')


def printable(text: str) -> str:
    """Return `text` with line breaks as they are and every other control character escaped.

    >>> print(printable('one\\r\\ntwo \\x1b[31m'))
    one
    two \\x1b[31m
    """
    return _UNSAFE.sub(lambda found: found[0].encode('unicode_escape').decode(), text.replace('\r\n', '\n'))


def shorten(text: str, width: int) -> str:
    """Return `text`, cut in the middle to at most `width` characters."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f'{text[: width - 1 - tail]}…{text[len(text) - tail :]}'


MOST_SHOWN = 60
"""Characters of a user's value in a message, at most."""
_short = reprlib.Repr()
_short.maxlevel, _short.maxstring, _short.maxother, _short.maxlong = 2, MOST_SHOWN, MOST_SHOWN, MOST_SHOWN


def shown(value: object) -> str:
    """Return the repr of a value that a user gave, for a message: one line, the first, cut to MOST_SHOWN characters.

    A path is shown as the text that it is.

    >>> print(shown('x' * 1000))
    'xxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxxx'
    """
    value = str(value) if isinstance(value, Path) else value
    try:
        text = _short.repr(value) if type(value).__module__ == 'builtins' else repr(value)
    except ValueError:  # an int of thousands of digits
        text = f'<{type(value).__name__} of thousands of digits>'
    except Exception:  # a repr of the user's own
        text = object.__repr__(value)
    lines = text.split('\n')
    return shorten(lines[0] + ('…' if len(lines) > 1 else ''), MOST_SHOWN)


def typed(value: object) -> str:
    """Return Python that gives a value which a user gave, for a call to type; `...` if a short line cannot give it.

    >>> typed(0.5), typed(Path('a.txt')), typed(print), typed('x' * 1000)
    ('0.5', "'a.txt'", '...', '...')
    """
    value = str(value) if isinstance(value, Path) else value
    text = repr(value) if _is_literal(value) else ''
    return text if 0 < len(text) <= MOST_SHOWN else '...'


def _is_literal(value: object, depth: int = 3) -> bool:
    """Return True for a value whose repr is Python for it.

    Nothing is compiled to find out, since a stranger may have written the value.
    """
    if isinstance(value, list | tuple | dict) and type(value) in (list, tuple, dict):
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return depth > 0 and all(_is_literal(part, depth - 1) for part in parts)
    if isinstance(value, float):
        return type(value) is float and math.isfinite(value)
    if isinstance(value, int):
        return type(value) in (int, bool) and abs(value) < 10**MOST_SHOWN
    return type(value) in (str, bytes, type(None))


SUBSTITUTES = dict(zip('▁▂▃▄▅▆▇█', '.:-=+*%#', strict=True)) | {  # the bars of a sparkline
    '±': '+-', '…': '...', '’': "'", '│': '|', '─': '-', '–': '-', '·': '*', '×': 'x', '²': '2', '\ufffd': '?',
}  # fmt: skip
"""ASCII for the characters that this library puts into what it shows."""


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for the characters that an encoding lacks, as an error handler of ``str.encode``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return ''.join(SUBSTITUTES.get(c) or c.encode('ascii', 'backslashreplace').decode() for c in lacking), error.end


codecs.register_error('charrnn.substitute', _substitute)


def fitting(text: str, encoding: str | None = None) -> str:
    """Return `text` with substitutes for the characters that an encoding lacks; by default that of sys.stdout.

    Whatever the library shows passes through here: reprs, tables, errors, the screen of a training.

    >>> fitting('loss 1.50 ± 0.02  █▄▂▁  é', 'ascii')
    'loss 1.50 +- 0.02  #=:.  \\\\xe9'
    """
    try:
        encoding = encoding or sys.stdout.encoding or 'utf-8'
        return text.encode(encoding, 'charrnn.substitute').decode(encoding)
    except Exception:  # an odd or a closed sys.stdout, which no repr may fail for
        return text


def fitted(cls: C) -> C:
    """Decorate a class so that its repr and its str have substitutes for characters that sys.stdout lacks."""

    def fit(plain: Any) -> Any:
        return lambda self: fitting(plain(self))

    named: Any = cls
    named.__repr__ = fit(cls.__repr__)
    if named.__str__ is not object.__str__:  # which calls the repr
        named.__str__ = fit(cls.__str__)
    return cls


@fitted
class CharRNNError(Exception):
    """The base class of all errors that this library raises on purpose.

    Parameters
    ----------
    what : str            what happened, with the values, and why
    next_step : str       what to type next; shown on a second line
    """

    def __init__(self, what: str, next_step: str = '') -> None:
        # A message may quote a name or a value out of a stranger's file.
        self.what, self.next_step = what, next_step = printable(what), printable(next_step)
        super().__init__(f'{what}\n  Next: {next_step}' if next_step else what)


class CharSetError(CharRNNError, ValueError):
    """A symbol (character, byte or word) or an index that is not in the vocabulary."""


class HyperParamsError(CharRNNError, ValueError):
    """An unknown hyperparameter, model type, level or option, or an invalid value of one."""


class SourceTextError(CharRNNError, ValueError, OSError):
    """A source file that cannot be read as text: empty, binary, a directory, or in another encoding."""


class TrainingError(CharRNNError, ValueError):
    """A request that this text or this run cannot fulfil: too few symbols, a split that is missing."""


class SamplingError(CharRNNError, ValueError):
    """An invalid prime or temperature, or a model whose logits are nan."""


class CompressionError(CharRNNError, ValueError):
    """Data that are damaged or of another model, vocabulary or engine; or a text that no data can hold."""


class PlotError(CharRNNError, RuntimeError):
    """A picture that cannot be drawn: matplotlib or the data is missing."""


class SweepError(CharRNNError, RuntimeError):
    """A sweep without Optuna, in a directory with a sweep of other settings, or whose storage does not answer."""


class DeviceError(CharRNNError, RuntimeError):
    """A device that this machine, or this build of torch, does not have."""


class ModelTypeError(CharRNNError, TypeError):
    """A class of the user's own that breaks the contract of a model type, or a name that is not free for one."""


class EngineError(CharRNNError, RuntimeError):
    """An engine that CHARRNN_ENGINE names and that this machine, installation or device does not have."""


class NonFiniteLossError(CharRNNError, ArithmeticError):
    """A loss or a gradient that is not finite; the update was not applied, and nothing was saved."""


class AttachedError(CharRNNError, RuntimeError):
    """A function of ``ms.attach`` that cannot be saved, that raised an error, or that returned an invalid value."""


class TornWindowError(CharRNNError, RuntimeError):
    """Half-updated weights, left by a second Ctrl-C during an update; ``ms.restore()`` loads whole ones."""


class WorkspaceError(CharRNNError, OSError):
    """A working directory that is missing, already holds a run, or cannot be read or written."""


class CheckpointError(WorkspaceError):
    """A checkpoint that is missing, damaged or of a newer format."""


class UnusableHereError(CheckpointError):
    """A whole checkpoint that this Python cannot use: of a newer format, or of a model type that is not registered.

    Earlier checkpoints of the run are alike, so that ``load`` stops at it.
    """


class ShortageError(WorkspaceError):
    """A file that could not be opened because this process has no descriptor or no memory left: no file is to blame."""


class OwnershipError(CharRNNError, RuntimeError):
    """A write to a run whose writer is another process, or a newer ModelState of this process."""


class RankError(CharRNNError, RuntimeError):
    """A training by several processes (torchrun) of which one differs, has failed, or has ended."""


LACKING = {
    errno.EMFILE: 'close some files',
    errno.ENFILE: 'close some files',
    errno.ENOMEM: 'free memory',
}
"""The next step after an error of the system that comes from a shortage in this process, by its number."""


def lacking(error: BaseException) -> str:
    """Return what to do about a shortage that an error of the system comes from; empty: it comes from none."""
    return LACKING.get(error.errno or 0, '') if isinstance(error, OSError) else ''


NO_MEMORY = ("can't allocate memory", 'not enough memory', 'out of memory', 'bad_alloc')
"""Words in a RuntimeError of torch's allocators that was refused memory."""


def lacks_memory(error: BaseException) -> bool:
    """Return True if an error of Python, the system, torch or another library says that memory was refused."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError) and not isinstance(error, CharRNNError):
        return any(words in str(error) for words in NO_MEMORY)
    # safetensors, which is written in Rust, panics; its error is no Exception.
    return isinstance(error, MemoryError) or type(error).__name__ == 'PanicException'


@contextlib.contextmanager
def memory_explained(explain: Callable[[], CharRNNError]) -> Iterator[None]:
    """Raise the error that `explain` returns if memory is refused in the block.

    The refusal is not its cause, whose frames would keep alive what the block has made.
    """
    try:
        yield
        return
    except BaseException as error:
        if not lacks_memory(error):
            raise
    raise explain()


def warn(text: str) -> None:
    """Issue a warning that names the line of the user's code that called this library."""
    level, frame = 1, sys._getframe()
    while frame.f_back and str(frame.f_globals.get('__name__')).startswith('charrnn.'):
        level, frame = level + 1, frame.f_back
    warnings.warn(printable(text), stacklevel=level)
