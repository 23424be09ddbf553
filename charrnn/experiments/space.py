"""A search space: for each setting that varies, its choices or its range.

    [1, 2, 3]             choices
    (0.0, 0.5)            a range; of a setting that counts, of whole numbers
    (1e-4, 1e-1, 'log')   a range in which every factor is as likely as the next

In a JSON file, which has no tuples, a list that ends with "log" or "uniform" is a range: [0.0, 0.5, "uniform"].
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.arguments import Check, path_of, whole
from charrnn.errors import HyperParamsError, WorkspaceError, shown, typed
from charrnn.hyperparams import HyperParams
from charrnn.models import modeltype_named
from charrnn.names import unknown_name
from charrnn.storage.durable import cannot_read, explained

KINDS = ('uniform', 'log')
"""The words that make a range of two numbers."""
EXAMPLE: dict[str, Any] = {'learnrate': (0.001, 0.01, 'log'), 'dropout': [0.0, 0.2]}
"""A space to suggest."""
DRAWN = 200
"""Combinations that stand for a space before any is tried."""


@dataclass(frozen=True)
class Choices:
    """The values of a setting that are tried, as they are."""

    values: tuple[Any, ...]

    def facts(self) -> Any:
        """Return the choices as a plain value."""
        return [*self.values]

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that stand for all."""
        return self.values


@dataclass(frozen=True)
class Range:
    """All values of a setting from `low` to `high`; of whole numbers if both are an int."""

    low: Any
    high: Any
    log: bool

    def facts(self) -> Any:
        """Return the range as a plain value."""
        return [self.low, self.high, KINDS[self.log]]

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that stand for all."""
        return self.low, self.high


Space = Mapping[str, Choices | Range]


def read_space(given: object) -> Space:
    """Return the space that a user typed: a dict, or the path of a JSON file with one.

    Raises
    ------
    HyperParamsError    an unknown setting, an invalid value, or no space
    WorkspaceError      the file cannot be read
    """
    file = ''
    if isinstance(given, str | Path):
        try:
            path = path_of('space', given)
        except WorkspaceError as error:
            raise HyperParamsError(error.what, _step(EXAMPLE, 'space.json')) from None
        file = str(path)
        if not path.exists():
            step = f'{_step(EXAMPLE, file)}  (at the Python prompt also as a dict)'
            raise HyperParamsError(f'there is no file {file!r}, and a sweep needs a space.', step)
        with explained(path, cannot_read):
            content = path.read_bytes()
        try:
            given = json.loads(content)
        except ValueError as error:
            raise HyperParamsError(f'{file!r} is no JSON: {error}.', _step(EXAMPLE, file)) from None
    if not isinstance(given, Mapping) or not given:
        raise HyperParamsError(f'space={shown(given)} is no space: it has no setting to vary.', _step(EXAMPLE, file))
    known = checks()
    for name, value in given.items():
        if name not in known:
            raise HyperParamsError(*_unknown(name, value, given, file))
    return {name: _dimension(name, value, known[name], given, file) for name, value in given.items()}


def checks() -> dict[str, tuple[Check, Any]]:
    """Return the check and the default of each setting that can vary."""
    fields = HyperParams.__dataclass_fields__
    found = {name: (f.metadata['check'], f.default) for name, f in fields.items()}
    return {**found, 'batchsize': (whole(1), 16), 'modeltype': (_modeltype, 'GRUEncode')}


def _modeltype(name: str, value: Any, default: Any = None) -> str:
    return modeltype_named(value)


def _step(space: Mapping[Any, Any], file: str) -> str:
    """Return what to type for a space, or to write into its file."""
    if file:
        return f'{json.dumps(space, default=str)} in {file!r}'
    text = ', '.join(f'{name!r}: {typed(value)}' for name, value in space.items())
    return f'space={{{text}}}' if '...' not in text else 'that alone in the space otherwise'


def _unknown(name: Any, value: Any, given: Mapping[Any, Any], file: str) -> tuple[str, str]:
    """Return the message and the next step for a setting that cannot vary."""
    rest = {other: each for other, each in given.items() if other != name}

    def spaced(other: str, value: Any) -> str:
        if other in rest:
            return _step(rest, file)
        try:
            _dimension(other, value, checks()[other], {}, '')
        except HyperParamsError:
            value = _example(other)
        return _step({**rest, other: value}, file)

    what, step = unknown_name('setting', str(name), value, [*checks()], spaced)
    if step.startswith('one of '):
        step = f'{_step(rest or EXAMPLE, file)}; other settings that can vary: {", ".join(checks())}'
    return f'{what.rstrip(".")} that can vary.', step


def _example(name: str) -> list[Any]:
    """Return two choices of a setting to suggest, about its default."""
    default = checks()[name][1]
    if isinstance(default, bool):
        return [False, True]
    if isinstance(default, str):
        return {'modeltype': ['GRU', 'LSTM'], 'sampling': ['lanes', 'random']}.get(name, ['rmsprop', 'muon'])
    if isinstance(default, int):
        return [default or 1, 2 * (default or 1)]
    return [default / 2 or 0.1, default or 0.2]


def _dimension(name: str, value: Any, known: tuple[Check, Any], given: Mapping[Any, Any], file: str) -> Choices | Range:
    """Return the checked choices or the range of one setting."""
    default = known[1]

    def refuse(why: str) -> HyperParamsError:
        return HyperParamsError(f'{name}: {shown(value)} {why}', _step({**given, name: _example(name)}, file))

    if not isinstance(value, list | tuple):
        raise refuse('is neither a list of choices nor a range (low, high).')
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if is_number and (isinstance(value, tuple) or (value and value[-1] in KINDS)):
        *ends, kind = value if value and isinstance(value[-1], str) else (*value, 'uniform')
        if len(ends) != 2 or kind not in KINDS:
            raise refuse("is no range: (low, high), or (low, high, 'log'). Choices are a list.")
        low, high = _checked(name, ends, known, refuse)
        if not low < high:
            raise refuse('is an empty range.')
        if kind == 'log' and low <= 0:
            raise refuse('begins at 0, and a logarithm does not.')
        return Range(low, high, kind == 'log')
    if not value or isinstance(value, tuple):
        raise refuse('is no list of choices.')
    values = _checked(name, value, known, refuse)
    if len({*values}) < len(values):
        raise refuse('has a choice twice.')
    return Choices(values)


def _checked(name: str, values: Any, known: tuple[Check, Any], refuse: Any) -> tuple[Any, ...]:
    check, default = known
    try:
        return tuple(check(name, each, default) for each in values)
    except HyperParamsError as error:
        raise refuse(f'has an invalid value: {error.what}') from None


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Yield every combination of choices, the last setting fastest.

    Raises
    ------
    HyperParamsError    a setting has a range
    """
    for name, each in space.items():
        if isinstance(each, Range):
            step = f"sampler='tpe', or [{each.low}, {each.high}] as choices of {name}"
            raise HyperParamsError(f"sampler='grid' tries choices, and {name} has a range.", step)
    for values in itertools.product(*(each.ends for each in space.values())):
        yield dict(zip(space, values, strict=True))


def drawn(space: Space) -> list[dict[str, Any]]:
    """Return combinations of choices and of ends of ranges that stand for all."""
    draws = random.Random(0)
    found = {tuple(draws.choice(each.ends) for each in space.values()) for _ in range(DRAWN)}
    return [dict(zip(space, values, strict=True)) for values in sorted(found, key=repr)]
