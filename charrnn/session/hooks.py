"""Functions of the user's own, attached to a run: the one table of hooks, and the verbs attach, reattach and detach.

A new hook is one row of HOOKS, one argument of ``attach``, and a call where it acts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.display.text import Text, fitted, printable
from charrnn.errors import AttachedError, shown
from charrnn.sampling.filters import OwnFilter
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only
from charrnn.storage.attachments import Attachments, raised
from charrnn.training.learner import Rate
from charrnn.training.schedule import Progress


@dataclass(frozen=True)
class Hook:
    """One place where a run calls a function of the user's own.

    Parameters
    ----------
    example : str        a function of the right form
    checked : callable   wraps an attached function so that an invalid answer raises AttachedError
    """

    example: str
    checked: Callable[[Callable[..., Any]], Callable[..., Any]]


def _checked_schedule(schedule: Callable[..., Any]) -> Rate:
    """Progress → the learning rate of the next window, a finite number, 0 or more."""

    def rate(progress: Progress) -> float:
        found = schedule(progress)
        if isinstance(found, bool) or not isinstance(found, Real) or not 0 <= float(found) < math.inf:
            raise raised('schedule', f'answered {shown(found)} to {progress}: it must be a finite number, 0 or more')
        return float(found)

    return rate


def _checked_filter(function: Callable[..., Any]) -> OwnFilter:
    """Logits (V,) of the next symbol and the text so far → logits (V,), not all of them -inf."""

    def changed(logits: NDArray[np.float64], text: str) -> NDArray[np.float64]:
        try:
            found = np.asarray(function(logits, text), np.float64)
        except (TypeError, ValueError) as error:
            raise raised('samplefilter', f'answered with no array of logits ({error})') from None
        if found.shape != logits.shape or np.isnan(found).any() or not np.isfinite(found.max()):
            wrong = f'answered with an array {found.shape}, with nan or with nothing but -inf'
            raise raised('samplefilter', f'{wrong}, where logits {logits.shape} are due')
        return found

    return changed


HOOKS = {
    'schedule': Hook('lambda moment: moment.learnrate / (1 + moment.epoch)', _checked_schedule),
    'onreport': Hook("lambda row: print(row['epoch'], row['train_nats'])", lambda function: function),
    'samplefilter': Hook('lambda logits, text: logits', _checked_filter),
}


def own(attachments: Attachments, name: str) -> Callable[..., Any] | None:
    """Return the attached function of a hook, safe to call; None if nothing is attached, or it is not opened."""
    function = attachments.function(name)
    return None if function is None else HOOKS[name].checked(function)


@fitted
class AttachedTable(dict[str, str]):
    """The sources of the attached functions, by name; the prompt shows them as they were typed."""

    def __init__(self, attachments: Attachments) -> None:
        super().__init__({name: Text(held.source) for name, held in attachments.items()})
        self.waiting = attachments.waiting

    def __repr__(self) -> str:
        if not self:
            return 'nothing is attached.  Next: ms.attach(schedule=...), onreport=... or samplefilter=...'
        lines = []
        for name, source in self.items():
            state = '  (waits: ms.reattach() runs this code, ms.detach(...) drops it)' if name in self.waiting else ''
            lines += [f'{name}{state}', *(f'  │ {line}' for line in printable(source).splitlines())]
        return '\n'.join(lines)


@known_names_only
def attach(
    ms: Session,
    *,
    schedule: Callable[[Progress], float] | None = None,
    onreport: Callable[[dict[str, Any]], object] | None = None,
    samplefilter: Callable[[NDArray[np.float64], str], Any] | None = None,
) -> AttachedTable:
    """Register functions of your own with the run.

    Functions or lambdas; the checkpoints keep them.
    `schedule(moment)` answers the learning rate of the next window;
    a moment has position, symbols, epoch, round and learnrate.
    `onreport(row)` is called with each row of the history.
    `samplefilter(logits, text)` changes the logits (V,) of each
    symbol that is drawn. One that raises ends the round, which is
    saved. Raises AttachedError (not callable, or dill cannot keep it).
    """
    run = run_of(ms)
    run.refuse_while_training()
    given = {'schedule': schedule, 'onreport': onreport, 'samplefilter': samplefilter}
    functions: dict[str, Any] = {name: function for name, function in given.items() if function is not None}
    for name, function in functions.items():
        if not callable(function):
            example = f'a function, such as ms.attach({name}={HOOKS[name].example})'
            raise AttachedError(f'{name}={shown(function)} cannot be called.', example)
    run.attachments.attach(functions)
    return attached(ms)


def attached(ms: Session) -> AttachedTable:
    """Return the names and sources of the attached functions."""
    return AttachedTable(run_of(ms).attachments)


@known_names_only
def reattach(ms: Session) -> AttachedTable:
    """Open a loaded run's attached functions: runs code.

    The writer of the directory chose that code: read ms.attached first.
    A function has the values of the variables that it uses as they were
    saved. Raises AttachedError (it cannot be opened).
    """
    run_of(ms).attachments.reattach()
    return attached(ms)


@known_names_only
def detach(ms: Session, name: str) -> AttachedTable:
    """Drop an attached function, by the name of its hook."""
    run = run_of(ms)
    run.refuse_while_training()
    run.attachments.detach(name)
    return attached(ms)
