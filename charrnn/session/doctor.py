"""Advice about a run, from measurements on a copy of it: the verb doctor."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from charrnn.arguments import memory_bytes
from charrnn.display.progress import Screen
from charrnn.display.standing import standing_of
from charrnn.display.tables import Column, Several, Table, Tabular
from charrnn.display.text import NOUNS, count
from charrnn.session.beginnings import begun_again, unusual
from charrnn.session.overview import course_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.training.learner import Learner
from charrnn.training.limits import MARGIN, in_gigabytes, training_bytes
from charrnn.training.ratetest import MOST_WINDOWS, rate_test, rounded

SPEED_SECONDS, RATE_SECONDS = 2.0, 12.0
"""Time for measuring the speed, and for the range test of the rate."""
FEW_UPDATES = 100
"""Updates in an epoch below which more of them learn more from the same text."""
LEAST_LANES = 4
"""Lanes below which a window is too noisy to advise."""
SMALL_TEXT = 5_000_000
"""Symbols up to which recipe='small' was chosen."""
LEAST_SHARE = 0.02
"""Weights for each symbol of a long text below which a larger model learns more."""


@dataclass(frozen=True)
class Finding:
    """One line of the advice.

    Parameters
    ----------
    name : str       what was looked at
    found : str      what was measured or counted
    remark : str     what is to be said about it; empty: nothing
    next_step : str  what to type; empty: nothing need change
    begins : bool    True if that begins another run, in the place of changing this one
    """

    name: str
    found: str
    remark: str = ''
    next_step: str = ''
    begins: bool = False


class Diagnosis(Several, Tabular, tuple[Finding, ...]):
    """The findings about a run: a tuple that the prompt shows as a table, with what to type below it."""

    __slots__ = ()
    noun = 'finding'

    def table(self) -> Table:
        """Return a row for each finding."""
        advised = [finding for finding in self if finding.next_step]
        steps = [f'  {finding.next_step}' for finding in advised if not finding.begins]
        steps += [f'  {"or " if steps else ""}a new run: {finding.next_step}' for finding in advised if finding.begins]
        after = '\n'.join(['What it would change:', *steps]) if steps else 'It would change nothing.'
        columns = [Column(''), Column('found'), Column('')]
        return Table(columns, [(finding.name, finding.found, finding.remark) for finding in self], after=after)


@known_names_only
def doctor(ms: Session) -> Diagnosis:
    """Look a run over, and say what to change.

    Weights beside symbols, lanes, memory, the measured speed, a range test
    of the learning rate, and where the history says that it stands. The
    measurements train a copy for some seconds; nothing of the run changes.
    Each advice is a line to type; none is a must.
    """
    run = run_of(ms)
    run.learner.refuse_if_torn()
    run.learner.refuse_if_diverged()
    copy = run.snapshot().learner
    copy.lay_lanes(copy.lanes)
    findings = [_weights(run), _lanes(run), _memory(run)]
    with Screen().bar('measuring', MOST_WINDOWS, copy.lanes * copy.hyper.seq_len):
        findings += [_speed(copy, run), _rate(copy, run)]
    return Diagnosis([*_standing(run), *findings])


def _weights(run: Run) -> Finding:
    hyper, n = run.learner.hyper, run.data.train_size
    weights = sum(p.numel() for p in run.learner.model.parameters())
    found = f'{count(weights)} for {count(n)} {NOUNS[run.data.chars.level]} that train'
    if not run.learner.symbols and hyper.optimizer == 'rmsprop' and n <= SMALL_TEXT:
        remark = 'a text of this size has a recipe'
        return Finding('weights', found, remark, _another(run, {'recipe': 'small'}), begins=True)
    if weights > n and not (hyper.dropout or hyper.weightdrop):
        remark = 'it can learn the text by heart: drop some, and stop in time (patience=3)'
        return Finding('weights', found, remark, 'ms.sethyperparams(dropout=0.3)')
    if weights < LEAST_SHARE * n:
        remark = 'few: a larger model learns more from so long a text'
        return Finding('weights', found, remark, _another(run, {'state_size': 2 * hyper.state_size}), begins=True)
    return Finding('weights', found)


def _lanes(run: Run) -> Finding:
    learner = run.learner
    lanes, windows = learner.lanes, learner.epoch_windows()
    found = f'{lanes} of {run.data.train_size // lanes:,}, {windows:,} updates an epoch'
    fewer = max(LEAST_LANES, lanes * windows // (2 * FEW_UPDATES))
    if windows < FEW_UPDATES and fewer < lanes:
        remark = 'few updates: fewer lanes make more of them from the same text'
        return Finding('lanes', found, remark, f'ms.trainmodel(batchsize={fewer})')
    return Finding('lanes', found)


def _memory(run: Run) -> Finding:
    learner = run.learner
    needed = training_bytes(run.modeltype, len(run.data.chars), learner.hyper, learner.lanes)
    there = memory_bytes()
    found = f'at least {needed / 1e6:,.0f} MB of {in_gigabytes(there)}'
    if needed * MARGIN > there and learner.lanes > 1:
        step = f'ms.trainmodel(batchsize={max(1, learner.lanes // 2)})'
        return Finding('memory', found, f'up to {MARGIN} times as much is taken: it may not suffice', step)
    return Finding('memory', found)


def _speed(copy: Learner, run: Run) -> Finding:
    copy.train_window()  # buffers are made
    began, windows = time.monotonic(), 0
    while windows < MOST_WINDOWS and (time.monotonic() - began < SPEED_SECONDS or windows < 2):
        copy.train_window()
        windows += 1
    speed = windows * copy.lanes * copy.hyper.seq_len / (time.monotonic() - began)
    level, engine = run.data.chars.level, copy.model.engine
    found = f'{count(speed)} {level}s/s, an epoch takes {_duration(run.data.train_size / speed)} ({engine.name})'
    if engine.name == 'torch' and copy.device.type == 'cpu':
        return Finding('speed', found, engine.why)
    return Finding('speed', found)


def _rate(copy: Learner, run: Run) -> Finding:
    present = run.learner.learnrate or run.learner.hyper.learnrate
    copy.load(run.learner.moment())
    copy.lay_lanes(copy.lanes)
    test = rate_test(copy, RATE_SECONDS)
    if math.isinf(test.limit):
        return Finding('learnrate', f'{present:.3g} now; the loss does not rise up to {test.rates[-1]:.2g}')
    low, high = test.usual
    found = f'{present:.3g} now; the loss begins to rise at {test.limit:.2g}'
    if low <= present <= high:
        return Finding('learnrate', found)
    better = rounded(high / 3)
    remark = 'high: the training may diverge' if present > high else 'low: it learns slowly, unless it is near its end'
    return Finding('learnrate', found, remark, f'ms.sethyperparams(learnrate={better:g})')


def _standing(run: Run) -> Iterator[Finding]:
    if not len(run.data.valid):
        remark = 'nothing shows when it begins to learn by heart'
        yield Finding('validation', 'none', remark, _another(run, {'trainfrac': 0.9}), begins=True)
    elif run.learner.symbols:
        standing = standing_of(course_of(run))
        losses = run.history.validations()
        found = f'{losses[-1][1]:.3f} nats in round {losses[-1][0]}' if losses else 'not yet measured'
        yield Finding('validation', found, standing.words, standing.next_step if standing.words else '')


def _another(run: Run, changes: dict[str, Any]) -> str:
    """Return the call that begins a run on the same text, with some other settings."""
    learner = run.learner
    options = {**unusual(run.modeltype, learner.hyper, learner.seed), **changes}
    call = begun_again(run.data, run.workspace.name, options)
    return f'ms = {call}' if call else ''


def _duration(seconds: float) -> str:
    """Return a time in a few characters.

    >>> _duration(8.4), _duration(200), _duration(9000)
    ('8 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f'{seconds:.1f} s' if seconds < 3 else f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'
