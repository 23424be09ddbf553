"""The round: windows from the run's present place, then a validation, then a checkpoint.

Round boundaries change nothing that is learned: only what is measured, printed and saved.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from charrnn.errors import AttachedError
from charrnn.evaluation.protocol import SplitScore, cut_into_lanes, evaluate_split
from charrnn.training.history import Row
from charrnn.training.learner import Learner, Rate
from charrnn.training.requests import Requests
from charrnn.training.step import StepResult

LOOKED_AT = 5
"""Windows of every lane in the validation of a report: random windows have no epoch to wait for."""

FIRST_LOOK = 250_000
"""Symbols of the validation split that the untrained loss is measured on, at most."""


@dataclass(frozen=True)
class RoundPlan:
    """The request of one call of trainmodel.

    Parameters
    ----------
    rounds : int             rounds to train
    windows : int            of every lane in each round; 0 is an epoch's
    valid_len : int          windows of every evaluation lane to validate on; 0 is Dataset.validated
    print_every : int        windows from report to report; 0 reports nothing
    save_minutes : float     from checkpoint to checkpoint inside a round
    deadline : float         of time.monotonic(); from then on no window begins, except the first of a round
    patience : int           rounds without a better validation of the whole split after which to stop; 0 goes on
    """

    rounds: int = 1
    windows: int = 0
    valid_len: int = 0
    print_every: int = 100
    save_minutes: float = 10
    deadline: float = math.inf
    patience: int = 0


class Patience:
    """The count of rounds without a better validation.

    Parameters
    ----------
    rounds : int             after which patience is over; 0: never
    best : float or None     the lowest validation loss so far
    """

    def __init__(self, rounds: int, best: float | None) -> None:
        self.rounds, self.best, self.since = rounds, best, 0

    def is_over(self, best: float | None) -> bool:
        """Count one more round, after which `best` is the lowest loss so far; return True if that was the last one."""
        self.since = self.since + 1 if best == self.best else 0
        self.best = best
        return self.since >= self.rounds > 0


class Listener(Protocol):
    """Shows, records and saves for the loop, which knows no screen and no path."""

    def bar(self, label: str, windows: int, symbols: int) -> AbstractContextManager[None]:
        """Show a progress bar for the block: its number of windows, and the symbols of each."""

    def advance(self, loss_nats: float | None = None) -> None:
        """Count one window as done."""

    def sample(self) -> str:
        """Return a sample that goes on from lane 0."""

    def record(self, row: Row) -> None:
        """Take a new row of the history.  AttachedError: the row is kept, but the user's `onreport` raised."""

    def save(self) -> int:
        """Write a checkpoint of this moment; return its number."""


@dataclass(frozen=True)
class TrainReport:
    """The result of one call of trainmodel.

    Parameters
    ----------
    rounds : int                 rounds begun by this call
    windows, symbols : int       trained by it; symbols counts all lanes
    epoch : float                of the run, now
    train_nats : float or None   mean loss of the last round, nats per symbol
    valid_nats : float or None   its validation; None if there was none
    checkpoint : int or None     the newest one
    seconds : float              spent in training windows; validations, samples and checkpoints come on top, so that
                                 minutes=1 ends with fewer than 60
    interrupted : bool           True if Ctrl-C ended it
    stopped_early : bool         True if patience ended it
    """

    rounds: int
    windows: int
    symbols: int
    epoch: float
    train_nats: float | None
    valid_nats: float | None
    checkpoint: int | None
    seconds: float
    interrupted: bool
    stopped_early: bool = False

    def __repr__(self) -> str:
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in vars(self).items()}
        return f'TrainReport({", ".join(f"{k}={v!r}" for k, v in rounded.items())})'


class _Meter:
    """Sums over the windows since the last row."""

    def __init__(self, learner: Learner) -> None:
        self.nats = 0.0
        self.windows = self.symbols = 0
        self.last: StepResult | None = None
        self._learner, self._began = learner, learner.seconds

    def add(self, step: StepResult) -> None:
        self.nats += step.loss_nats
        self.windows += 1
        self.symbols += step.symbols
        self.last = step

    def columns(self) -> dict[str, Any]:
        if self.last is None:
            return {'train_nats': None, 'grad_norm': None, 'windows': 0, 'chars_per_second': None}
        seconds = self._learner.seconds - self._began
        return {
            'learnrate': self.last.learnrate,
            'train_nats': self.nats / self.windows,
            'grad_norm': self.last.grad_norm,
            'windows': self.windows,
            'chars_per_second': self.symbols / seconds if seconds else None,
        }


