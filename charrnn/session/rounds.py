"""Training at the prompt: the verbs trainmodel and sethyperparams."""

from __future__ import annotations

import math
import sys
import threading
import time
from functools import partial
from typing import Any, Literal, TypedDict, Unpack, overload

from charrnn.arguments import real, truth, whole
from charrnn.display.progress import Screen
from charrnn.display.text import NOUNS, number
from charrnn.errors import HyperParamsError, TrainingError
from charrnn.hyperparams import HyperParams
from charrnn.session.background import Training
from charrnn.session.hooks import own
from charrnn.session.listener import listener_of, refuse_unlike
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only, with_hyperparameters
from charrnn.storage.facts import KEEP
from charrnn.text.lanes import FIRST_LANES
from charrnn.training.history import Row
from charrnn.training.interrupt import StopRequest
from charrnn.training.launch import rank_here, ranks_started, together
from charrnn.training.loop import Patience, RoundPlan, TrainReport, run_round
from charrnn.training.ranks import Alone
from charrnn.training.requests import Requests, Stop


class Options(TypedDict, total=False):
    """The keywords of trainmodel, as its docstring explains them."""

    train_len: int
    valid_len: int
    print_every: int
    clear_state: bool
    save_minutes: float
    minutes: float
    keep: int | None
    patience: int | None
    until_round: int | None
    quiet: bool


@overload
def trainmodel(
    ms: Session,
    num_rounds: int = 1,
    batchsize: int | None = None,
    *,
    background: Literal[False] = False,
    **options: Unpack[Options],
) -> TrainReport: ...
@overload
def trainmodel(
    ms: Session,
    num_rounds: int = 1,
    batchsize: int | None = None,
    *,
    background: Literal[True],
    **options: Unpack[Options],
) -> Training: ...
@known_names_only
def trainmodel(
    ms: Session,
    num_rounds: int = 1,
    batchsize: int | None = None,
    *,
    train_len: int = 0,
    valid_len: int = 0,
    print_every: int = 100,
    clear_state: bool = False,
    save_minutes: float = 10,
    minutes: float = 0,
    keep: int | None = None,
    patience: int | None = None,
    until_round: int | None = None,
    background: bool = False,
    quiet: bool = False,
) -> TrainReport | Training:
    """Train on from the run's present place.

    Ctrl-C ends the round at a window's end and saves; a second one stops
    at once. SIGTERM and SIGHUP do as the first, and then end the process.

    Parameters
    ----------
    num_rounds : int       rounds to train: windows, then a validation, then
                           a checkpoint
    batchsize : int        lanes; by default as last time, 16 at first
    train_len : int        training steps of a round, each a window of every
                           lane; 0 is once through the text
    valid_len : int        windows of a validation; 0 is the whole split, or
                           the first 2,097,152 characters or bytes or
                           262,144 words of a longer one
    print_every : int      windows from report to report, each a line with
                           the loss and a sample; 0 is no reports
    clear_state : bool     begin with a carry of zeros; otherwise new lanes
                           read the text before their place
    save_minutes : float   minutes from checkpoint to checkpoint in a round
    minutes : float        train round after round for so long, and at most
                           num_rounds if that is more than 1; the last
                           round then ends early
    keep : int             newest checkpoints that stay, beside the best; by
                           default as last time, 5 at first
    patience : int         stop after so many rounds without a better
                           validation of the whole split
    until_round : int      the last round to train, counted over the whole
                           run, in the place of num_rounds: after a crash
                           the same call trains the rounds that are left
    background : bool      train in a thread, and return at once: its repr
                           is its progress, .stop() ends it, .wait() waits;
                           all verbs that look see the newest moment
    quiet : bool           print nothing

    Raises TrainingError (too short a text), NonFiniteLossError
    (that window was not applied), OwnershipError, WorkspaceError (disk full, ...).
    """
    run = run_of(ms)
    num_rounds, minutes = whole(1)('num_rounds', num_rounds), real(0)('minutes', minutes, 10)
    if minutes and num_rounds == 1:
        num_rounds = sys.maxsize
    if until_round is not None:
        num_rounds = max(0, whole(1)('until_round', until_round) - run.learner.round)
    plan = RoundPlan(
        rounds=num_rounds,
        windows=whole(0)('train_len', train_len, 0),
        valid_len=whole(0)('valid_len', valid_len, 0),
        print_every=whole(0)('print_every', print_every, 100),
        save_minutes=real(0)('save_minutes', save_minutes, 10),
        deadline=time.monotonic() + 60 * minutes if minutes else math.inf,
        patience=0 if patience is None else whole(1)('patience', patience, 3),
    )
    screen = Screen(level=run.data.chars.level, quiet=truth('quiet', quiet) or rank_here() > 0)
    if not plan.rounds:
        screen.say(f'Round {run.learner.round} has ended already.  Next: ms.trainmodel() trains another one')
        newest = run.saved.get('number')
        return TrainReport(0, 0, 0, run.learner.epoch, None, None, newest, 0.0, interrupted=False)
    if plan.patience:
        refuse_no_validation(run, plan)
        if plan.rounds <= plan.patience:
            more = f'ms.trainmodel({10 * plan.patience}, patience={plan.patience})'
            screen.say(f'patience={plan.patience} stops nothing in {plan.rounds} rounds.  Next: {more}')
    run.keep = run.keep if keep is None else whole(1)('keep', keep, KEEP)
    clear_state = truth('clear_state', clear_state)
    lanes = run.learner.lanes if batchsize is None else whole(1)('batchsize', batchsize, FIRST_LANES)
    if truth('background', background):
        run.refuse_while_training()
        if ranks_started() > 1:
            raise TrainingError('ranks train in the foreground.', 'leave background out')
        run.background = Training(partial(_explained, run, plan, lanes, clear_state), screen.level)
        return run.background.start()
    with StopRequest() as stop:
        report = train(run, plan, lanes, clear_state, screen, stop)
    if stop.ended_by is not None:  # the shell's exit status of a process that this signal ended
        raise SystemExit(128 + stop.ended_by)
    return report


