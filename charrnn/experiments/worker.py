"""The work on one trial of a sweep: its run begins or is taken up, trains its rounds, and ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from charrnn.display.progress import Screen
from charrnn.errors import (
    CheckpointError,
    HyperParamsError,
    ModelTypeError,
    NonFiniteLossError,
    TrainingError,
    WorkspaceError,
    memory_explained,
)
from charrnn.experiments.study import Study
from charrnn.hyperparams import HyperParams
from charrnn.models import without_effect
from charrnn.recipes import settings_of
from charrnn.session.entry import begin_run, load_run
from charrnn.session.listener import RunListener
from charrnn.session.rounds import train
from charrnn.session.run import Run
from charrnn.text.dataset import Dataset
from charrnn.text.lanes import windows_per_epoch
from charrnn.training.history import Row
from charrnn.training.limits import refuse_unfit
from charrnn.training.loop import RoundPlan, make_row, validate, validation_columns
from charrnn.training.requests import Requests, Stop

if TYPE_CHECKING:
    from optuna.trial import Trial

FAILURES = (HyperParamsError, TrainingError, ModelTypeError)
"""Errors of one trial, whose settings do not fit; others stop the sweep, and the trial goes on with the next call."""


@dataclass(frozen=True)
class Model:
    """The settings of one trial."""

    modeltype: str
    lanes: int
    hyper: HyperParams


@dataclass(frozen=True)
class Common:
    """The settings that all trials of a sweep share.

    Parameters
    ----------
    bytes, level       of the text
    modeltype, batchsize    of trials whose settings do not have them
    hyper : dict       hyperparameters that the user has fixed
    recipe : str or None
    seed, device
    rounds : int       of each trial
    train_len : int    windows of a round; 0 is an epoch
    metric : str       'valid' or 'train'
    """

    bytes: int
    level: str
    modeltype: str
    batchsize: int
    hyper: Mapping[str, Any]
    recipe: str | None
    seed: int
    device: torch.device
    rounds: int
    train_len: int
    metric: str

    def facts(self) -> dict[str, Any]:
        """Return the settings that change the result, as plain values."""
        own = ('modeltype', 'batchsize', 'recipe', 'seed', 'rounds', 'train_len', 'metric')
        return {**{name: getattr(self, name) for name in own}, **self.hyper}

    def model_of(self, settings: Mapping[str, Any]) -> Model:
        """Return the settings of a trial with these values of what varies."""
        rest = dict(settings)
        modeltype, lanes = rest.pop('modeltype', self.modeltype), rest.pop('batchsize', self.batchsize)
        hyper = HyperParams(**settings_of(self.recipe, self.bytes, self.level, {**self.hyper, **rest}))
        return Model(modeltype, lanes, hyper)

    def refuse_useless(self, combinations: Sequence[Mapping[str, Any]]) -> None:
        """Raise HyperParamsError if a setting would do nothing in any of the combinations."""
        models = [self.model_of(each) for each in combinations]
        for name, f in HyperParams.__dataclass_fields__.items():
            if name in self.hyper or name in combinations[0]:
                used = [each for each in models if getattr(each.hyper, name) not in (f.default, 0)]
                errors = [without_effect(each.modeltype, each.hyper, name) for each in used]
                if used and (error := errors[0]) and all(errors):
                    raise error

    def refuse_unfit(self, combinations: Sequence[Mapping[str, Any]], data: Dataset) -> None:
        """Raise an error if the text has no split for the metric, or none of the combinations fits it.

        Raises
        ------
        HyperParamsError, TrainingError
        """
        if self.metric == 'valid' and not len(data.valid):
            what = "metric='valid' compares validations, and this text leaves none."
            raise TrainingError(what, "metric='train', or trainfrac=0.9, or a directory with train.txt and valid.txt")
        errors = []
        for each in map(self.model_of, combinations):
            try:
                refuse_unfit(each.modeltype, each.hyper, data, self.device, each.lanes)
                T, n = each.hyper.seq_len, data.train_size
                if each.lanes * T > n:
                    what = f'one window of {each.lanes} lanes of {T} symbols is longer than the {n:,} training symbols.'
                    raise TrainingError(what, f'batchsize={max(1, n // T)}')
                return
            except (HyperParamsError, TrainingError) as error:
                errors.append(error)
        raise errors[0]


@dataclass(frozen=True)
class Ended:
    """The end of a trial: Optuna's state, its loss if it is 'COMPLETE', and the reason if it failed."""

    state: str
    loss: float | None = None
    seconds: float | None = None
    error: str = ''

    def facts(self) -> dict[str, Any]:
        """Return what is noted beside the loss."""
        return {name: value for name in ('seconds', 'error') if (value := getattr(self, name))}