def make_row(kind: str, learner: Learner, **columns: Any) -> Row:
    """Return a row of the history with the learner's place in it."""
    return {
        'kind': kind,
        'round': learner.round,
        'epoch': learner.epoch,
        'position': learner.position,
        'seconds': learner.seconds,
        'learnrate': learner.learnrate,
        **columns,
    }


def validation_columns(found: SplitScore | None) -> dict[str, Any]:
    """Return the columns of a validation; empty ones if there was none."""
    if found is None:
        return {'valid_nats': None, 'valid_stderr': None, 'valid_symbols': 0}
    return {'valid_nats': found.nats, 'valid_stderr': found.stderr, 'valid_symbols': found.symbols}


def untrained_row(learner: Learner) -> Row:
    """Return the first row of a history: the loss of the untrained model."""
    data = learner.data
    split = data.valid if len(data.valid) else data.train
    found = evaluate_split(learner.evaluated, data.train, split[:FIRST_LOOK], learner.hyper.seq_len)
    if len(data.valid) or found is None:
        return make_row('start', learner, **validation_columns(found))
    return make_row('start', learner, train_nats=found.nats, **validation_columns(None))


def validate(learner: Learner, windows: int, asked: Requests, listener: Listener) -> SplitScore | None:
    """Measure the validation split under a bar; return None if a stop was requested."""
    T = learner.hyper.seq_len
    split = learner.data.valid if windows else learner.data.validated
    lanes, longest = cut_into_lanes(len(split), T, windows)

    def tick() -> bool:
        listener.advance()
        return asked.after_all()

    with listener.bar('validating', -(-longest // T), lanes * T):
        return learner.validate(windows, tick)


def run_round(
    learner: Learner, plan: RoundPlan, asked: Requests, listener: Listener, own_rate: Rate | None = None
) -> Row:
    """Train the windows of one round, validate, record, save; return the row of the round.

    The row and the checkpoint are written also if an attached function raises; its error is raised last.

    Parameters
    ----------
    own_rate : callable      the user's own schedule
    Raises
    ------
    NonFiniteLossError       the round ends before the window, or the checkpoint, that failed
    AttachedError            an attached function raised; the round has ended there, and is saved
    """
    whole = _Meter(learner)
    windows = plan.windows or learner.epoch_windows()
    failure: AttachedError | None = None
    with learner.new_round(), listener.bar(f'round {learner.round}', windows, learner.lanes * learner.hyper.seq_len):
        try:
            _train_windows(learner, windows, plan, asked, listener, own_rate, whole)
        except AttachedError as error:  # it ends the round, and costs it nothing else
            if not whole.windows or learner.team.size > 1:  # the other ranks do not know of it
                raise
            failure = error
    found = None
    if len(learner.data.valid) and not asked.requested and not failure:
        found = validate(learner, plan.valid_len, asked, listener)
    row = make_row('round', learner, **whole.columns(), **validation_columns(found))
    try:
        listener.record(row)
    except AttachedError as error:
        if learner.team.size > 1:
            raise
        failure = failure or error
    listener.save()
    if failure:
        raise failure
    return row


def _train_windows(
    learner: Learner,
    windows: int,
    plan: RoundPlan,
    asked: Requests,
    listener: Listener,
    own_rate: Rate | None,
    whole: _Meter,
) -> None:
    """Train up to `windows` windows, with the reports and the checkpoints inside the round; count them in `whole`."""
    recent = _Meter(learner)
    asked.note_saved()
    for done in range(1, windows + 1):
        # At the end of an epoch and not of a round, so that the rate does not depend on where rounds end.
        if learner.epoch_ended():
            found = validate(learner, 0, asked, listener)
            if found:
                listener.record(make_row('validation', learner, **validation_columns(found)))
        if asked.requested or (whole.windows and asked.over):
            return
        step = learner.train_window(own_rate, asked.here)
        whole.add(step)
        recent.add(step)
        listener.advance(step.loss_nats)
        if plan.print_every and done % plan.print_every == 0:
            row = make_row('report', learner, **recent.columns(), sample=listener.sample())
            if learner.hyper.sampling == 'random' and len(learner.data.valid):
                found = validate(learner, plan.valid_len or LOOKED_AT, asked, listener)
                row = {**row, **validation_columns(found)}
            recent = _Meter(learner)
            listener.record(row)
        if asked.due and done < windows:
            listener.save()
            asked.note_saved()
