"""The wishes of a user for a text: stop strings, limits, constraints and held units, checked, as a Request."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from charrnn.arguments import is_whole, memory_bytes, real, whole
from charrnn.errors import CharSetError, HyperParamsError, SamplingError, shown
from charrnn.sampling.constraints import Forbidden, Lines, Novel
from charrnn.sampling.filters import Limits
from charrnn.sampling.writer import Constraint, Request
from charrnn.session.hooks import own
from charrnn.session.prime import example_of
from charrnn.session.run import Run
from charrnn.text.vocabulary import errors_for

BYTES_OF_A_SYMBOL = 96
"""Memory that a drawn symbol takes on the way to a text: its number, index, cost, as items of lists, as a character."""

MANY = 100_000
"""Symbols that are suggested in the place of more than the memory holds."""

Strings = str | Sequence[str] | None


class Wishes(TypedDict, total=False):
    """The arguments of ``generatestring`` that shape the text."""

    stop: Strings
    topk: int | None
    topp: float | None
    minp: float | None
    forbid: Strings
    pattern: str | None
    novel: int | None
    clamp: Mapping[tuple[int, int], float] | None


def request_of(run: Run, numchars: int, temp: float, wishes: Wishes | None = None) -> Request:
    """Return the request for a text of at most `numchars` symbols, with the attached sampling filter if there is one.

    Raises
    ------
    HyperParamsError, SamplingError    a wish that cannot be
    """
    wishes = wishes or Wishes()
    stop, forbid = (strings(run, name, wishes.get(name)) for name in ('stop', 'forbid'))
    _refuse_unknown(run, stop)
    topk, topp, minp = wishes.get('topk'), wishes.get('topp'), wishes.get('minp')
    never = never_of(run, forbid)
    limits = Limits(
        temp,
        None if topk is None else whole(1)('topk', topk, 10),
        0.0 if minp is None else real(0, 1)('minp', minp, 0.05),
        1.0 if topp is None else real(0, 1, open_low=True)('topp', topp, 0.9),
        never,
    )
    constraints: list[Constraint] = []
    if longer := [string for string in forbid if _symbol_of(run, string) is None]:
        constraints.append(Forbidden(longer))
    if (pattern := wishes.get('pattern')) is not None:
        constraints.append(Lines(pattern, stop))
    if (novel := wishes.get('novel')) is not None:
        constraints.append(Novel(run.data.train, whole(1)('novel', novel, 30)))
    function = own(run.attachments, 'samplefilter')
    return Request(numchars, limits, stop, tuple(constraints), function, held_units(run, wishes.get('clamp')))


def strings(run: Run, name: str, given: object) -> tuple[str, ...]:
    """Return the strings of an argument that takes one or several, none of them empty."""
    found, example = (given,) if isinstance(given, str) else () if given is None else given, f'{name}={example_of(run)}'
    if not isinstance(found, Sequence) or isinstance(found, bytes) or not all(isinstance(each, str) for each in found):
        raise SamplingError(f'{name}={shown(given)} is no string and no list of strings.', example)
    if '' in found:
        raise SamplingError(f'{name}={shown(given)}: an empty string is everywhere.', example)
    return tuple(found)


def never_of(run: Run, forbid: Sequence[str]) -> tuple[int, ...]:
    """Return the symbols that must never come: the unknown one, and those that hold a forbidden string."""
    chars = run.data.chars
    found = {index for string in forbid if (index := _symbol_of(run, string)) is not None}
    if forbid and chars.level == 'word':
        found |= {i for i in range(len(chars)) if any(string in chars.decode([i]) for string in forbid)}
    if chars.silent is not None:
        found.add(chars.silent)
    if len(found) == len(chars):
        raise SamplingError(f'forbid={shown(list(forbid))} leaves no symbol to draw.', 'forbid less')
    return tuple(sorted(found))


def _symbol_of(run: Run, string: str) -> int | None:
    """Return the symbol that is this string; None for several symbols, and for a word, which others may contain."""
    chars = run.data.chars
    if chars.level == 'word':
        return None
    found: list[int] = chars.encode(string, errors='replace').tolist()
    return found[0] if len(found) == 1 and chars.decode(found) == string else None


def _refuse_unknown(run: Run, stop: Sequence[str]) -> None:
    """Raise CharSetError for a stop string that a model of characters can never write."""
    if run.data.chars.level == 'char':
        for string in stop:
            try:
                run.data.chars.encode(string)
            except CharSetError as error:
                kept = [each for each in stop if not errors_for(run.data.chars, each)]
                step = f'stop={kept!r}' if kept else 'leave stop out'
                raise CharSetError(f'stop={shown(string)} can never come: {error.what}', step) from None


def held_units(run: Run, clamp: Any) -> dict[tuple[int, int], float] | None:
    """Return the units that keep a value, by (layer, unit), both from 0 on."""
    if clamp is None:
        return None
    hyper, found = run.learner.hyper, {}
    if run.learner.evaluated.stack() is None:
        raise SamplingError(f'no unit of a {run.modeltype} can be held.', 'leave clamp out')
    example = 'clamp={(0, 0): 1.0}, a layer, a unit and its value'
    if not isinstance(clamp, Mapping):
        raise HyperParamsError(f'clamp={shown(clamp)} is no dict.', example)
    for key, value in clamp.items():
        is_pair = isinstance(key, tuple) and len(key) == 2 and all(map(is_whole, key))
        if not is_pair or not (0 <= key[0] < hyper.layers and 0 <= key[1] < hyper.state_size):
            there = f'layers 0 to {hyper.layers - 1} with units 0 to {hyper.state_size - 1}'
            raise HyperParamsError(f'clamp has {shown(key)}, and there are {there}.', example)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(float(value)):
            raise HyperParamsError(f'clamp holds unit {key} at {shown(value)}, which is no finite number.', example)
        found[int(key[0]), int(key[1])] = float(value)
    return found


def refuse_too_large(numchars: int, streams: int) -> None:
    """Raise SamplingError if texts of this size cannot be held in the memory of this machine."""
    needed, memory = BYTES_OF_A_SYMBOL * numchars * streams, memory_bytes()
    if needed > memory:
        raise SamplingError(
            f'{numchars:,} symbols on {streams:,} streams need some {needed / 1e9:,.0f} GB of memory, '
            f'and this machine has {memory / 1e9:,.0f} GB.',
            _smaller(numchars, streams),
        )


def _smaller(numchars: int, streams: int) -> str:
    """Return the arguments that draw less, of those that are too large."""
    few = f'n={max(1, min(streams, MANY // max(1, numchars)))}'
    if numchars <= MANY:
        return few
    return f'numchars={MANY}{f", {few}" if streams > 1 else ""}; another call can go on from the .state of this one'
