"""The round: windows from where the run stands, then a validation, then a checkpoint.

Where a round begins and ends changes nothing that is learned: only what is measured, printed and saved.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from charrnn.errors import AttachedError, NonFiniteLossError
from charrnn.evaluation.protocol import Validation, cut_into_lanes
from charrnn.training.history import Row
from charrnn.training.interrupt import StopRequest
from charrnn.training.learner import Learner, StepResult

LOOKED_AT = 5
"""Random windows have no epoch to wait for: each report has a validation, over so many windows of every lane."""


class Listener(Protocol):
    """Who shows, records and saves: training itself knows no screen and no path."""

    def bar(self, label: str, windows: int, symbols: int) -> AbstractContextManager[None]:
        """A progress bar for the block: so many windows of so many symbols each."""

    def advance(self, loss_nats: float | None = None) -> None:
        """One window is done."""

    def speak(self) -> str:
        """A sample from where lane 0 stands."""

    def record(self, row: Row) -> None:
        """A new row of the history.  AttachedError: the row is kept, but what the user hung on reports raised."""

    def save(self) -> int:
        """Write a checkpoint of this moment; its number."""


@dataclass(frozen=True)
class TrainReport:
    """What one call of trainmodel did.

    Parameters
    ----------
    rounds : int                 rounds begun by this call
    windows, symbols : int       trained by it; symbols counts all lanes
    epoch : float                where the run stands now
    train_nats : float or None   mean loss of the last round, nats per symbol
    valid_nats : float or None   its validation; None if there was none
    checkpoint : int or None     the newest one
    seconds : float              spent in training windows
    interrupted : bool           whether Ctrl-C ended it
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

    def __repr__(self) -> str:
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in vars(self).items()}
        return f'TrainReport({", ".join(f"{k}={v!r}" for k, v in rounded.items())})'


class _Meter:
    """Sums the windows since the last row."""

    def __init__(self) -> None:
        self.nats = self.seconds = 0.0
        self.windows = self.symbols = 0
        self.last: StepResult | None = None

    def add(self, step: StepResult, seconds: float) -> None:
        self.nats += step.loss_nats
        self.seconds += seconds
        self.windows += 1
        self.symbols += step.symbols
        self.last = step

    def columns(self) -> dict[str, Any]:
        if self.last is None:
            return {'train_nats': None, 'grad_norm': None, 'windows': 0, 'chars_per_second': None}
        return {
            'learnrate': self.last.learnrate,
            'train_nats': self.nats / self.windows,
            'grad_norm': self.last.grad_norm,
            'windows': self.windows,
            'chars_per_second': self.symbols / self.seconds if self.seconds else None,
        }


def make_row(kind: str, learner: Learner, **columns: Any) -> Row:
    """A row of the history, with where the learner stands."""
    return {
        'kind': kind,
        'round': learner.round,
        'epoch': learner.epoch,
        'position': learner.position,
        'seconds': learner.seconds,
        'learnrate': learner.learnrate,
        **columns,
    }


def validation_columns(found: Validation | None) -> dict[str, Any]:
    """The columns of a validation; none if there was none."""
    if found is None:
        return {'valid_nats': None, 'valid_stderr': None, 'valid_symbols': 0}
    return {'valid_nats': found[0], 'valid_stderr': found[1], 'valid_symbols': found[2]}


def validate(learner: Learner, windows: int, stop: StopRequest, listener: Listener) -> Validation | None:
    """Measure the validation split under a bar; None if it was stopped."""
    T = learner.hyper.seq_len
    lanes, longest = cut_into_lanes(len(learner.data.valid), T, windows)

    def tick() -> bool:
        listener.advance()
        return stop.requested

    with listener.bar('validating', -(-longest // T), lanes * T):
        found = learner.validate(windows, tick)
    if found and not math.isfinite(found[0]):
        learner.diverged = True
        raise NonFiniteLossError(
            f'validation at position {learner.position:,} (round {learner.round}): {found[0]} nats/symbol. '
            'The weights are finite but too large; no checkpoint was written.',
            "ms.restore() or ms.restore('best'), then a smaller learnrate or clip in a new run",
        )
    return found


def run_round(
    learner: Learner,
    windows: int,
    *,
    valid_len: int,
    print_every: int,
    save_minutes: float,
    stop: StopRequest,
    listener: Listener,
) -> Row:
    """Train so many windows, validate, record, save; returns the row of the round.

    Parameters
    ----------
    windows : int            of every lane
    valid_len : int          windows of every evaluation lane to validate on; 0 is the whole split
    print_every : int        windows from report to report; 0 reports nothing
    save_minutes : float     from checkpoint to checkpoint inside the round
    Raises
    ------
    NonFiniteLossError       the round ends before the window, or the checkpoint, that failed
    AttachedError            what a user hung on the run raised; the round has ended there, and is saved
    """
    learner.round += 1
    whole, recent = _Meter(), _Meter()
    saved = time.monotonic()
    assert learner.carry is not None
    symbols = learner.carry.lanes * learner.hyper.seq_len
    failure: AttachedError | None = None
    with listener.bar(f'round {learner.round}', windows, symbols):
        try:
            for done in range(1, windows + 1):
                # At the end of an epoch and not of a round, so that the rate does not depend on where rounds end.
                if learner.epoch_ended():
                    found = validate(learner, 0, stop, listener)
                    if found:
                        listener.record(make_row('validation', learner, **validation_columns(found)))
                if stop.requested:
                    break
                began = time.monotonic()
                step = learner.train_window()
                seconds = time.monotonic() - began
                learner.seconds += seconds
                whole.add(step, seconds)
                recent.add(step, seconds)
                listener.advance(step.loss_nats)
                if print_every and done % print_every == 0:
                    row = make_row('report', learner, **recent.columns(), sample=listener.speak())
                    if learner.hyper.sampling == 'random' and len(learner.data.valid):
                        found = validate(learner, valid_len or LOOKED_AT, stop, listener)
                        row = {**row, **validation_columns(found)}
                    recent = _Meter()
                    listener.record(row)
                if time.monotonic() - saved >= save_minutes * 60 and done < windows:
                    listener.save()
                    saved = time.monotonic()
        except AttachedError as error:  # what a user hung on the run ends the round, and costs it nothing else
            if not whole.windows:
                learner.round -= 1  # it never began
                raise
            failure = error
    found = None
    if len(learner.data.valid) and not stop.requested and not failure:
        found = validate(learner, valid_len, stop, listener)
    row = make_row('round', learner, **whole.columns(), **validation_columns(found))
    try:
        listener.record(row)
    except AttachedError as error:
        failure = failure or error
    listener.save()
    if failure:
        raise failure
    return row
