"""Run: one run, alive: its learner, its history, its attached functions, and the workspace that keeps them."""

from __future__ import annotations

import contextlib
import copy
import os
import threading
import time
from dataclasses import replace
from typing import Any, Protocol

from charrnn.errors import CheckpointError, OwnershipError, TrainingError, WorkspaceError, memory_explained, warn
from charrnn.hyperparams import changed_settings
from charrnn.models import LanguageModel, environment, settled
from charrnn.session.background import Training
from charrnn.session.measurements import Measurements
from charrnn.session.trust import checked, open_dataset
from charrnn.storage.attachments import Attachments
from charrnn.storage.checkpoints import Best, Checkpoint
from charrnn.storage.facts import KEEP
from charrnn.storage.lookup import as_typed, no_model
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.training.history import History, Row, is_sound
from charrnn.training.learner import Learner
from charrnn.training.limits import refuse_unfit
from charrnn.training.loop import make_row
from charrnn.training.moment import Moment
from charrnn.version import __version__


class Run:
    """A learner, its history and its attached functions, and the working directory that keeps them.

    Parameters
    ----------
    workspace : Workspace    holds the dataset
    learner : Learner
    Attributes
    ----------
    saved : dict             number, position and round of the checkpoint that was written or loaded last; and after
                             the restore of a chosen one, `newest`: the number of the one that load takes
    best : Best or None      the best checkpoint at that time
    parent : dict            of a branch: `run`, `checkpoint`, `digest` and `round` that it was forked from; else empty
    keep : int               newest checkpoints that stay, besides the best
    trainer : int or None    the thread that is in trainmodel, from which an attached function could call back
    background : Training or None    the newest training in the background
    """

    def __init__(self, workspace: Workspace, learner: Learner) -> None:
        self.workspace, self.learner, self.name = workspace, learner, workspace.name
        self.measurements = Measurements(learner.data, workspace)
        self.history, self.attachments = History(level=learner.data.chars.level), Attachments()
        self.saved: dict[str, int] = {}
        self.best: Best | None = None
        self.keep = KEEP
        self.parent: dict[str, Any] = {}
        self.trainer: int | None = None
        self.background: Training | None = None
        self.process = os.getpid()
        self._files = threading.RLock()  # one thread at a time writes the files of the run

    @property
    def data(self) -> Dataset:
        """The encoded text and its split."""
        return self.learner.data

    @property
    def modeltype(self) -> str:
        """The name of the model type."""
        return self.learner.modeltype

    # ---- coming back ----------------------------------------------------------------------------------------

    def restore(self, checkpoint: int | str | None) -> None:
        """Go back to a checkpoint: its number, 'best' or 'last' (None).  After a CheckpointError nothing has changed.

        Raises
        ------
        CheckpointError    it is not there, damaged, or of another model type
        """
        self.refuse_while_training()
        store, marks = self.workspace.checkpoints, self.workspace.marks()
        if checkpoint is None or checkpoint == 'last':
            digests = self.workspace.parts.digests()
            (found, own), troubles = store.read_newest(digests, lambda found: (found, self._own(found)))
            for trouble in troubles:
                warn(f'{trouble} Loaded checkpoint {found.number} instead.')
        else:
            found = store.read(store.resolve(checkpoint))
            own = self._own(found)
        self.become(found, *own)
        if checkpoint is not None and checkpoint != 'last':
            self.saved['newest'] = max(store.numbers())
        self.workspace.open(marks)

    def _own(self, found: Checkpoint) -> tuple[Moment, Dataset]:
        """Return the moment in a checkpoint that this run can become, with its dataset."""
        digest = found.facts['data_digest']
        if digest not in self.workspace.parts.digests():
            raise WorkspaceError(
                f'the dataset in {self.workspace.name!r} is not the one of checkpoint {found.number}.',
                'a copy of the whole directory from a backup',
            )
        data = self.data if digest == self.data.digest else open_dataset(self.workspace, digest)
        moment = checked(self.workspace, found, data)
        if moment.modeltype != self.modeltype:
            raise CheckpointError(
                f'checkpoint {found.number} holds a {moment.modeltype}, and this run a {self.modeltype}.',
                'another checkpoint',
            )
        return moment, data

    def take(self, moment: Moment, data: Dataset) -> None:
        """Train on from a moment, on the dataset that it belongs to."""
        if data.digest == self.data.digest:
            self.learner.load(moment)
            return
        learner = Learner(moment.modeltype, moment.hyper, data, moment.seed, self.learner.device)
        learner.load(moment)
        self.learner, self.measurements = learner, Measurements(data, self.workspace)

    def become(self, found: Checkpoint, moment: Moment, data: Dataset) -> None:
        """Become the moment in a checkpoint, with the history and the attached functions of that time."""
        length = found.facts['history_length']
        journal, unreadable = self.workspace.read_history(is_sound)
        if trouble := unreadable or journal.trouble(length):
            warn(f'{str(self.workspace.history)!r}: {trouble}. Training does not read it.')
        history = History(journal.rows, self.data.chars.level)
        history.rewind(length)
        self.take(moment, data)
        self.history, self.attachments = history, self.attachments.kept_over(Attachments(found.attached))
        self.note_saved(found.number, moment)

    # ---- keeping --------------------------------------------------------------------------------------------

    def save(self, name: str = '') -> int:
        """Write a checkpoint of this moment, which stays for ever if it has a name; return its number.

        Raises
        ------
        WorkspaceError    disk full, no memory for the copy, ...: nothing is lost
        """
        with self._files, memory_explained(self._no_memory):
            return self.write_moment(name)

    def _no_memory(self) -> WorkspaceError:
        return WorkspaceError(
            f'no memory was left to write a checkpoint of {self.workspace.name!r}. The model is intact but not saved.',
            'free memory, then ms.newcheckpoint()',
        )

    def write_moment(self, name: str = '') -> int:
        """Write a checkpoint of this moment as ``save`` does, which also explains that memory was refused."""
        learner = self.learner
        moment = learner.moment()
        learner.refuse_if_torn()
        learner.refuse_if_diverged()
        self.workspace.claim()
        self._write_history()
        facts = {
            **moment.facts(),
            'valid_nats': self.history.validated(moment.position, len(self.data.validated)),
            'valid_size': len(self.data.validated),
            'level': self.data.chars.level,
            'vocabulary': self.data.chars.facts(),
            'data_digest': self.data.digest,
            'history_length': self.history.length,
            'written': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
            'environment': {'charrnn': __version__, **environment(learner.device, learner.model.engine)},
        }
        if self.keep != KEEP:
            facts['keep'] = self.keep
        if self.parent:
            facts['parent'] = self.parent
        if name:
            facts['name'] = name
        pickled = self.attachments.save()
        if pickled:
            facts['attached'] = {name: held.source for name, held in self.attachments.items()}
        number = self.workspace.write_checkpoint(moment.tensors(), facts, pickled)
        self.note_saved(number, moment)
        return number

    def note_saved(self, number: int, moment: Moment) -> None:
        """Remember the checkpoint that was written or loaded last, and which one is best."""
        self.saved = {'number': number, 'position': moment.position, 'round': moment.round}
        with contextlib.suppress(OSError):  # the moment is saved or loaded, whatever became of the others
            self.best = self.workspace.checkpoints.best()

    def record(self, row: Row) -> Row:
        """Append a row to the history, also on disk; return the row as the history shows it."""
        with self._files:
            self.history.add(row)
            self._write_history()
            return self.history[-1]

    def _write_history(self) -> None:
        if rows := self.history.waiting():
            self.workspace.append_history(rows)
            self.history.mark_written()

    def best_model(self) -> tuple[LanguageModel, str]:
        """Return the model of the best checkpoint, with a label for it; the present one if none is best yet."""
        store, learner = self.workspace.checkpoints, self.learner
        best = store.best()
        if best is None:
            return learner.evaluated, 'present weights (no checkpoint is best yet), '
        moment, data = self._own(store.read(best.number))
        model = moment.model(data, learner.device)
        return model, f'checkpoint {best.number} (best), '

    # ---- changing -------------------------------------------------------------------------------------------

    def change(self, hyperparams: dict[str, Any]) -> None:
        """Train on with other settings, and record that in the history.

        Raises
        ------
        HyperParamsError    no such setting, or one that the weights or the optimizer were made for
        """
        self.refuse_while_training()
        learner = self.learner
        changed = changed_settings(learner.hyper, hyperparams)
        if not changed:
            return
        learner.refuse_if_torn()
        self.workspace.claim()
        new = settled(self.modeltype, learner.model, replace(learner.hyper, **changed))
        refuse_unfit(self.modeltype, new, self.data, learner.device, learner.lanes)
        before = learner.hyper.facts()
        learner.adopt(new)
        self.record(make_row('change', learner, changed={n: [before[n], value] for n, value in changed.items()}))

    def refuse_while_training(self) -> None:
        """Raise TrainingError during trainmodel."""
        if self.trainer is not None:
            if self.background and self.background.running:
                what = 'this run is being trained in the background.'
                raise TrainingError(what, 'ms.training.stop(), or ms.training.wait(), then the same call again')
            raise TrainingError('this run is in the middle of ms.trainmodel().', 'call it when that has ended')

    def snapshot(self) -> Run:
        """Return this run as it is at its newest moment, a value that does not change while training goes on."""
        found = copy.copy(self)
        with self._files:  # no row of the history waits to be written
            found.history, moment = self.history.frozen(), self.learner.moment()
        found.learner = Learner(moment.modeltype, moment.hyper, self.data, moment.seed, self.learner.device)
        found.learner.load(moment)
        return found

    def refuse_changed_dataset(self) -> None:
        """Raise WorkspaceError if the dataset on disk is no longer the one that this run trains on."""
        if self.data.digest not in self.workspace.parts.digests():
            raise WorkspaceError(
                f'the dataset in {self.workspace.name!r} is not the one of this run. Nothing was trained.',
                'a copy of the whole directory from a backup',
            )


class Session(Protocol):
    """A ModelState, as the verbs see it."""

    _run: Run


def run_of(ms: Session) -> Run:
    """Return the run of a ModelState; while another thread trains it, a snapshot of its newest moment.

    Raises
    ------
    TrainingError     the argument is something else
    OwnershipError    it was opened by the process that this one was forked from
    """
    run = getattr(ms, '_run', None)
    if not isinstance(run, Run):
        raise TrainingError(*no_model(ms))
    if run.process != os.getpid():  # torch would wait for ever for the threads that only the parent has
        raise OwnershipError(
            f'this is a forked copy of the process that opened {run.workspace.name!r}.',
            f'ms = ModelState.load({as_typed(run.workspace.name, run.workspace.path)!r}) here',
        )
    return run if run.trainer in (None, threading.get_ident()) else run.snapshot()