@with_hyperparameters
@known_names_only
def sethyperparams(ms: Session, **hyperparams: Any) -> HyperParams:
    """Train on with other settings.

    The settings are learnrate, dropout, seq_len and others. The lanes stay
    in their places. The history gets a row, and the next checkpoint has
    the settings. Raises HyperParamsError (no such setting, or one that the
    weights or the optimizer were made for).
    """
    run = run_of(ms)
    run.change(hyperparams)
    return run.learner.hyper


def train(run: Run, plan: RoundPlan, lanes: int, clear_state: bool, screen: Screen, stop: Stop) -> TrainReport:
    """Train the rounds of a plan.

    Raises
    ------
    TrainingError, NonFiniteLossError (that window was not applied), OwnershipError, WorkspaceError, AttachedError
    """
    run.refuse_while_training()
    learner = run.learner
    learner.refuse_if_torn()
    run.attachments.refuse_waiting('schedule', 'onreport')
    if 'samplefilter' in run.attachments.waiting:
        screen.say('The attached samplefilter waits: samples on the way are drawn without it.  Next: ms.reattach()')
    with together(learner.device) as team:
        return _train(run, plan, lanes, clear_state, screen, stop, team)


def _train(
    run: Run, plan: RoundPlan, lanes: int, clear_state: bool, screen: Screen, stop: Stop, team: Alone
) -> TrainReport:
    """Train the rounds of a plan, as one process or as one of the ranks."""
    learner = run.learner
    if team.rank == 0:
        run.workspace.claim()
    run.refuse_changed_dataset()
    refuse_unlike(team, run, plan, lanes)
    if lanes < team.size:
        raise TrainingError(f'{lanes} lanes are too few for {team.size} ranks.', f'batchsize={team.size} or more')
    listener = listener_of(run, screen, team)
    if not plan.valid_len and len(run.data.validated) < len(run.data.valid):
        part = f'the first {len(run.data.validated):,} of {len(run.data.valid):,} {NOUNS[run.data.chars.level]}'
        screen.say(f'Validations measure {part}: a sample.  Next: ms.evaluate() measures all')
    before, seconds, rounds = learner.symbols, learner.seconds, 0
    patience = Patience(plan.patience, run.history.best(len(run.data.validated)))
    row: Row = {}
    is_early = False
    with learner.laid(lanes, clear_state=clear_state, team=team):
        asked = Requests(stop, plan.deadline, plan.save_minutes, team)
        run.trainer = threading.get_ident()
        try:
            is_last = asked.requested
            while not is_last:
                rounds += 1
                row = run_round(learner, plan, asked, listener, own(run.attachments, 'schedule'))
                is_early = patience.is_over(run.history.best(len(run.data.validated))) and not asked.requested
                is_last = rounds >= plan.rounds or asked.requested or asked.over or is_early
                if not asked.requested and not is_early:
                    listener.tell_standing(is_last)
        except KeyboardInterrupt:
            tell_stopped_at_once(screen, learner.torn)
            raise
        finally:
            run.trainer = None
            listener.show_waiting()
    if is_early:
        tell_stopped_early(screen, plan.patience, run)
    if asked.requested and rounds:
        tell_stopped(screen, run.saved['number'])
    symbols = learner.symbols - before
    return TrainReport(
        rounds=rounds,
        windows=symbols // (lanes * learner.hyper.seq_len),
        symbols=symbols,
        epoch=learner.epoch,
        train_nats=row.get('train_nats'),
        valid_nats=row.get('valid_nats'),
        checkpoint=run.saved.get('number'),
        seconds=learner.seconds - seconds,
        interrupted=asked.requested,
        stopped_early=is_early,
    )


def refuse_no_validation(run: Run, plan: RoundPlan) -> None:
    """Raise an error if the rounds of a plan bring no validation of the whole split, which its patience compares."""
    patience = f'patience={plan.patience} compares validations of the whole split'
    if not len(run.data.valid):
        raise TrainingError(f'{patience}, and this run has no validation split.', 'leave patience out')
    if plan.valid_len:
        raise HyperParamsError(f'{patience}, and valid_len={plan.valid_len} is a part of it.', 'leave valid_len out')


_explained = known_names_only(train)
"""The same for a thread, in which no verb explains that memory is refused."""


def tell_stopped_early(screen: Screen, patience: int, run: Run) -> None:
    """Report that no validation was better for as many rounds as `patience` says."""
    rounds = 'a round' if patience == 1 else f'{patience} rounds'
    best, step = ('', 'ms.checkpoints()')
    if run.best:
        best, step = f' than {number(run.best.nats, 4)} in round {run.best.round}', "ms.restore('best')"
    screen.say(f'Stopped early: {rounds} without a better validation{best}.  Next: {step} goes back')


def tell_stopped(screen: Screen, checkpoint: int) -> None:
    """Report the first Ctrl-C: the window was finished, and everything is saved."""
    screen.say(f'Stopped after the current update; saved as checkpoint {checkpoint}.  Next: ms.trainmodel() goes on')


def tell_stopped_at_once(screen: Screen, torn: bool) -> None:
    """Report the second Ctrl-C, and if it cut an update in half."""
    if torn:
        screen.say('Stopped at once, in the middle of an update: the weights are half updated.  Next: ms.restore()')
    else:
        screen.say('Stopped at once. The model is intact but not saved.  Next: ms.newcheckpoint()')
