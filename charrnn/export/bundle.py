"""The verb export, and loadmodel: a model as a folder for others, without its training text, in the Hub's convention.

    model.safetensors    the weights that evaluate
    config.json          model type, settings, the symbol that a text begins with, losses
    vocabulary.json      the symbols; of words also how often each letter occurs, which spelling is paid by
    manifest.json        size and SHA-256 of each
    README.md            the model card, for people to edit; no part of the seal

Nothing in a folder from a stranger is unpickled or executed, and nothing is believed before it is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import path_of, truth
from charrnn.display.progress import Screen
from charrnn.display.text import fitted
from charrnn.errors import CheckpointError, HyperParamsError, WorkspaceError, lacks_memory, shown
from charrnn.evaluation.textsize import Letters, letter_counts
from charrnn.evaluation.units import Evaluation
from charrnn.export.card import card_of
from charrnn.export.graph import as_onnx
from charrnn.models import LanguageModel, build_model, choose_device, memory_of
from charrnn.names import ATTRIBUTES, nearest, plain
from charrnn.session import compression, generation, memory, prediction, scores, temperatures
from charrnn.session.frozen import Frozen, FrozenRun, Reading
from charrnn.session.measurements import Measurements
from charrnn.session.prime import default_prime
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.storage.durable import cannot_write, explained, is_there, write_whole
from charrnn.storage.nearby import VOCABULARY, WEIGHTS, is_run, unused
from charrnn.storage.sealed import as_json, parse_json, read_sealed, write_sealed
from charrnn.storage.tensors import as_pieces, from_bytes
from charrnn.storage.workspace import Workspace
from charrnn.text.charset import CODE_POINTS
from charrnn.text.dataset import VOCABULARIES, Dataset
from charrnn.training.limits import at_rest, refuse_beyond
from charrnn.training.moment import check_weights, checked_modeltype, checked_settings, copied, set_weights
from charrnn.version import __version__

CONFIG, CARD = 'config.json', 'README.md'
FORMAT = 1


@fitted
@dataclass(frozen=True)
class Exported:
    """A folder that was written.

    Parameters
    ----------
    path : str
    bytes : int              of its files together
    weights : int            numbers in the model
    nats : float or None     its validation loss, nats per symbol; None without a validation split
    """

    path: str
    bytes: int
    weights: int
    nats: float | None

    def __str__(self) -> str:
        loss = f', {self.nats:.4f} nats per symbol on the validation split' if self.nats is not None else ''
        return f'{self.path}: {self.weights:,} weights, {self.bytes:,} bytes{loss}'


@known_names_only
def export(ms: Session, dir: str | Path, *, licence: str | None = None, onnx: bool = False) -> Exported:
    """Write the model as a folder for others, without its text.

    The folder has the convention of model hubs: model.safetensors,
    config.json, vocabulary.json and README.md, a model card with the
    losses, their protocol and the ladder, which is measured for it.
    charrnn.loadmodel(dir) brings it back for generating and scoring.
    It does not contain the training text, only its symbols and its
    name; a model can still repeat what it has learned by heart.

    Parameters
    ----------
    dir : path       a new folder
    licence : str    the terms of the weights, such as 'mit' or
                     'cc-by-4.0'; for the card
    onnx : bool      write model.onnx, too: one step, ids and states in,
                     logits and states out (needs the package onnx)

    Raises WorkspaceError (the folder is there, disk full),
    TrainingError (onnx: a model with attention).
    """
    run = run_of(ms)
    if licence is not None and not isinstance(licence, str):
        raise HyperParamsError(f'licence={shown(licence)} is no text.', "licence='mit'")
    target = path_of('dir', dir, 'exported')
    if is_there(target):
        raise WorkspaceError(f'{str(target)!r} is there already.', f'dir={unused(str(target))!r}')
    run.learner.refuse_if_torn()
    run.learner.refuse_if_diverged()
    model = run.learner.evaluated
    contents: dict[str, Any] = {'model.onnx': as_onnx(run)} if truth('onnx', onnx) else {}
    screen = Screen(level=run.data.chars.level)
    found = run.measurements.evaluate(model, 'valid', '', screen) if len(run.data.valid) else None
    contents |= {
        WEIGHTS: as_pieces(copied(model.named_parameters())),
        CONFIG: as_json(config_of(run, found)).encode(),
        VOCABULARY: as_json(vocabulary_of(run)).encode(),
    }
    write_sealed(target, contents)
    with explained(target, cannot_write):
        write_whole(target / CARD, card_of(run, found, licence, target.name).encode())
    size = sum(path.stat().st_size for path in target.iterdir())
    weights = sum(p.numel() for p in model.parameters())
    return Exported(str(dir), size, weights, found.nats if found else None)


def config_of(run: Run, found: Evaluation | None) -> dict[str, Any]:
    """Return what config.json says."""
    learner, data = run.learner, run.data
    losses = {'nats': found.nats, 'stderr': _finite(found.stderr), 'symbols': found.symbols} if found else None
    return {
        'model_type': 'charrnn',
        'architectures': [run.modeltype],
        'charrnn': __version__,
        'format': FORMAT,
        'modeltype': run.modeltype,
        'hyper': {**learner.hyper.facts(), 'average': 0.0},  # the weights are the averaged ones
        'level': data.chars.level,
        'prime': default_prime(run),
        'position': learner.position,
        'symbols': learner.symbols,
        'epoch': learner.epoch,
        'seed': learner.seed,
        'losses': {'valid': losses, 'protocol': found.protocol, 'ladder': found.ladder} if found else None,
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def vocabulary_of(run: Run) -> dict[str, Any]:
    """Return what vocabulary.json says."""
    chars = run.data.chars
    facts = {'level': chars.level, 'vocabulary': chars.facts()}
    if chars.level == 'word':
        counts, ends = letter_counts(run.data)
        facts['letters'] = {'counts': {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}, 'ends': ends}
    return facts


class Model(Reading):
    """A model from an exported folder: it writes, reads and scores, and has no text and nothing to train.

    It has the verbs generatestring, temperatures, score, next, read, loadstate, compress and decompress.
    """

    generatestring = generation.generatestring
    temperatures = temperatures.temperatures
    score = scores.score
    next = prediction.next
    read = memory.read
    loadstate = memory.loadstate
    compress = compression.compress
    decompress = compression.decompress

    if not TYPE_CHECKING:  # a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith('_'):
                raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name, obj=self)
            step = ATTRIBUTES.get(plain(name), f'ms.{nearest(name, vars(Model))}()').removeprefix('ms.')
            if step.partition('(')[0] in vars(Model):
                raise AttributeError(f'an exported model has no {name!r}.  Next: model.{step}', obj=self)
            what = f'an exported model has no {name!r}: it has no text, and writes, reads and scores only.'
            raise AttributeError(f'{what}  Next: the run that it came from has, ms = ModelState.load(...)', obj=self)


@known_names_only
def loadmodel(dir: str | Path, *, device: str = 'auto') -> Model:
    """Bring back a model from a folder that ms.export has written.

    It generates and scores as the run did; it cannot be trained, since
    it has no text. Every byte is verified, and nothing is executed.

        model = charrnn.loadmodel('exported')
        generatestring(model, 300, temp=0.5)

    Parameters
    ----------
    dir : path      the folder
    device : str    'auto', 'cpu', 'cuda' or 'mps'

    Raises CheckpointError (no such folder, or a changed byte).
    """
    folder, chosen = path_of('dir', dir, 'exported'), choose_device(device)
    if is_run(folder):
        raise CheckpointError(f'{str(dir)!r} is a run, and no exported model.', f'ModelState.load({str(dir)!r})')
    if not folder.is_dir():
        raise CheckpointError(f'there is no directory {str(dir)!r}.', "ms.export('exported') writes one")
    weights, config, vocabulary = read_sealed(folder, WEIGHTS, CONFIG, VOCABULARY)
    try:
        facts, words = parse_json(config), parse_json(vocabulary)
        chars = VOCABULARIES[words['level']].from_facts(words['vocabulary'])
        prime = [index for index in facts['prime'] if type(index) is int and 0 <= index < len(chars)]
        if not prime or facts['format'] != FORMAT or not all(type(facts[name]) is int for name in ('seed', 'position')):
            raise ValueError
        letters = _letters(words['letters']) if chars.level == 'word' else None
        tensors = from_bytes(weights)
    except Exception as error:  # SafetensorError, KeyError, TypeError, ...: a stranger's file may provoke any
        if lacks_memory(error):
            raise
        raise CheckpointError(
            f'{str(dir)!r} holds no model of this version.', 'a folder that ms.export wrote'
        ) from None
    modeltype = checked_modeltype(facts.get('modeltype'))
    hyper = checked_settings(facts.get('hyper'), tensors, np.iinfo(np.int64).max)
    refuse_beyond(memory_of(chosen), modeltype, len(chars), at_rest(hyper))
    check_weights(build_model(modeltype, len(chars), hyper, None), tensors)
    model: LanguageModel = build_model(modeltype, len(chars), hyper, 0, chosen)
    set_weights(model, tensors)
    data = Dataset(np.array(prime, chars.dtype), (len(prime), 0, 0), str(dir), chars)
    workspace, frozen = Workspace(folder), Frozen(model, data, modeltype, facts['position'], facts['seed'])
    run = FrozenRun(workspace, frozen, modeltype, f'{modeltype} of {folder.name!r}', 'it was exported')
    run.measurements = Measurements(data, workspace, letters)
    return Model(run)


def _letters(facts: dict[str, Any]) -> Letters:
    """Return the cost of spelling from counts out of a stranger's file."""
    counts: NDArray[np.int64] = np.zeros(CODE_POINTS, np.int64)
    for letter, count in facts['counts'].items():
        if type(count) is not int or not 0 < count < 2**53:
            raise ValueError
        counts[ord(letter)] = count
    if type(facts['ends']) is not int or not 0 <= facts['ends'] < 2**53:
        raise ValueError
    return Letters.of_counts(counts, facts['ends'])
