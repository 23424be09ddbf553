"""ModelState: one run, to talk to at the prompt.  Wiring only: each method hands on to run.py or to who knows how."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.attaching import AttachedTable, own_filter
from charrnn.checks import real, truth, whole
from charrnn.display.plots import Curves, draw
from charrnn.display.progress import Screen
from charrnn.display.status import CheckpointRow, CheckpointTable, Status, count
from charrnn.errors import HyperParamsError, SamplingError, TrainingError, WorkspaceError, warn
from charrnn.hyperparams import CHANGEABLE, HyperParams
from charrnn.measuring import Measurements
from charrnn.models import (
    MODELTYPES,
    Carry,
    Engine,
    LSTMAttention,
    choose_device,
    choose_engine,
    derive_seed,
    family,
    first_look_ahead,
)
from charrnn.names import OTHER_NAMES
from charrnn.run import Run
from charrnn.sampling.sampler import Sample, sample_indices
from charrnn.sampling.scoring import track_states
from charrnn.signatures import known_names_only, with_hyperparameters
from charrnn.storage.checkpoints import best_number
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.text.sources import DEFAULT_TRAINFRAC, Source
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.history import History
from charrnn.training.loop import TrainReport
from charrnn.training.schedule import Moment
from charrnn.training.yardstick import Evaluation

FIRST_LANES = 16
SLOW_BYTES = 100_000_000  # a text from here on takes so long to read that it is announced
SPOKEN = {'char': 200, 'byte': 200, 'word': 40}  # symbols of a sample on the way


class ModelState:
    """A recurrent language model in training, and all it needs to go on.

    >>> ms = ModelState.initfromsrcfile('shakespeare.txt', 'workspaces/s')
    >>> ms.trainmodel(num_rounds=3)
    >>> generatestring(ms, temp=0.5)
    >>> ms = ModelState.load('workspaces/s')             # another day

    Training can stop anywhere and goes on as if it had never stopped.
    Looking (evaluating, generating, printing) never changes anything.
    """

    __slots__ = (
        '__weakref__',
        '_measurements',
        '_run',
    )

    _measurements: Measurements
    _run: Run

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
        trainfrac: float = DEFAULT_TRAINFRAC,
        level: str = 'char',
        encoding: str = 'utf-8',
        device: str = 'auto',
        seed: int = 0,
        init_checkpoint: bool = True,
        vocab_size: int | None = None,
        lower: bool = False,
        **hyperparams: Any,
    ) -> Self:
        """Begin a run on the text `srcfile` in the directory `usedir`.

        The first int(trainfrac·size) symbols train, the rest validates; a
        directory with train.txt, valid.txt and test.txt is taken as it is
        split. `modeltype` is GRUEncode, GRUResize, RNN_TANH, RNN_RELU,
        LSTM, GRU or LSTMAttention; `level` 'char', 'byte' or 'word' (the
        `vocab_size` most frequent; in `lower` case); `device` 'auto',
        'cpu', 'cuda' or 'mps'. The weights are a function of `seed`.
        help(HyperParams) says what the others mean.
        Raises SourceTextError, HyperParamsError, TrainingError (too short
        a text), WorkspaceError (there is a run already).
        """
        hyper = HyperParams(**hyperparams)
        settings = family(modeltype).settings
        source = Source(_path('srcfile', srcfile), level, encoding, trainfrac, vocab_size, lower)
        for name in ('emsize', 'tied', 'memory'):
            if getattr(hyper, name) and name not in settings:
                takers = ', '.join(kind for kind, model in MODELTYPES.items() if name in model.settings)
                raise HyperParamsError(f'{modeltype} has no {name}: it would do nothing.', f'modeltype of {takers}')
        seed, chosen = whole(0)('seed', seed, 0), choose_device(device)
        workspace = Workspace(_path('usedir', usedir))
        _announce_if_slow(source.path)
        run = Run.begin(workspace, source, modeltype, hyper, seed, chosen, init_checkpoint=init_checkpoint)
        return cls._of(run)

    @classmethod
    def _of(cls, run: Run) -> Self:
        self = object.__new__(cls)
        self._run, self._measurements = run, Measurements(run.data, run.workspace)
        return self

    @classmethod
    @known_names_only
    def load(cls, dir: str | Path, *, device: str = 'auto') -> Self:
        """Everything back from the newest good checkpoint in `dir`.

        Ready to train or to generate at once, on any device. Warnings name
        a checkpoint passed over as damaged, and a changed torch, engine,
        ... Nothing is unpickled or executed. Raises WorkspaceError (no run
        there), CheckpointError (nothing good is left, or a newer format).
        """
        workspace = Workspace(_path('dir', dir))
        return cls._of(Run.load(workspace, choose_device(device)))

    @known_names_only
    def restore(self, checkpoint: int | str | None = None) -> Self:
        """Back to a checkpoint: its number, 'best' or 'last' (the default).

        Later checkpoints stay, numbers only grow, and what this session
        has attached stays attached. Raises
        CheckpointError (it is not there, or damaged): nothing changed.
        """
        self._run.restore(checkpoint)
        return self

    @known_names_only
    def newcheckpoint(self) -> int:
        """Write a checkpoint of this moment; returns its number.

        The five newest are kept, and the best. Raises WorkspaceError (disk full, ...): nothing is lost.
        """
        return self._run.save()

    def checkpoints(self) -> CheckpointTable:
        """The checkpoints there are, oldest first, as a table."""
        facts = self._run.workspace.checkpoints.facts()
        best, n = best_number(facts), self.data.train_size
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
        (that window was not applied), OwnershipError, WorkspaceError (disk full, ...).
        """
        num_rounds = whole(1)('num_rounds', num_rounds)
        train_len, valid_len = whole(0)('train_len', train_len, 0), whole(0)('valid_len', valid_len, 0)
        print_every, save_minutes = whole(0)('print_every', print_every, 100), real(0)('save_minutes', save_minutes, 10)
        clear_state = truth('clear_state', clear_state)
        lanes = self.carry.lanes if self.carry is not None else FIRST_LANES
        if batchsize is not None:
            lanes = whole(1)('batchsize', batchsize, FIRST_LANES)
        return self._run.train(
            num_rounds,
            lanes,
            train_len=train_len,
            clear_state=clear_state,
            speak=self._speak,
            unigram=self._measurements.unigram,
            valid_len=valid_len,
            print_every=print_every,
            save_minutes=save_minutes,
        )

    def _speak(self) -> Sample:
        """A sample from lane 0's live carry, its next symbol first; the draws are a function of the position."""
        learner, first = self._run.learner, self._run.learner.next_symbol()
        assert learner.carry is not None
        draws = np.random.default_rng(derive_seed('sample', learner.seed, self.position))
        length = SPOKEN[self.chars.level]
        (rest,) = self._draw(learner.carry.lane(0), [first], length - 1, 0.5, draws)
        return Sample(self.chars.decode([first, *rest]))

    @with_hyperparameters
    @known_names_only
    def sethyperparams(self, **hyperparams: Any) -> HyperParams:
        """Train on with other settings: learnrate, dropout, seq_len, ...

        The lanes stay where they are. The history gets a row, and the next
        checkpoint has it. Raises HyperParamsError (no such setting, or one
        that the weights or the optimizer were made for).
        """
        self._run.change(hyperparams)
        return self.hyper

    # ---- what a user hangs on it -----------------------------------------------------------------------------

    @known_names_only
    def attach(
        self,
        *,
        schedule: Callable[[Moment], float] | None = None,
        onreport: Callable[[dict[str, Any]], object] | None = None,
        samplefilter: Callable[[NDArray[np.float64], str], Any] | None = None,
    ) -> AttachedTable:
        """Hang functions or lambdas on the run; the checkpoints keep them.

        `schedule(moment)` answers the learning rate of the next window;
        a moment has position, symbols, epoch, round and learnrate.
        `onreport(row)` is called with each row of the history.
        `samplefilter(logits, text)` changes the logits (V,) of each
        symbol that is drawn. One that raises ends the round, which is
        saved. Raises AttachedError (not callable, or dill cannot keep it).
        """
        self._run.refuse_while_training()
        given = {'schedule': schedule, 'onreport': onreport, 'samplefilter': samplefilter}
        self._run.attachments.attach({name: function for name, function in given.items() if function is not None})
        return self.attached

    @property
    def attached(self) -> AttachedTable:
        """What is attached: names and sources."""
        return AttachedTable(self._run.attachments)

    def reattach(self) -> AttachedTable:
        """Open what a loaded run has attached. This runs its code.

        Whoever wrote the directory chose that code: read ms.attached
        first. It has the values of the variables that it uses as they
        were saved. Raises AttachedError (it cannot be opened).
        """
        self._run.attachments.reattach()
        return self.attached

    @known_names_only
    def detach(self, name: str) -> AttachedTable:
        """Let go of 'schedule', 'onreport' or 'samplefilter'."""
        self._run.refuse_while_training()
        self._run.attachments.detach(name)
        return self.attached

    # ---- measuring and speaking -----------------------------------------------------------------------------

    @known_names_only
    def evaluate(self, split: str = 'valid') -> Evaluation:
        """The loss of the split 'valid', 'train' or 'test', with its ladder.

        Every symbol is scored once, under a protocol that the result
        states. 'test' is measured on the best checkpoint. Nothing of the
        run changes. Raises TrainingError (there is no such split).
        """
        self.data.split(split)  # or it says what is wrong
        learner, whose = self._run.best() if split == 'test' else (self._run.learner, '')
        return self._measurements.evaluate(learner, split, whose)

    def checkcausal(self) -> bool:
        """Whether no later symbol changes an earlier prediction.

        Tried on this model, with its weights as they are. A model that
        looks ahead is named in a warning too: its losses are no losses of
        prediction.
        """
        place = first_look_ahead(self._run.learner.model, len(self.chars))
        if place is not None:
            warn(
                f'this {self._run.modeltype} looks ahead: the symbol at place {place} changed predictions before it. '
                'Its losses are not losses of prediction.'
            )
        return place is None

    @known_names_only
    def trackattention(self, text: str, *, errors: str = 'strict') -> NDArray[np.float32]:
        """How much each symbol of `text` looks at each, (time, time).

        Rows look, columns are looked at; each row sums to 1 and is zero
        behind its diagonal. Raises TrainingError (this model type has no
        attention), CharSetError (a foreign symbol), SamplingError (no
        text).
        """
        model = self._run.learner.model
        if not isinstance(model, LSTMAttention):
            raise TrainingError(f'{self._run.modeltype} has no attention.', "a run with modeltype='LSTMAttention'")
        ids = self._read(text, errors)
        if not ids:
            raise SamplingError('the text is empty: there is nothing to look at.', "ms.trackattention('some text')")
        with torch.no_grad():
            weights = model.attention_weights(torch.tensor([ids], device=self.device))
        found: NDArray[np.float32] = weights.cpu().numpy()
        return found

    @known_names_only
    def trackneurons(self, text: str, *, errors: str = 'strict') -> NDArray[np.float32]:
        """What every unit does while `text` is read, (layer, unit, time).

        The hidden states after each symbol, from a state of zeros. Raises
        CharSetError (a foreign symbol), SamplingError (no text).
        """
        ids = self._read(text, errors)
        if not ids:
            raise SamplingError('the text is empty: there is nothing to read.', "ms.trackneurons('some text')")
        return track_states(self._run.learner.model, ids)

    @known_names_only
    def plot(self, *, over: str = 'epochs', ax: Any = None) -> Any:
        """The curves of this run over 'epochs' or 'seconds'; see help(plot)."""
        return draw([self._curves()], over, ax)

    def _curves(self) -> Curves:
        table = self.checkpoints()
        ladder = self._measurements.ladder('valid') if len(self.data.valid) else {}
        saved = [(row.epoch, row.valid_nats) for row in table]
        return Curves(self._run.workspace.path.name, list(self._run.history), self.chars.level, ladder, saved)

    @known_names_only
    def generatestring(
        self,
        numchars: int = 500,
        temp: float = 0.5,
        *,
        prime: str | None = None,
        seed: int | None = None,
        errors: str = 'strict',
        n: int | None = None,
    ) -> str | list[str]:
        """`numchars` symbols drawn at softmax temperature `temp`.

        Symbols are characters, or bytes or words at those levels. At
        `temp` 0 always the likeliest. `prime` is read first and is not
        part of the result; by default it is a newline, or the first
        training symbol of a text without one. `seed` fixes the draws.
        `errors='replace'` reads foreign symbols of the prime as unknown.
        `n` asks for a list of so many texts, drawn side by side.
        Raises CharSetError (a foreign symbol), SamplingError.
        """
        numchars, temp = whole(0)('numchars', numchars, 500), real(0)('temp', temp, 0.5)
        read = self._default_prime() if prime is None else self._read(prime, errors)
        if not read:
            raise SamplingError('the prime is empty: there is nothing to go on from.', "prime='\\n', or leave it out")
        draws = np.random.default_rng(None if seed is None else whole(0)('seed', seed, 0))
        streams = 1 if n is None else whole(1)('n', n)
        drawn = self._draw(self._run.learner.model.zero_carry(1), read, numchars, temp, draws, streams)
        texts: list[str] = [Sample(self.chars.decode(indices)) for indices in drawn]
        return texts[0] if n is None else texts

    def _read(self, text: str, errors: str) -> list[int]:
        if not isinstance(text, str):
            raise SamplingError(f'{text!r} is no text.', "a str, such as prime='The '")
        indices: list[int] = self.chars.encode(text, errors).tolist()
        return indices

    def _default_prime(self) -> list[int]:
        """A line break, if the text knows it (it is never index 0), else the first training symbol."""
        newline: list[int] = self.chars.encode('\n', errors='replace').tolist()
        return newline if newline != [0] else [int(self.data.train[0])]

    def _draw(
        self, carry: Carry, prime: list[int], length: int, temp: float, draws: np.random.Generator, streams: int = 1
    ) -> list[list[int]]:
        drawn: list[list[int]] = sample_indices(
            self._run.learner.model,
            carry,
            prime,
            length,
            temp,
            draws,
            silent=self.chars.silent,
            streams=streams,
            own_filter=own_filter(self._run.attachments, self.chars),
        ).tolist()
        return drawn

    # ---- what it is, and where it stands --------------------------------------------------------------------

    @property
    def chars(self) -> Vocabulary[Any]:
        """The vocabulary: a CharSet, ByteSet or WordSet."""
        return self._run.learner.data.chars

    @property
    def hyper(self) -> HyperParams:
        """The hyperparameters."""
        return self._run.learner.hyper

    @property
    def modeltype(self) -> str:
        """The name of the model type."""
        return self._run.modeltype

    @property
    def curdir(self) -> Path:
        """The working directory, as an absolute path."""
        return self._run.workspace.path

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._run.learner.device

    @property
    def engine(self) -> Engine:
        """Who computes the recurrences, and why: CHARRNN_ENGINE overrides."""
        return choose_engine(self.device)

    @property
    def epoch(self) -> float:
        """Symbols trained / symbols of the training text."""
        return self._run.learner.epoch

    @property
    def position(self) -> int:
        """How many symbols lane 0 has walked since the run began."""
        return self._run.learner.position

    @property
    def history(self) -> History:
        """One row for each report and validation."""
        return self._run.history

    @property
    def carry(self) -> Carry | None:
        """The hidden states of every lane, each (layers, lanes, units).

        None before the first window.
        """
        return self._run.learner.carry

    @property
    def data(self) -> Dataset:
        """The encoded text and its split."""
        return self._run.learner.data

    def __repr__(self) -> str:
        learner, trained = self._run.learner, self._run.history.column('train_nats')
        return str(
            Status(
                directory=self._run.workspace.name,
                modeltype=self._run.modeltype,
                layers=self.hyper.layers,
                state_size=self.hyper.state_size,
                level=self.chars.level,
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
                valid_nats=self._run.history.validations(),
                checkpoint=self._run.saved.get('number'),
                rounds_behind=learner.round - self._run.saved.get('round', 0),
                saved=self._run.saved.get('position') == self.position,
                torn=learner.torn,
                diverged=learner.diverged,
                attached=tuple(self._run.attachments),
                waiting=tuple(self._run.attachments.waiting),
            )
        )

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if not name.startswith('_') or name.startswith('__')]

    def __getattr__(self, name: str) -> NoReturn:
        meant = OTHER_NAMES.get(name, name)
        if meant in HyperParams.__dataclass_fields__:
            raise AttributeError(f'a ModelState has no {name!r}.  Next: ms.hyper.{meant}')
        raise AttributeError(f'a ModelState has no {name!r}.{self._did_you_mean(name)}')

    def _did_you_mean(self, name: str) -> str:
        close = difflib.get_close_matches(name, [*HyperParams.__dataclass_fields__, *dir(type(self))], n=1)
        return f' Did you mean {close[0]!r}?' if close else ''

    def __setattr__(self, name: str, value: object) -> None:
        if name in type(self).__slots__:
            object.__setattr__(self, name, value)
            return
        if name in CHANGEABLE:
            raise AttributeError(f'ms.{name} cannot be set like this.  Next: ms.sethyperparams({name}=...)')
        if name in HyperParams.__dataclass_fields__ or hasattr(type(self), name):
            raise AttributeError(f'ms.{name} cannot be set: it is a fact of this run.')
        raise AttributeError(f'a ModelState has no {name!r}.{self._did_you_mean(name)}')

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            'a ModelState is not pickled, since it owns a directory and its lock: '
            'ms.newcheckpoint() saves it, ModelState.load(dir) brings it back'
        )


def _path(name: str, given: str | Path) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise WorkspaceError(f'{name}={given!r} is no path.', f"{name}='a/path'")
    return Path(given)


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
    n: int | None = None,
) -> str | list[str]:
    """`numchars` symbols drawn from `ms` at softmax temperature `temp`.

    help(ModelState.generatestring) says the rest.
    """
    return ms.generatestring(numchars, temp, prime=prime, seed=seed, errors=errors, n=n)
