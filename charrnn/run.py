"""Run: one run, as ModelState shows it: what learns, what is remembered of it, what hangs on it, where it is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import torch

from charrnn.attaching import own_rate
from charrnn.checking import checked_settings
from charrnn.display.printable import printable
from charrnn.errors import CheckpointError, HyperParamsError, TrainingError, WorkspaceError, warn
from charrnn.hyperparams import HyperParams, changed_settings
from charrnn.listener import RunListener
from charrnn.models import LSTMAttention, build_model, drift, environment
from charrnn.storage.attachments import Attachments
from charrnn.storage.checkpoints import Checkpoint
from charrnn.storage.durable import cannot_read, cannot_write, explained
from charrnn.storage.sealed import new_folder
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import FACTS, Dataset, read_dataset, write_dataset
from charrnn.text.sources import Source
from charrnn.training.evaluation import evaluate_split
from charrnn.training.history import History, Row, is_sound
from charrnn.training.interrupt import StopRequest
from charrnn.training.learner import Learner
from charrnn.training.loop import TrainReport, make_row, run_round, validation_columns
from charrnn.version import __version__

FIRST_LOOK = 100_000  # the untrained loss is measured over at most so many symbols


class Run:
    """A learner, its history and its attachments, and the working directory they are kept in.

    Parameters
    ----------
    workspace : Workspace    holds the dataset
    seed : int               the weights are a function of it
    Attributes
    ----------
    saved : dict             of the checkpoint written or loaded last: number, position, round
    training : bool          inside `train`, where a callable of the user's could call back
    """

    def __init__(
        self,
        workspace: Workspace,
        data: Dataset,
        modeltype: str,
        hyper: HyperParams,
        seed: int,
        device: torch.device,
    ) -> None:
        self.workspace, self.modeltype = workspace, modeltype
        self.learner = Learner(build_model(modeltype, len(data.chars), hyper, seed), hyper, data, seed, device)
        self.history, self.attachments = History(level=data.chars.level), Attachments()
        self.saved: dict[str, int] = {}
        self.training = False

    @property
    def data(self) -> Dataset:
        """The encoded text and its split."""
        return self.learner.data

    # ---- beginning and coming back --------------------------------------------------------------------------

    @classmethod
    def begin(
        cls,
        workspace: Workspace,
        source: Source,
        modeltype: str,
        hyper: HyperParams,
        seed: int,
        device: torch.device,
        *,
        init_checkpoint: bool,
    ) -> Self:
        """Encode the source, build a model, measure it and save it; leave nothing behind if one of these fails.

        Raises
        ------
        SourceTextError, HyperParamsError, TrainingError (too short a text), WorkspaceError (there is a run already)
        """
        with workspace.beginning():
            with new_folder(workspace.dataset) as folder:
                write_dataset(folder, source, hyper.seq_len)
            with explained(workspace.history, cannot_write):
                workspace.history.unlink(missing_ok=True)
            run = cls(workspace, _open_dataset(workspace), modeltype, hyper, seed, device)
            if hyper.anneal < 1 and not len(run.data.valid):
                raise HyperParamsError(
                    f'anneal={hyper.anneal} needs a validation split, and this text leaves none.',
                    'trainfrac=0.9, a directory with valid.txt, or anneal=1.0',
                )
            run.record(_untrained_row(run.learner))
            if init_checkpoint:
                run.save()
        return run

    @classmethod
    def load(cls, workspace: Workspace, device: torch.device) -> Self:
        """The newest good checkpoint's moment; warnings name what was passed over, and what is no longer as it was.

        Raises
        ------
        WorkspaceError (no run there), CheckpointError (nothing good is left, or a newer format)
        """
        workspace.require_run()
        found, troubles = workspace.checkpoints.read_newest(workspace.dataset_digest())
        number, facts = found.number, found.facts
        troubles = [f'{trouble} Loaded checkpoint {number} instead.' for trouble in troubles]
        troubles += workspace.checkpoints.verify_before(number)
        for trouble in [*troubles, *filter(None, workspace.extras().values())]:
            warn(trouble)
        data = _open_dataset(workspace)
        run = cls(workspace, data, *checked_settings(found, data), facts['seed'], device)
        run._become(found)
        workspace.open()
        if waiting := run.attachments.waiting:
            warn(
                f'this run has {", ".join(waiting)} attached, not opened. ms.attached shows the source; '
                f'ms.reattach() runs that code, ms.detach({waiting[0]!r}) goes on without.'
            )
        if changed := drift(facts.get('environment', {}), environment(device)):
            warn(
                f'since checkpoint {number}: {printable(changed)}. Training goes on from it, '
                'but an exact resume is not promised, because sums may round otherwise.'
            )
        return run

    def restore(self, checkpoint: int | str | None) -> None:
        """Back to a checkpoint: its number, 'best' or 'last' (None).  On a CheckpointError nothing has changed."""
        self.refuse_while_training()
        store = self.workspace.checkpoints
        if checkpoint is None or checkpoint == 'last':
            found, troubles = store.read_newest(self.data.digest)
            for trouble in troubles:
                warn(f'{trouble} Loaded checkpoint {found.number} instead.')
        else:
            found = store.read(store.resolve(checkpoint))
        self._become(found)
        self.workspace.open()

    def _become(self, found: Checkpoint) -> None:
        facts = found.facts
        if facts['data_digest'] != self.data.digest:
            raise WorkspaceError(
                f'the dataset in {self.workspace.name!r} is not the one that checkpoint {found.number} trained on.',
                'a copy of the whole directory from a backup',
            )
        modeltype, hyper = checked_settings(found, self.data)
        if modeltype != self.modeltype:
            raise CheckpointError(f'checkpoint {found.number} is of a {modeltype}.', 'another checkpoint')
        journal, unreadable = self.workspace.read_history(is_sound)
        if trouble := unreadable or journal.trouble(facts['history_length']):
            warn(f'{str(self.workspace.history)!r}: {trouble}. Training does not read it.')
        history = History(journal.rows, self.data.chars.level)
        history.rewind(facts['history_length'])
        self.learner.load(found.tensors, facts, hyper)
        self.history, self.attachments = history, self.attachments.kept_over(Attachments(found.attached))
        self._note_saved(found.number)

    # ---- keeping --------------------------------------------------------------------------------------------

    def save(self) -> int:
        """Write a checkpoint of this moment; its number.  On a WorkspaceError (disk full, ...) nothing is lost."""
        learner = self.learner
        learner.refuse_if_torn()
        learner.refuse_if_diverged()
        self.workspace.claim()
        self._write_history()
        facts = {
            **learner.facts(),
            'valid_nats': self.history.validated(learner.position, len(self.data.valid)),
            'modeltype': self.modeltype,
            'hyper': learner.hyper.facts(),
            'seed': learner.seed,
            'level': self.data.chars.level,
            'vocabulary': self.data.chars.facts(),
            'data_digest': self.data.digest,
            'history_length': self.history.length,
            'written': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
            'environment': {'charrnn': __version__, **environment(learner.device)},
        }
        pickled = self.attachments.save()
        if pickled:
            facts['attached'] = {name: held.source for name, held in self.attachments.items()}
        number = self.workspace.write_checkpoint(learner.tensors(), facts, pickled)
        self._note_saved(number)
        return number

    def _note_saved(self, number: int) -> None:
        self.saved = {'number': number, 'position': self.learner.position, 'round': self.learner.round}

    def record(self, row: Row) -> Row:
        """Append a row to the history, also on disk; the row as the history shows it."""
        self.history.add(row)
        self._write_history()
        return self.history[-1]

    def _write_history(self) -> None:
        if rows := self.history.waiting():
            self.workspace.append_history(rows)
            self.history.mark_written()

    def best(self) -> tuple[Learner, str]:
        """A learner of its own that stands at the best checkpoint, and its name; this one if none is best yet."""
        store, learner = self.workspace.checkpoints, self.learner
        best = store.best()
        if best is None:
            return learner, 'present weights (no checkpoint is best yet), '
        found = store.read(best)
        modeltype, hyper = checked_settings(found, self.data)
        model = build_model(modeltype, len(self.data.chars), hyper, learner.seed)
        twin = Learner(model, hyper, self.data, learner.seed, learner.device)
        twin.load(found.tensors, found.facts, hyper)
        return twin, f'checkpoint {best} (best), '

    # ---- training -------------------------------------------------------------------------------------------

    def train(
        self,
        num_rounds: int,
        lanes: int,
        *,
        train_len: int,
        clear_state: bool,
        speak: Callable[[], str],
        unigram: Callable[[], float],
        **of_a_round: Any,
    ) -> TrainReport:
        """Train so many rounds of `train_len` windows (0: an epoch's), each as run_round takes it.

        `speak` answers a sample from where lane 0 stands, `unigram` the rung that validations are shown beside.

        Raises
        ------
        TrainingError, NonFiniteLossError (that window was not applied), OwnershipError, WorkspaceError, AttachedError
        """
        self.refuse_while_training()
        learner = self.learner
        learner.refuse_if_torn()
        self.attachments.refuse_waiting()
        self.workspace.claim()
        self._refuse_changed_dataset()
        carry_before = learner.carry
        learner.lay_lanes(lanes, clear_state=clear_state)
        learner.own_rate = own_rate(self.attachments)
        react = self.attachments.function('onreport')
        listener = RunListener(speak, self.record, self.save, unigram, self.data.chars.level, react)
        before, seconds, rounds = learner.symbols, learner.seconds, 0
        row: Row = {}
        with StopRequest() as stop:
            self.training = True
            try:
                while rounds < num_rounds and not stop.requested:
                    rounds += 1
                    windows = train_len or learner.epoch_windows()
                    row = run_round(learner, windows, stop=stop, listener=listener, **of_a_round)
            except BaseException as error:
                if learner.symbols == before and not learner.torn:
                    learner.carry = carry_before  # no window was trained: the lanes are as they were, too
                if isinstance(error, KeyboardInterrupt):
                    listener.tell_stopped_at_once(learner.torn)
                raise
            finally:
                self.training = False
        if stop.requested and rounds:
            listener.tell_stopped(self.saved['number'])
        symbols = learner.symbols - before
        return TrainReport(
            rounds=rounds,
            windows=symbols // (lanes * learner.hyper.seq_len),
            symbols=symbols,
            epoch=learner.epoch,
            train_nats=row.get('train_nats'),
            valid_nats=row.get('valid_nats'),
            checkpoint=self.saved.get('number'),
            seconds=learner.seconds - seconds,
            interrupted=stop.requested,
        )

    def change(self, hyperparams: dict[str, Any]) -> None:
        """Train on with other settings, and say so in the history.

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
        new = replace(learner.hyper, **changed)
        if new.seq_len > self.data.train_size:
            raise HyperParamsError(
                f'seq_len={new.seq_len}, and the text has {self.data.train_size:,} training symbols.',
                f'seq_len={self.data.train_size}, or less',
            )
        if isinstance(learner.model, LSTMAttention):  # its memory is as long as it is, whatever the windows become
            new = replace(new, memory=learner.model.memory)
        before = learner.hyper.facts()
        learner.adopt(new)
        self.record(make_row('change', learner, changed={n: [before[n], value] for n, value in changed.items()}))

    def refuse_while_training(self) -> None:
        """Raise a TrainingError in the middle of `train`."""
        if self.training:
            raise TrainingError('this run is in the middle of ms.trainmodel().', 'call it when that has ended')

    def _refuse_changed_dataset(self) -> None:
        if self.workspace.dataset_digest() != self.data.digest:
            raise WorkspaceError(
                f'the dataset in {self.workspace.name!r} is not the one that this run trains on. Nothing was trained.',
                'a copy of the whole directory from a backup',
            )


def _open_dataset(workspace: Workspace) -> Dataset:
    with explained(workspace.dataset, cannot_read):
        digest = workspace.dataset_digest()
        return read_dataset(workspace.dataset, workspace.dataset_facts(FACTS), digest)


def _untrained_row(learner: Learner) -> Row:
    data = learner.data
    split = data.valid if len(data.valid) else data.train
    found = evaluate_split(learner.model, data.train, split[:FIRST_LOOK], learner.hyper.seq_len, learner.device)
    if len(data.valid) or found is None:
        return make_row('start', learner, **validation_columns(found))
    return make_row('start', learner, train_nats=found[0], **validation_columns(None))
