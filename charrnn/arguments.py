"""Checks of the values that a user types as arguments."""

from __future__ import annotations

import contextlib
import io
import math
import numbers
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from charrnn.errors import MOST_SHOWN, HyperParamsError, WorkspaceError, shown
from charrnn.storage.facts import LONGEST_NAME, is_checkpoint_name
from charrnn.storage.nearby import MOST_NAME, begin, entries, run_at_hand, save_text, size_of, text_at_hand, unused


class Check(Protocol):
    """A function that returns a valid value as a plain Python one, and raises HyperParamsError for an invalid value.

    It gets the name of the value, for the message, and the value.  The error suggests the number that a string or a
    float stands for, if that number is valid, else `default`.
    """

    def __call__(self, name: str, value: Any, default: Any = None) -> Any: ...


LARGEST = 2**53 - 1
"""The largest whole number that every kind of number holds exactly, and so the largest that a run may store."""
LARGEST_REAL = 3e38
"""A real argument beyond this would overflow in float32."""
CONTAINER = (Path('/sys/fs/cgroup/memory.max'), Path('/sys/fs/cgroup/memory/memory.limit_in_bytes'))
"""The files in which Linux tells a container the limit on its memory, in the two versions of control groups."""


def memory_bytes() -> int:
    """Return the memory that this process may take: of the machine, or less if a limit is set (ulimit -v, a container).

    Where the system does not tell, the result is a bound that no machine reaches.
    """
    most = 2**46
    with contextlib.suppress(AttributeError, ValueError, OSError):
        most = min(most, os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE'))
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        most = min(most, soft) if soft > 0 else most  # infinity is negative
    for path in CONTAINER:
        with contextlib.suppress(OSError, ValueError):  # 'max' is no number
            most = min(most, int(path.read_text()))
    return most


def path_of(name: str, given: object, new: str = '') -> Path:
    """Return a path that a user typed, with `~` expanded.

    Parameters
    ----------
    new : str    for something that will be written: a path to suggest
    Raises
    ------
    WorkspaceError    it is not a path: a text in memory, a list of lines, bytes, an open file, ...
    """
    if isinstance(given, str | os.PathLike) and _can_be(given) and not _is_text(given):
        try:
            return Path(given).expanduser()
        except RuntimeError:  # ~name of a user that does not exist
            return Path(given)
    lines = isinstance(given, list | tuple) and all(isinstance(line, str) for line in given) and any(given)
    is_text = lines or (isinstance(given, str) and _is_text(given))
    what = (
        f'{name}={shown(given)} is a text, and a path is needed.' if is_text else f'{name}={shown(given)} is no path.'
    )
    if new:
        raise WorkspaceError(what, f'{name}={unused(new)!r}')
    if not is_text or name not in ('srcfile', 'dir'):
        raise WorkspaceError(what, _path_meant(name, given))
    save, file = save_text(given)
    size = size_of(given)
    raise WorkspaceError(what, f'{save}, then {f"srcfile={file!r}" if name == "srcfile" else begin(file, size=size)}')


def _path_meant(name: str, given: object) -> str:
    """Return what to type for a value that is no path: its own file, a new file with its text, or what is at hand."""
    if name == 'dir':
        run = run_at_hand()
        return f'dir={run!r}' if run else begin()
    if name != 'srcfile':
        states = sorted(str(found) for found in entries(Path()) if found.suffix == '.state')
        return f'{name}={states[0]!r}' if states else 'the path of a file that state.save has written'
    named = getattr(given, 'name', given)  # of an open file
    if isinstance(named, str | bytes) and is_file(named):
        return f'{name}={os.fsdecode(named)!r}'
    file = unused('text.txt')
    if isinstance(given, bytes | bytearray) and given:
        return f"open({file!r}, 'wb').write(data), then {name}={file!r}"
    if isinstance(given, io.IOBase):
        return f"open({file!r}, 'w', encoding='utf-8').write(file.read()), then {name}={file!r}"
    text = text_at_hand()
    return f'{name}={text!r}' if text else f"{name}='text.txt', with the name of a text of your own"


def _is_text(given: str | os.PathLike[str]) -> bool:
    """Return True if a str holds line breaks, a longer part than a path can have, or one long line of words."""
    if not isinstance(given, str):
        return False
    words = len(given) > MOST_SHOWN and ' ' in given and not {'/', os.sep} & set(given)
    return '\n' in given or any(len(part) > MOST_NAME for part in given.split('/')) or (words and not _is_there(given))


def _can_be(given: str | os.PathLike[str]) -> bool:
    """Return True for what the system takes as a path: a NUL or half of a surrogate pair is in none."""
    try:
        return b'\0' not in os.fsencode(given) and bool(given)
    except (UnicodeEncodeError, TypeError):
        return False


def _is_there(given: str) -> bool:
    try:
        return Path(given).exists()
    except (OSError, ValueError):
        return False


def is_file(given: str | bytes | Path) -> bool:
    """Return True for the path of a file that is there; a name that no file can have is False."""
    try:
        return os.path.isfile(given)  # noqa: PTH113  Path takes no bytes
    except ValueError:  # a NUL
        return False


def is_whole(value: object) -> TypeGuard[numbers.Integral]:
    """Return True for a whole number of any type, such as numpy's; a bool is none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def whole(least: int) -> Check:
    """Return a check for whole numbers of at least `least`; the check returns a plain int."""

    def check(name: str, value: object, default: Any = None) -> int:
        if is_whole(value) and int(value) >= least:
            if int(value) > LARGEST:
                raise HyperParamsError(f'{name} is larger than {LARGEST:,}.', f'{name}={default or max(least, 1)}')
            return int(value)
        spelled = _spelled(value)
        is_valid = least <= spelled <= LARGEST and spelled == int(spelled)
        suggested = int(spelled) if is_valid else max(least, 1) if default is None else default
        raise HyperParamsError(f'{name}={shown(value)} must be a whole number, {least} or more.', f'{name}={suggested}')

    return check


def real(low: float, high: float = LARGEST_REAL, *, open_low: bool = False, open_high: bool = False) -> Check:
    """Return a check for finite real numbers between `low` and `high`; the check returns a plain float."""
    least = f'more than {low:g}' if open_low else f'{low:g} or more'
    most = f'{"less than" if open_high else "at most"} {high:g}'

    def is_inside(number: float) -> bool:
        return (number > low if open_low else number >= low) and (number < high if open_high else number <= high)

    def check(name: str, value: object, default: Any = None) -> float:
        number = _as_float(value)
        if is_inside(number):  # nan is not
            return number
        bounds = f'{least} and {most}' if high < LARGEST_REAL or number > high else least
        spelled = _spelled(value)
        suggested = spelled if is_inside(spelled) else 0.5 if default is None else default
        raise HyperParamsError(f'{name}={shown(value)} must be a finite number, {bounds}.', f'{name}={suggested:g}')

    return check


def _as_float(value: Any) -> float:
    """Return a real number of any type as a float; nan for anything else, and inf for one beyond the largest float."""
    is_number = isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool)
    try:
        return float(value) if is_number else math.nan
    except OverflowError:  # an int or a Fraction
        return math.inf if value > 0 else -math.inf
    except ValueError:  # Decimal('sNaN')
        return math.nan


SPELLED = {'0': False, 'false': False, 'no': False, 'off': False, '1': True, 'true': True, 'yes': True, 'on': True}
"""Other spellings of False and True."""


def truth(name: str, value: object, default: Any = None) -> bool:
    """Return `value` if it is True or False; raise HyperParamsError for anything else (a ``Check``)."""
    if not isinstance(value, bool):
        meant = SPELLED.get(str(value).lower(), bool(default)) if isinstance(value, str | int) else bool(default)
        raise HyperParamsError(f'{name}={shown(value)} is neither True nor False.', f'{name}={meant}')
    return value


def choice(*known: str) -> Check:
    """Return a check for one of the names `known`."""

    def check(name: str, value: object, default: Any = None) -> str:
        if value not in known:
            meant = [k for k in known if isinstance(value, str) and k == value.strip().lower()] or known
            raise HyperParamsError(f'no {name} {shown(value)}.', ' or '.join(f'{name}={k!r}' for k in meant))
        return str(value)

    return check


def check_errors_argument(errors: str) -> None:
    """Raise HyperParamsError unless `errors` is 'strict' or 'replace'."""
    if errors not in ('strict', 'replace'):
        raise HyperParamsError(f'errors={shown(errors)} is unknown.', "errors='strict' or errors='replace'")


def _spelled(value: object) -> float:
    """Return the finite number that a number or a string stands for, or -inf, which no check accepts."""
    try:
        number = float(value) if isinstance(value, str) else _as_float(value)
    except ValueError:
        return -math.inf
    return number if math.isfinite(number) else -math.inf


def texts(name: str, value: object, default: Any = None) -> object:
    """Return a text, a list of texts or a value of a class, such as a State; refuse numbers and the like (a ``Check``).

    There is no example: it would have to be a text that the model knows.
    """
    if value is ... or isinstance(value, bool | int | float | dict) or value is None:
        raise HyperParamsError(f'{name}={shown(value)} is no text.', f'{name}=...')
    return value


def label(name: str, value: object, default: Any = None) -> str:
    """Return the name of a checkpoint; a number, 'best' and 'last' mean others (a ``Check``)."""
    if not is_checkpoint_name(value):
        what = f'{name}={shown(value)} is no name: at most {LONGEST_NAME} printable characters, no number, not'
        raise HyperParamsError(f"{what} 'best' or 'last'.", f'{name}={default or "before-dropout"!r}')
    return str(value)


def path(name: str, value: object, default: Any = None) -> object:
    """Return a path; of a folder of char-rnn, which has an input.txt, suggest that file (a ``Check``)."""
    if not isinstance(value, str | os.PathLike):
        raise HyperParamsError(f'{name}={shown(value)} is no path.', f'{name}=...')
    if name == 'srcfile' and _is_there(file := str(Path(value) / 'input.txt')):
        raise HyperParamsError(f'{name}={shown(value)} has no train.txt.', f'{name}={file!r}')
    return value


def device(name: str, value: object, default: Any = None) -> object:
    """Return the name of a device; numbers and truths of other libraries stand for a GPU or none (a ``Check``)."""
    if isinstance(value, str) and re.fullmatch(r'auto|cpu|mps|cuda(:\d+)?', value):
        return value
    is_none = value is False or str(value).strip().lower() in ('false', 'no', 'off', 'none') or _spelled(value) == -1
    raise HyperParamsError(f'no {name} {shown(value)}.', f'{name}={"cpu" if is_none else "auto"!r}')


def space(name: str, value: object, default: Any = None) -> object:
    """Return a search space, which experiments/space.py checks, or the path of its file (a ``Check``)."""
    if value and isinstance(value, dict | str | os.PathLike):
        return value
    raise HyperParamsError(f'{name}={shown(value)} is no space: it has no setting to vary.', f'{name}={default!r}')


def pruner(name: str, value: object, default: Any = None) -> object:
    """Return 'median' or a pruner of Optuna (a ``Check``)."""
    if value == 'median' or callable(getattr(value, 'prune', None)):
        return value
    raise HyperParamsError(f'no {name} {shown(value)}.', f"{name}='median', or leave {name} out")


def storage(name: str, value: object, default: Any = None) -> object:
    """Return the URL of a database; an error does not show it, as it may have a password (a ``Check``)."""
    if not (isinstance(value, str) and re.match(r'\w[\w+]*://', value)):
        raise HyperParamsError(f'{name} is no URL of a database.', f'{name}={default!r}, or leave {name} out')
    return value


CHECKS: dict[str, tuple[Check, Any]] = {
    **dict.fromkeys(('prime', 'stop', 'forbid', 'pattern', 'encoding'), (texts, None)),
    **dict.fromkeys(('srcfile', 'usedir', 'dir'), (path, None)),
    **dict.fromkeys(
        ('quiet', 'clear_state', 'background', 'stream', 'lower', 'punctuation', 'shuffle_lines'), (truth, True)
    ),
    **dict.fromkeys(('train_len', 'valid_len', 'print_every'), (whole(0), 100)),
    **dict.fromkeys(('save_minutes', 'minutes'), (real(0), 10)),
    **dict.fromkeys(('topk', 'k'), (whole(1), 10)),
    **dict.fromkeys(('num_rounds', 'rounds', 'until_round'), (whole(1), 1)),
    'batchsize': (whole(1), 16),
    'keep': (whole(1), 5),
    'trials': (whole(1), 20),
    'sampler': (choice('tpe', 'random', 'grid'), 'tpe'),
    'metric': (choice('valid', 'train'), 'valid'),
    'space': (space, {'layers': [1, 2]}),
    'pruner': (pruner, 'median'),
    'storage': (storage, 'sqlite:///study.db'),
    'patience': (whole(1), 3),
    'numchars': (whole(0), 500),
    'temp': (real(0), 0.5),
    'seed': (whole(0), 0),
    'errors': (choice('strict', 'replace'), 'strict'),
    'n': (whole(1), 5),
    'topp': (real(0, 1, open_low=True), 0.9),
    'minp': (real(0, 1), 0.05),
    'novel': (whole(1), 30),
    'atleast': (whole(1), 20),
    'trainfrac': (real(0, 1, open_low=True), 0.9),
    'validfrac': (real(0, 1, open_high=True), 0.1),
    'level': (choice('char', 'byte', 'word'), 'char'),
    'vocab_size': (whole(2), 10_000),
    'mincount': (whole(1), 2),
    'recipe': (choice('small'), 'small'),
    'device': (device, 'auto'),
}
"""The check of each argument that is no hyperparameter, and an example: for values that a foreign name brings along."""
