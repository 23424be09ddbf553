"""What a value must be: one check for each kind, and an error that says what to type instead."""

from __future__ import annotations

import math
import numbers
from typing import Any, Protocol, cast

from charrnn.errors import HyperParamsError


class Check(Protocol):
    """Called with the name of a value and the value: returns it as a plain one, or raises a HyperParamsError.

    The error suggests what a text or a float spells, if that will do, else `default`.
    """

    def __call__(self, name: str, value: Any, default: Any = None) -> Any: ...


def whole(least: int) -> Check:
    """A check for whole numbers of at least `least`; returns a plain int."""

    def check(name: str, value: object, default: Any = None) -> int:
        if not isinstance(value, bool) and isinstance(value, numbers.Integral) and int(value) >= least:
            return int(value)
        spelled = _spelled(value)
        will_do = spelled >= least and spelled == int(spelled)
        suggested = int(spelled) if will_do else max(least, 1) if default is None else default
        raise HyperParamsError(f'{name}={value!r} is not a whole number of at least {least}.', f'{name}={suggested}')

    return check


def real(low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = False) -> Check:
    """A check for finite real numbers between `low` and `high`; returns a plain float."""
    left, right = '(' if open_low else '[', ')' if open_high or high == math.inf else ']'

    def is_inside(number: float) -> bool:
        return (number > low if open_low else number >= low) and (number < high if open_high else number <= high)

    def check(name: str, value: object, default: Any = None) -> float:
        if type(value) is not bool and isinstance(value, numbers.Real) and math.isfinite(value):
            number = float(cast(float, value))
            if is_inside(number):
                return number
        spelled = _spelled(value)
        suggested = spelled if is_inside(spelled) else 0.5 if default is None else default
        raise HyperParamsError(
            f'{name}={value!r} is not a finite number in {left}{low:g}, {high:g}{right}.', f'{name}={suggested:g}'
        )

    return check


def truth(name: str, value: object, default: Any = None) -> bool:
    """A check for True and False."""
    if not isinstance(value, bool):
        raise HyperParamsError(f'{name}={value!r} is neither True nor False.', f'{name}=True')
    return value


def choice(*known: str) -> Check:
    """A check for one of a few names."""

    def check(name: str, value: object, default: Any = None) -> str:
        if value not in known:
            raise HyperParamsError(f'no {name} {value!r}.', ' or '.join(f'{name}={k!r}' for k in known))
        return str(value)

    return check


def _spelled(value: object) -> float:
    """The finite number that a float or a text spells; -inf, which no check takes, if it spells none."""
    try:
        number = float(value) if isinstance(value, str | float) else -math.inf
    except ValueError:
        return -math.inf
    return number if math.isfinite(number) else -math.inf
