"""The listeners of a training: of one process, and of ranks, of which the first alone writes and shows."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter

import numpy as np
import torch

from charrnn.display.progress import Screen
from charrnn.display.standing import standing_of
from charrnn.models import environment
from charrnn.session.generation import sample_on_the_way
from charrnn.session.hooks import own
from charrnn.session.overview import course_of
from charrnn.session.run import Run
from charrnn.training.history import Row
from charrnn.training.learner import Learner
from charrnn.training.loop import RoundPlan
from charrnn.training.optimizer import optimizer_tensors
from charrnn.training.ranks import Alone
from charrnn.version import __version__

SHOWN_ROUNDS = 10
"""Rounds of a call whose lines are all shown, however fast they come."""
PAUSE = 2.0
"""Seconds from the line of a later round to that of the next one that is shown."""
TRAIN_ON = 'few', 'guessing'
"""Findings whose next step is to train on, which a training that goes on does already."""


class RunListener:
    """The listener of one call of trainmodel: a screen, and behind it the history and the checkpoints of a run."""

    def __init__(self, run: Run, screen: Screen) -> None:
        self.run, self.screen = run, screen
        self._finding = ''
        self._rounds, self._shown = 0, -math.inf  # lines of rounds, and when the last one was shown
        self._waiting: tuple[Row, float | None] | None = None  # the newest round, if it was left out, and its unigram
        self._react: Callable[[Row], object] | None = own(run.attachments, 'onreport')

    def bar(self, label: str, windows: int, symbols: int) -> AbstractContextManager[None]:
        """Show a progress bar for the block."""
        return self.screen.bar(label, windows, symbols)

    def advance(self, loss_nats: float | None = None) -> None:
        """Count one window as done."""
        self.screen.advance(loss_nats)

    def sample(self) -> str:
        """Return a sample that goes on from lane 0."""
        return sample_on_the_way(self.run)

    def record(self, row: Row) -> None:
        """Keep a row, show it, then hand a copy to the user's `onreport`.

        Of rounds that follow each other within PAUSE, only some are shown, and the last one.
        """
        kept = self.run.record(row)
        unigram = self.run.measurements.guesses()[1] if row.get('valid_nats') is not None else None
        self._waiting = row, unigram
        if row['kind'] != 'round' or self._rounds < SHOWN_ROUNDS or time.monotonic() - self._shown >= PAUSE:
            self.show_waiting()
        if self._react:
            self._react(dict(kept))

    def show_waiting(self) -> None:
        """Show the newest row, if it was left out."""
        if self._waiting:
            (row, unigram), self._waiting = self._waiting, None
            self.screen.show(row, unigram)
            if row['kind'] == 'round':
                self._rounds, self._shown = self._rounds + 1, time.monotonic()

    def tell_standing(self, is_last: bool) -> None:
        """Say where the run stands after a round, unless an earlier round of this call ended with the same finding."""
        standing = standing_of(course_of(self.run))
        if standing.finding in TRAIN_ON and not is_last:
            return
        if standing.words and standing.finding != self._finding:
            self.show_waiting()
            self.screen.say(f'  {standing.words}.  Next: {standing.next_step}')
        self._finding = standing.finding

    def save(self) -> int:
        """Write a checkpoint; return its number."""
        return self.run.save()


class FirstRank(RunListener):
    """The listener of the first of several ranks: it tells the others the number of each checkpoint."""

    def save(self) -> int:
        """Write a checkpoint, when all ranks have the same weights; return its number."""
        team = self.run.learner.team
        refuse_drift(self.run.learner)
        return int(team.total(np.array([float(self.run.save())]))[0])


class OtherRank:
    """The listener of another rank, which writes and shows nothing, and keeps step with the first."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def bar(self, label: str, windows: int, symbols: int) -> AbstractContextManager[None]:
        """Show nothing."""
        return nullcontext()

    def advance(self, loss_nats: float | None = None) -> None:
        """Show nothing."""

    def sample(self) -> str:
        """Draw nothing: lane 0 is with the first rank."""
        return ''

    def record(self, row: Row) -> None:
        """Keep a row in memory, where patience looks for the best validation."""
        self.run.history.add(row)
        self.run.history.mark_written()

    def tell_standing(self, is_last: bool) -> None:
        """Say nothing."""

    def show_waiting(self) -> None:
        """Show nothing."""

    def save(self) -> int:
        """Wait until the first rank has written a checkpoint; return its number."""
        refuse_drift(self.run.learner)
        moment = self.run.learner.moment()  # with all ranks, since the file needs the carry of all
        number = int(self.run.learner.team.total(np.zeros(1))[0])
        self.run.note_saved(number, moment)
        return number


def listener_of(run: Run, screen: Screen, team: Alone) -> RunListener | OtherRank:
    """Return the listener of this process."""
    if team.rank:
        return OtherRank(run)
    return FirstRank(run, screen) if team.size > 1 else RunListener(run, screen)


def refuse_unlike(team: Alone, run: Run, plan: RoundPlan, lanes: int) -> None:
    """Raise RankError unless all ranks have the same run at the same moment, the same versions and the same call."""
    if team.size == 1:
        return
    learner = run.learner
    hyper = {name: json.dumps(value) for name, value in learner.hyper.facts().items()}
    asked = {'num_rounds': plan.rounds, 'train_len': plan.windows, 'valid_len': plan.valid_len, 'batchsize': lanes}
    asked |= {'print_every': plan.print_every, 'patience': plan.patience}
    here = environment(torch.device(learner.device.type), learner.model.engine)
    place = {'seed': learner.seed, 'position': learner.position, 'dataset': run.data.digest}
    every = {'charrnn': __version__, **here, **place, 'weights': digest_of(learner), **asked, **hyper}
    team.refuse_unlike({name: str(value) for name, value in every.items()})


def refuse_drift(learner: Learner) -> None:
    """Raise RankError unless all ranks have the same weights and moments, bit for bit."""
    learner.team.refuse_unlike({'weights': digest_of(learner)})


def digest_of(learner: Learner) -> str:
    """Return the SHA-256 of the weights of a learner and of the moments of its optimizer."""
    digest = hashlib.sha256()
    moments = dict(optimizer_tensors(learner.model, learner.optimizer))  # after a load in another order
    weights = dict(learner.model.named_parameters())
    for name, tensor in sorted({**weights, **moments}.items(), key=itemgetter(0)):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
