"""ModelState, the public class: it begins and loads runs, shows where a run stands, and binds the verbs.

A verb is a function ``verb(ms, ...)`` in session/ or export/, which is also the method ``ms.verb(...)``.  A new verb is
one line here and one name in PURPOSES.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from charrnn.arguments import path_of, whole
from charrnn.errors import WorkspaceError
from charrnn.export import bundle, page
from charrnn.hyperparams import HyperParams
from charrnn.manners import ON_THE_CLASS, OnePage, refuse_attribute, refuse_pickling, set_attribute, shown_names
from charrnn.models import Carry, Engine, choose_device, modeltype_named, refuse_without_effect
from charrnn.recipes import settings_of
from charrnn.session import (
    additions,
    branches,
    comparison,
    compression,
    copied,
    curves,
    dialogue,
    doctor,
    followers,
    generation,
    hooks,
    memory,
    neurons,
    prediction,
    rounds,
    scores,
    snapshots,
    temperatures,
)
from charrnn.session.background import Training
from charrnn.session.entry import begin_run, load_run
from charrnn.session.overview import status_of
from charrnn.session.run import Run
from charrnn.signatures import known_names_only, with_hyperparameters
from charrnn.storage.nearby import load_or_begin
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.text.selection import selected
from charrnn.text.sources import DEFAULT_TRAINFRAC, Source
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.history import History

PURPOSES = {
    'begin': ON_THE_CLASS,
    'train': ('trainmodel', 'sethyperparams', 'addsource'),
    'generate': ('generatestring', 'write', 'temperatures', 'next'),
    'remember': ('read', 'lane', 'loadstate'),
    'measure': ('evaluate', 'compare', 'checkcausal', 'score', 'doctor'),
    'look': ('plot', 'copied', 'trackneurons', 'trackattention', 'findneurons', 'showneuron'),
    'keep': ('newcheckpoint', 'checkpoints', 'restore', 'rewind', 'branch', 'family'),
    'share': ('export', 'exporthtml', 'compress', 'decompress'),
    'attach': ('attach', 'reattach', 'detach'),
}
"""The verbs by purpose, as help(ModelState) lists them."""


class ModelState(metaclass=OnePage):
    """A recurrent language model in training, and all it needs to go on.

    >>> ms = ModelState.initfromsrcfile('shakespeare.txt', 'workspaces/s')
    >>> ms.trainmodel(num_rounds=3)
    >>> generatestring(ms, temp=0.5)
    >>> ms = ModelState.load('workspaces/s')             # another day

    Training can stop anywhere and goes on as if it had never stopped.
    Looking (evaluating, generating, printing) never changes anything.
    """

    __slots__ = ('__weakref__', '_run')

    _run: Run

    def __init__(self, given: object = None, *unused: object, **unused_too: object) -> None:
        raise WorkspaceError('a ModelState comes from a text or from a working directory.', load_or_begin(given))

    @classmethod
    @with_hyperparameters
    @known_names_only
    def initfromsrcfile(
        cls,
        srcfile: str | Path | Sequence[str | Path],
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
        punctuation: bool = False,
        mincount: int = 1,
        errors: str = 'strict',
        shuffle_lines: bool = False,
        joiner: str | None = None,
        recipe: str | None = None,
        **hyperparams: Any,
    ) -> Self:
        """Begin a run on the text `srcfile`, in a directory.

        help(HyperParams) explains the arguments from layers on.

        Parameters
        ----------
        srcfile : path           the text: a file, or several (a list,
                                 'plays/*.txt', a folder), .gz too, or '-';
                                 or a folder with train.txt and valid.txt
        usedir : path            the working directory of the new run
        modeltype : str          GRUEncode, GRUResize, RNN_TANH, RNN_RELU,
                                 LSTM, GRU, LSTMAttention, or one of your
                                 own (help(charrnn.register))
        trainfrac : float        the first int(trainfrac·size) symbols
                                 train, the rest validates
        level : str              a symbol is a 'char', a 'byte' or a 'word'
        encoding : str           of the text; bytes have none
        device : str             'auto', 'cpu', 'cuda' or 'mps'
        seed : int               the weights are a function of it
        init_checkpoint : bool   save the untrained model
        vocab_size : int         of words: keep the most frequent; None: all
        lower : bool             of words: read the text in lower case
        punctuation : bool       of words: split punctuation from words,
                                 and put it back in generated text
        mincount : int           of words: the fewest times in the text
        errors : str             'strict', or 'replace': bytes that are not
                                 of the encoding are read as U+FFFD
        shuffle_lines : bool     before the split; for sorted lists
        joiner : str             between files; by default a line break
        recipe : str             'small': good settings for up to 5 MB

        Raises SourceTextError, HyperParamsError, TrainingError (too short
        a text), WorkspaceError (there is a run already).
        """
        modeltype, words = modeltype_named(modeltype), (vocab_size, lower, punctuation, mincount)
        path, files = selected(srcfile)
        source = Source(path, level, encoding, trainfrac, *words, errors, shuffle_lines, files, joiner)
        hyper = HyperParams(**settings_of(recipe, source.bytes, level, hyperparams))
        refuse_without_effect(modeltype, hyper, hyperparams)
        seed, chosen = whole(0)('seed', seed, 0), choose_device(device)
        workspace = Workspace(path_of('usedir', usedir, 'workspaces/text'))
        return cls._of(begin_run(workspace, source, modeltype, hyper, seed, chosen, init_checkpoint=init_checkpoint))

    @classmethod
    @known_names_only
    def load(cls, dir: str | Path, *, device: str = 'auto') -> Self:
        """Bring back a run from its newest good checkpoint.

        It is ready to train or to generate at once, on any device. Warnings
        name a checkpoint passed over as damaged, and a changed torch, engine,
        ... Nothing is unpickled or executed.

        Parameters
        ----------
        dir : path       the working directory of the run
        device : str     'auto', 'cpu', 'cuda' or 'mps'

        Raises WorkspaceError (no run there), CheckpointError (nothing good
        is left, or a newer format).
        """
        return cls._of(load_run(Workspace(path_of('dir', dir)), choose_device(device)))

    @classmethod
    def _of(cls, run: Run) -> Self:
        self = object.__new__(cls)
        self._run = run
        return self

    # ---- the verbs ------------------------------------------------------------------------------------------

    trainmodel = rounds.trainmodel
    sethyperparams = rounds.sethyperparams
    addsource = additions.addsource
    generatestring = generation.generatestring
    temperatures = temperatures.temperatures
    next = prediction.next
    write = dialogue.write
    read = memory.read
    lane = memory.lane
    loadstate = memory.loadstate
    evaluate = scores.evaluate
    compare = comparison.compare
    checkcausal = scores.checkcausal
    score = scores.score
    doctor = doctor.doctor
    plot = curves.plot
    copied = copied.copied
    trackneurons = neurons.trackneurons
    trackattention = neurons.trackattention
    findneurons = followers.findneurons
    showneuron = followers.showneuron
    newcheckpoint = snapshots.newcheckpoint
    checkpoints = snapshots.checkpoints
    restore = snapshots.restore
    rewind = snapshots.rewind
    branch = branches.branch
    family = branches.family
    export = bundle.export
    exporthtml = page.exporthtml
    compress = compression.compress
    decompress = compression.decompress
    attach = hooks.attach
    attached = property(hooks.attached, doc='The names and sources of the attached functions.')
    reattach = hooks.reattach
    detach = hooks.detach

    # ---- what it is, and where it stands --------------------------------------------------------------------

    @property
    def chars(self) -> Vocabulary[Any]:
        """The vocabulary: a CharSet, ByteSet or WordSet."""
        return self.data.chars

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
        """The device that computes."""
        return self._run.learner.device

    @property
    def engine(self) -> Engine:
        """The engine of the recurrences, and the reason for it; CHARRNN_ENGINE overrides it when the run is loaded."""
        return self._run.learner.model.engine

    @property
    def training(self) -> Training | None:
        """The newest training in the background, with its progress, stop() and wait(); None if there was none."""
        return self._run.background

    @property
    def epoch(self) -> float:
        """Symbols trained / symbols of the training text."""
        return self._run.learner.epoch

    @property
    def position(self) -> int:
        """The number of symbols that lane 0 has walked since the run began."""
        return self._run.learner.position

    @property
    def history(self) -> History:
        """One row for each report and validation."""
        return self._run.history

    @property
    def carry(self) -> Carry:
        """The hidden states of every lane, each (layers, lanes, units); zeros before the first window."""
        return self._run.learner.carry

    @property
    def data(self) -> Dataset:
        """The encoded text and its split."""
        return self._run.data

    # ---- manners at the prompt ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return str(status_of(self._run))

    def _repr_html_(self) -> str:
        return status_of(self._run).html()

    __dir__ = shown_names
    __reduce__ = refuse_pickling

    if not TYPE_CHECKING:  # a type checker would accept every name
        __getattr__ = refuse_attribute
        __setattr__ = set_attribute


def _table_of_verbs() -> str:
    lines = []
    for purpose, names in PURPOSES.items():
        lines.append(f'\n    {purpose}')
        for name in names:
            summary = (getattr(ModelState, name).__doc__ or '').split('\n')[0]
            lines.append(f'      {name:<16} {summary}')
    return '\n'.join(lines)


ModelState.__doc__ = f"""{ModelState.__doc__}{_table_of_verbs()}

    values      chars data hyper modeltype curdir device engine epoch position
                history carry attached training

    help(ModelState.trainmodel), or help(ms.trainmodel), has the details.
    """
