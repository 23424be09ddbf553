"""ModelState: one run, to talk to at the prompt.  Wiring only: each method hands on to the folder that knows how."""

from __future__ import annotations

import contextlib
import difflib
import time
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import torch

from charrnn.display.progress import Screen
from charrnn.display.status import CheckpointRow, CheckpointTable, Status, count
from charrnn.errors import HyperParamsError, SamplingError, WorkspaceError
from charrnn.hyperparams import HyperParams, known_names_only, real, truth, unknown_name, whole, with_hyperparameters
from charrnn.listener import RunListener
from charrnn.models import MODELTYPES, Carry, build_model, choose_device, derive_seed, environment
from charrnn.sampling.sampler import Sample, sample_indices
from charrnn.storage import checkpoints as store
from charrnn.storage.sealed import new_folder, verify
from charrnn.storage.workspace import Workspace
from charrnn.text.charset import CharSet
from charrnn.text.dataset import Dataset, read_dataset, write_dataset
from charrnn.training.evaluation import Evaluation, cut_into_lanes, evaluate_split
from charrnn.training.history import History, Row
from charrnn.training.interrupt import StopRequest
from charrnn.training.ladder import baseline_ladder
from charrnn.training.learner import Learner
from charrnn.training.loop import TrainReport, make_row, run_round, validation_columns
from charrnn.version import __version__

FIRST_LANES = 16
FIRST_LOOK = 100_000  # the untrained loss is measured over at most so many symbols
SLOW_BYTES = 100_000_000  # a text from here on takes so long to read that it is announced
SPOKEN = 200  # characters of a sample on the way