def tried(act: Callable[[], Any]) -> Any:
    """Return the result of a step of a trial; an Ended with the error of one whose settings do not fit."""
    try:
        with memory_explained(lambda: TrainingError('the trial needs more memory than is left.')):
            return act()
    except NonFiniteLossError as error:
        return Ended('PRUNED', error=error.what)  # for the samplers, a trial worse than the others
    except FAILURES as error:
        return Ended('FAIL', error=error.what)


def begin_trial(study: Study, trial: Trial, common: Common) -> Run:
    """Begin the run of a trial, or load the one that a process has left; this process is its writer.

    Raises
    ------
    WorkspaceError    nothing there can be loaded, or it is another run
    """
    model = common.model_of(trial.params)
    workspace = study.place(trial.number)
    if not workspace.holds_run():
        return begin_run(workspace, study.workspace, model.modeltype, model.hyper, common.seed, common.device)
    again = f'delete the directory {workspace.name!r}, and the same call begins trial {trial.number} anew'
    try:
        run = load_run(workspace, common.device)
    except CheckpointError as error:
        raise CheckpointError(error.what, again) from None
    if (run.modeltype, run.learner.hyper, run.learner.seed) != (model.modeltype, model.hyper, common.seed):
        raise WorkspaceError(f'{workspace.name!r} holds a run of other settings than trial {trial.number}.', again)
    run.workspace.claim()
    return run


def work(study: Study, trial: Trial, run: Run, common: Common, stop: Stop) -> Ended | None:
    """Train the rounds that a trial lacks; return None if a stop was requested before the last one ended.

    A run that was stopped inside a round goes on to the end of that round first, so that every trial has as many
    windows, and the bits of one that was never stopped.

    Raises
    ------
    NonFiniteLossError, TrainingError, ...    as trainmodel
    """
    learner, screen = run.learner, Screen(quiet=True)
    lanes, T = common.model_of(trial.params).lanes, learner.hyper.seq_len
    windows = common.train_len or windows_per_epoch(run.data.train_size, lanes, T)
    judge = Judge(study, trial, run, common, windows, stop)
    if (
        common.metric == 'valid'
        and judge.lacks_validation()
        and (found := validate(learner, 0, Requests(stop), RunListener(run, screen)))
    ):
        run.record(make_row('validation', learner, **validation_columns(found)))
        run.save()
    judge.report()  # what a process that was killed did not
    while (done := learner.position // T) < common.rounds * windows and not judge.requested:
        inside = done % windows
        rounds, length = (1, windows - inside) if inside else (common.rounds - done // windows, windows)
        train(run, RoundPlan(rounds=rounds, windows=length, print_every=0), lanes, False, screen, judge)
    losses, last = judge.losses(), learner.position // (T * windows) - 1
    if judge.is_pruned:
        return Ended('PRUNED', seconds=learner.seconds)
    if last + 1 >= common.rounds and last in losses:
        return Ended('COMPLETE', min(losses.values()), learner.seconds)
    if stop.requested:
        return None
    return Ended('PRUNED', seconds=learner.seconds, error='the loss of a round is not finite.')


class Judge:
    """The stop of one trial: requested by a signal, or by the pruner at the end of a round."""

    def __init__(self, study: Study, trial: Trial, run: Run, common: Common, windows: int, stop: Stop) -> None:
        self.study, self.trial, self.run, self.common, self.stop = study, trial, run, common, stop
        self.symbols = windows * run.learner.hyper.seq_len  # of a lane in a round
        self.is_pruned = False
        self._seen = 0  # rows of the history

    @property
    def requested(self) -> bool:
        """True from the request on; a round that has ended is reported first."""
        if len(self.run.history) != self._seen:
            self._seen = len(self.run.history)
            self.report()
        return self.is_pruned or self.stop.requested

    def report(self) -> None:
        """Report the losses that are new, and ask the pruner."""
        self.is_pruned |= self.study.report(self.trial, self.losses(), self.common.rounds)

    def lacks_validation(self) -> bool:
        """Return True if a stop was requested during the validation of the last round."""
        rounds, inside = divmod(self.run.learner.position, self.symbols)
        return rounds > 0 and not inside and rounds - 1 not in self.losses()

    def losses(self) -> dict[int, float]:
        """Return the loss of each round that has ended, by its number from 0."""
        found: dict[int, float] = {}
        parts: dict[int, list[Row]] = {}
        for row in self.run.history:
            number = -(-row['position'] // self.symbols) - 1
            if row['kind'] == 'round' and row.get('train_nats') is not None:
                parts.setdefault(number, []).append(row)
            if number < 0 or row['position'] % self.symbols:
                continue
            if self.common.metric == 'train':
                every = parts.get(number, [])  # more than one of a round that was stopped
                if count := sum(part['windows'] for part in every):
                    found[number] = sum(part['train_nats'] * part['windows'] for part in every) / count
            elif row.get('valid_nats') is not None and row['valid_symbols'] == len(self.run.data.validated):
                found[number] = row['valid_nats']
        return {number: nats for number, nats in found.items() if number < self.common.rounds}