class ModelState:
    """A recurrent language model in training, and all it needs to go on.

    >>> ms = ModelState.initfromsrcfile('shakespeare.txt', 'workspaces/s')
    >>> ms.trainmodel(num_rounds=3)
    >>> generatestring(ms, temp=0.5)
    >>> ms = ModelState.load('workspaces/s')             # another day

    Training can stop anywhere and goes on as if it had never stopped.
    Looking (evaluating, generating, printing) never changes anything.
    """

    __slots__ = ('__weakref__', '_history', '_ladders', '_learner', '_modeltype', '_saved', '_workspace')

    _history: History
    _ladders: dict[str, dict[str, float]]  # by split: of the dataset alone, which never changes
    _learner: Learner
    _modeltype: str
    _saved: dict[str, int]  # of the checkpoint written or loaded last: number, position, round
    _workspace: Workspace

    def __init__(self, *unused: object, **unused_too: object) -> None:
        raise WorkspaceError(
            'a ModelState comes from a text or from a working directory.',
            "ModelState.initfromsrcfile('text.txt', 'workspaces/text') or ModelState.load('workspaces/text')",
        )

    # ---- beginning and coming back --------------------------------------------------------------------------

    @classmethod
    @with_hyperparameters
    @known_names_only
    def initfromsrcfile(
        cls,
        srcfile: str | Path,
        usedir: str | Path,
        modeltype: str = 'GRUEncode',
        *,
        trainfrac: float = 0.9,
        level: str = 'char',
        encoding: str = 'utf-8',
        device: str = 'auto',
        seed: int = 0,
        init_checkpoint: bool = True,
        **hyperparams: Any,
    ) -> Self:
        """Begin a run on the text `srcfile` in the directory `usedir`.

        The first int(trainfrac·size) characters train, the rest
        validates. `modeltype` is 'GRUEncode' or 'GRUResize', `level` is
        'char', `device` 'auto', 'cpu', 'cuda' or 'mps'. The weights are a
        function of `seed`. help(HyperParams) says what the others mean.
        Raises SourceTextError, HyperParamsError, TrainingError (too short
        a text), WorkspaceError (there is a run already).
        """
        hyper = HyperParams(**hyperparams)
        if modeltype not in MODELTYPES:
            raise HyperParamsError(*unknown_name('modeltype', str(modeltype), MODELTYPES))
        if level != 'char':
            raise HyperParamsError(f'no level {level!r}.', "level='char'")
        trainfrac = real(0, 1, open_low=True)('trainfrac', trainfrac)
        if trainfrac == 1 and hyper.anneal < 1:
            raise HyperParamsError(
                f'anneal={hyper.anneal} needs a validation split, and trainfrac=1 leaves none.',
                'trainfrac=0.9 or anneal=1.0',
            )
        seed, chosen = whole(0)('seed', seed), choose_device(device)
        workspace = Workspace(Path(usedir))
        source = Path(srcfile)
        _announce_if_slow(source)
        with workspace.beginning():
            with new_folder(workspace.dataset) as folder:
                write_dataset(folder, source, trainfrac, hyper.seq_len, encoding)
            workspace.history.unlink(missing_ok=True)
            self = cls._assemble(workspace, modeltype, hyper, seed, chosen)
            self._record(self._untrained_row())
            if init_checkpoint:
                self.newcheckpoint()
        return self

    def _untrained_row(self) -> Row:
        learner, data = self._learner, self.data
        split = data.valid if len(data.valid) else data.train
        found = evaluate_split(learner.model, data.train, split[:FIRST_LOOK], self.hyper.seq_len, self.device)
        if len(data.valid) or found is None:
            return make_row('start', learner, **validation_columns(found))
        return make_row('start', learner, train_nats=found[0], **validation_columns(None))

    @classmethod
    def _assemble(
        cls, workspace: Workspace, modeltype: str, hyper: HyperParams, seed: int, device: torch.device
    ) -> Self:
        data = read_dataset(workspace.dataset, verify(workspace.dataset))
        self = object.__new__(cls)
        self._workspace, self._modeltype = workspace, modeltype
        self._learner = Learner(build_model(modeltype, len(data.chars), hyper, seed), hyper, data, seed, device)
        self._history, self._saved, self._ladders = History(), {}, {}
        return self

    @classmethod
    @known_names_only
    def load(cls, dir: str | Path, *, device: str = 'auto') -> Self:
        """Everything back from the newest good checkpoint in `dir`.

        Ready to train or to generate at once, on any device. A checkpoint
        that does not verify is named in a warning and passed over. Nothing
        is unpickled or executed. Raises WorkspaceError (no run there),
        CheckpointError (nothing good is left, or a newer format).
        """
        workspace = Workspace(Path(dir))
        workspace.require_run()
        chosen = choose_device(device)
        number, tensors, facts, troubles = store.read_newest(workspace.checkpoints)
        _warn_of(troubles, number)
        self = cls._assemble(workspace, facts['modeltype'], HyperParams(**facts['hyper']), facts['seed'], chosen)
        self._become(number, tensors, facts)
        workspace.open()
        return self

    @known_names_only
    def restore(self, checkpoint: int | str | None = None) -> Self:
        """Back to a checkpoint: its number, 'best' or 'last' (the default).

        Later checkpoints stay, and numbers only grow. Raises
        CheckpointError (it is not there, or damaged): nothing changed.
        """
        root = self._workspace.checkpoints
        if checkpoint is None or checkpoint == 'last':
            number, tensors, facts, troubles = store.read_newest(root)
            _warn_of(troubles, number)
        else:
            number = store.resolve(root, checkpoint)
            tensors, facts = store.read_checkpoint(root, number)
        self._become(number, tensors, facts)
        self._workspace.open()
        return self

    def _become(self, number: int, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        if facts['data_digest'] != self.data.digest:
            raise WorkspaceError(
                f'the dataset in {self._workspace.name!r} is not the one that checkpoint {number} trained on.',
                'a copy of the whole directory from a backup',
            )
        self._learner.load(tensors, facts)
        self._history = History(self._workspace.history_lines())
        self._history.rewind(facts['history_length'])
        self._saved = {'number': number, 'position': self.position, 'round': self._learner.round}

    def newcheckpoint(self) -> int:
        """Write a checkpoint of this moment; returns its number.

        Raises WorkspaceError (disk full, ...): nothing is lost.
        """
        learner = self._learner
        learner.refuse_if_torn()
        self._workspace.claim()
        self._write_history()
        facts = {
            **learner.facts(),
            'valid_nats': self._history.validated(self.position, len(self.data.valid)),
            'modeltype': self._modeltype,
            'hyper': self.hyper.facts(),
            'seed': learner.seed,
            'vocabulary': self.chars.symbols,
            'data_digest': self.data.digest,
            'history_length': self._history.length,
            'written': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
            'environment': {'charrnn': __version__, **environment(learner.device)},
        }
        number = store.write_checkpoint(self._workspace.checkpoints, learner.tensors(), facts)
        self._saved = {'number': number, 'position': self.position, 'round': learner.round}
        return number

    def checkpoints(self) -> CheckpointTable:
        """The checkpoints there are, oldest first, as a table."""
        facts = store.readable_facts(self._workspace.checkpoints)
        best, n = store.best_number(facts), self.data.train_size
        return CheckpointTable(
            CheckpointRow(number, f['round'], f['symbols'] / n, f['valid_nats'], f['written'], number == best)
            for number, f in sorted(facts.items())
        )

    # ---- training -------------------------------------------------------------------------------------------

    @known_names_only
    def trainmodel(
        self,
        num_rounds: int = 1,
        batchsize: int | None = None,
        *,
        train_len: int = 0,
        valid_len: int = 0,
        print_every: int = 100,
        clear_state: bool = False,
        save_minutes: float = 10,
    ) -> TrainReport:
        """Train so many rounds from where the run stands.

        A round is `train_len` windows of `batchsize` lanes (0: as many as
        an epoch has), then a validation over `valid_len` windows (0: the
        whole split), then a checkpoint; inside it, one more every
        `save_minutes`. A loss line and a sample come every `print_every`
        windows (0: none). `batchsize=None` is as last time, 16 at first;
        new lanes read the text before their place, `clear_state=True`
        begins with zeros. Ctrl-C ends the round at a window's end and
        saves; a second one stops at once.
        Raises TrainingError (too short a text), NonFiniteLossError
        (nothing changed), OwnershipError, WorkspaceError (disk full, ...).
        """
        num_rounds = whole(1)('num_rounds', num_rounds)
        train_len, valid_len = whole(0)('train_len', train_len), whole(0)('valid_len', valid_len)
        print_every, save_minutes = whole(0)('print_every', print_every), real(0)('save_minutes', save_minutes)
        clear_state = truth('clear_state', clear_state)
        lanes = self.carry.lanes if self.carry is not None else FIRST_LANES
        if batchsize is not None:
            lanes = whole(1)('batchsize', batchsize)
        learner = self._learner
        learner.refuse_if_torn()
        self._workspace.claim()
        carry_before = learner.carry
        learner.lay_lanes(lanes, clear_state=clear_state)
        listener = RunListener(self._speak, self._record, self.newcheckpoint, lambda: self._ladder('valid')['unigram'])
        before, seconds, rounds = learner.symbols, learner.seconds, 0
        row: Row = {}
        with StopRequest() as stop:
            try:
                while rounds < num_rounds and not stop.requested:
                    rounds += 1
                    row = run_round(
                        learner,
                        train_len or learner.epoch_windows(),
                        valid_len=valid_len,
                        print_every=print_every,
                        save_minutes=save_minutes,
                        stop=stop,
                        listener=listener,
                    )
            except BaseException as error:
                if learner.symbols == before and not learner.torn:
                    learner.carry = carry_before  # no window was trained: the lanes are as they were, too
                if isinstance(error, KeyboardInterrupt):
                    listener.tell_stopped_at_once(learner.torn)
                raise
        if stop.requested and rounds:
            listener.tell_stopped(self._saved['number'])
        symbols = learner.symbols - before
        return TrainReport(
            rounds=rounds,
            windows=symbols // (lanes * self.hyper.seq_len),
            symbols=symbols,
            epoch=self.epoch,
            train_nats=row.get('train_nats'),
            valid_nats=row.get('valid_nats'),
            checkpoint=self._saved.get('number'),
            seconds=learner.seconds - seconds,
            interrupted=stop.requested,
        )

    def _record(self, row: Row) -> None:
        self._history.add(row)
        self._write_history()

    def _write_history(self) -> None:
        if lines := self._history.waiting_lines():
            self._workspace.append_history(lines)
            self._history.mark_written()

    def _speak(self) -> Sample:
        """A sample from lane 0's live carry, its next symbol first; the draws are a function of the position."""
        learner = self._learner
        first = self.data.train[self.position % len(self.data.train)]
        assert learner.carry is not None
        draws = np.random.default_rng(derive_seed('sample', learner.seed, self.position))
        rest = self._sample(learner.carry.lane(0), [int(first)], SPOKEN - 1, 0.5, draws)
        return Sample(self.chars.decode([first]) + rest)

    # ---- measuring and speaking -----------------------------------------------------------------------------

    @known_names_only
    def evaluate(self, split: str = 'valid') -> Evaluation:
        """The loss of the split 'valid' or 'train', with its ladder.

        Every character is scored once, under a protocol that the result
        states. Raises TrainingError (there is no validation split).
        """
        data = self.data
        learner, indices, T = self._learner, data.split(split), self.hyper.seq_len
        lanes, longest = cut_into_lanes(len(indices), T)
        screen = Screen()
        with screen.bar(f'evaluating {split}', -(-longest // T), lanes * T):
            found = evaluate_split(learner.model, data.train, indices, T, learner.device, each_window=screen.advance)
        assert found is not None
        nats, stderr, symbols, protocol = found
        return Evaluation(nats, stderr, symbols, dict(self._ladder(split)), f'{split}: {protocol}')

    def _ladder(self, split: str) -> dict[str, float]:
        if split not in self._ladders:
            data, chars = self.data, self.chars
            self._ladders[split] = baseline_ladder(data.train, data.split(split), len(chars), len(chars.symbols))
        return self._ladders[split]

    @known_names_only
    def generatestring(
        self,
        numchars: int = 500,
        temp: float = 0.5,
        *,
        prime: str | None = None,
        seed: int | None = None,
        errors: str = 'strict',
    ) -> str:
        """`numchars` characters drawn at softmax temperature `temp`.

        At `temp` 0 always the likeliest. `prime` is read first and is not
        part of the result; by default it is a newline, or the first
        training character of a text without one. `seed` fixes the draws.
        `errors='replace'` reads foreign characters of the prime as U+FFFD.
        Raises CharSetError (a foreign character), SamplingError.
        """
        numchars, temp = whole(0)('numchars', numchars), real(0)('temp', temp)
        if prime is None:
            prime = '\n' if '\n' in self.chars else self.chars.decode(self.data.train[:1])
        if not prime:
            raise SamplingError('the prime is empty: there is nothing to go on from.', "prime='\\n', or leave it out")
        draws = np.random.default_rng(None if seed is None else whole(0)('seed', seed))
        read = self.chars.encode(prime, errors).tolist()
        return self._sample(self._learner.model.zero_carry(1), read, numchars, temp, draws)

    def _sample(self, carry: Carry, prime: list[int], length: int, temp: float, draws: np.random.Generator) -> Sample:
        emit_unknown = self.chars.holds_unknown
        chosen = sample_indices(self._learner.model, carry, prime, length, temp, draws, emit_unknown=emit_unknown)
        return Sample(self.chars.decode(chosen))

    # ---- what it is, and where it stands --------------------------------------------------------------------

    @property
    def chars(self) -> CharSet:
        """The vocabulary."""
        return self._learner.data.chars

    @property
    def hyper(self) -> HyperParams:
        """The hyperparameters."""
        return self._learner.hyper

    @property
    def modeltype(self) -> str:
        """The name of the model type."""
        return self._modeltype

    @property
    def curdir(self) -> Path:
        """The working directory, as an absolute path."""
        return self._workspace.path

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._learner.device

    @property
    def epoch(self) -> float:
        """Characters trained / characters of the training text."""
        return self._learner.epoch

    @property
    def position(self) -> int:
        """How many characters lane 0 has walked since the run began."""
        return self._learner.position

    @property
    def history(self) -> History:
        """One row for each report and validation."""
        return self._history

    @property
    def carry(self) -> Carry | None:
        """The hidden states of every lane, each (layers, lanes, units).

        None before the first window.
        """
        return self._learner.carry

    @property
    def data(self) -> Dataset:
        """The encoded text and its split."""
        return self._learner.data

    def __repr__(self) -> str:
        learner, trained = self._learner, self._history.column('train_nats')
        return str(
            Status(
                directory=self._workspace.name,
                modeltype=self._modeltype,
                layers=self.hyper.layers,
                state_size=self.hyper.state_size,
                symbols=len(self.chars.symbols),
                weights=sum(p.numel() for p in learner.model.parameters()),
                device=str(learner.device),
                train_size=len(self.data.train),
                valid_size=len(self.data.valid),
                epoch=self.epoch,
                round=learner.round,
                lanes=learner.carry.lanes if learner.carry is not None else 0,
                seq_len=self.hyper.seq_len,
                train_nats=trained[-1] if trained else None,
                valid_nats=self._history.validations(),
                checkpoint=self._saved.get('number'),
                rounds_behind=learner.round - self._saved.get('round', 0),
                saved=self._saved.get('position') == self.position,
                torn=learner.torn,
            )
        )

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if not name.startswith('_') or name.startswith('__')]

    def __setattr__(self, name: str, value: object) -> None:
        if name in type(self).__slots__:
            object.__setattr__(self, name, value)
            return
        known = [f.name for f in fields(HyperParams)]
        if name in known or hasattr(type(self), name):
            raise AttributeError(f'ms.{name} cannot be set: it is a fact of this run.')
        close = difflib.get_close_matches(name, [*known, *dir(self)], n=1)
        raise AttributeError(f'a ModelState has no {name!r}.' + (f' Did you mean {close[0]!r}?' if close else ''))

    def __reduce__(self) -> NoReturn:
        raise TypeError('a ModelState is not pickled: ms.newcheckpoint() saves it, ModelState.load(dir) brings it back')


def _warn_of(troubles: list[str], number: int) -> None:
    for trouble in troubles:
        warnings.warn(f'{trouble} Loaded checkpoint {number} instead.', stacklevel=4)


def _announce_if_slow(source: Path) -> None:
    with contextlib.suppress(OSError, ValueError):  # who reads it will say what is wrong
        if source.stat().st_size > SLOW_BYTES:
            Screen().say(f'reading {count(source.stat().st_size)} bytes, twice ...')


@known_names_only
def generatestring(
    ms: ModelState,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: str | None = None,
    seed: int | None = None,
    errors: str = 'strict',
) -> str:
    """`numchars` characters drawn from `ms` at softmax temperature `temp`.

    help(ModelState.generatestring) says the rest.
    """
    return ms.generatestring(numchars, temp, prime=prime, seed=seed, errors=errors)
