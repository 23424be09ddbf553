"""A moment: everything that training reads, as one frozen value; and the check of one from a stranger's file.

learner.moment() ──► Moment ──tensors(), facts()──► storage
storage ──Moment.checked──► Moment ──model()──► a model to evaluate
                            Moment ──learner.load(moment)──► training goes on
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor

from charrnn.arguments import LARGEST
from charrnn.errors import CharRNNError, CheckpointError, ModelTypeError, UnusableHereError
from charrnn.hyperparams import CHANGEABLE, HyperParams
from charrnn.models import IMPORT_IT, MODELTYPES, Carry, LanguageModel, build_model, is_name, is_own
from charrnn.models.weights import describe
from charrnn.text.dataset import Dataset
from charrnn.training.optimizer import check_optimizer_tensors
from charrnn.training.ring import Ring
from charrnn.training.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Moment:
    """One moment of a run.

    Parameters
    ----------
    modeltype : str
    hyper : HyperParams
    seed : int                      weights, masks and random windows are functions of it
    position, symbols, round : int  of the learner
    seconds : float                 spent training; for people
    schedule : Schedule
    ring : Ring                     the size of the training ring
    weights, average, optimizer, carry : mapping of name to tensor; `average` is empty unless `hyper` asks for it
    """

    modeltype: str
    hyper: HyperParams
    seed: int
    position: int
    symbols: int
    round: int
    seconds: float
    schedule: Schedule
    ring: Ring
    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    carry: Mapping[str, Tensor]

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor under the name it has in a checkpoint."""
        parts = {'model': self.weights, 'average': self.average, 'optimizer': self.optimizer, 'carry': self.carry}
        return {f'{part}/{name}': tensor for part, named in parts.items() for name, tensor in named.items()}

    def facts(self) -> dict[str, Any]:
        """Return everything else, as plain values."""
        return {
            'modeltype': self.modeltype,
            'hyper': self.hyper.facts(),
            'seed': self.seed,
            'position': self.position,
            'symbols': self.symbols,
            'round': self.round,
            'seconds': self.seconds,
            'schedule': asdict(self.schedule),
            'ring': asdict(self.ring),
        }

    @classmethod
    def checked(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], data: Dataset) -> Self:
        """Return the moment that a file holds, which a stranger may have written, if it belongs to a model on `data`.

        Memory is taken only for what the tensors themselves prove.

        Raises
        ------
        CheckpointError      a fact is missing or invalid, or the tensors are not those of such a model
        UnusableHereError    it needs a model type of the user's own, whose class is not registered or another one
        """
        modeltype = checked_modeltype(facts.get('modeltype'))
        counts = [facts.get(name) for name in ('seed', 'position', 'symbols', 'round')]
        if not all(type(count) is int and 0 <= count <= LARGEST for count in counts):
            raise invalid('seed, position, symbols or round is invalid')
        seconds = facts.get('seconds')
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= LARGEST:
            raise invalid('seconds is invalid')
        parts: dict[str, dict[str, Tensor]] = {'model': {}, 'average': {}, 'optimizer': {}, 'carry': {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition('/')
            parts.get(part, {})[rest] = tensor
        hyper = checked_settings(facts.get('hyper'), tensors, data.train_size)
        model = build_model(modeltype, len(data.chars), hyper, None)
        try:
            check_weights(model, parts['model'])
            if hyper.average or parts['average']:
                check_weights(model, parts['average'])
            check_optimizer_tensors(model, hyper, parts['optimizer'])
            _check_carry(model.zero_carry(1), parts['carry'])
        except CheckpointError as error:
            if not is_own(modeltype):
                raise
            what = f'does not fit the class that is registered as {modeltype!r}: {error.what}'
            raise UnusableHereError(what, 'register the class with which the run was begun') from None
        return cls(
            modeltype,
            hyper,
            facts['seed'],
            facts['position'],
            facts['symbols'],
            facts['round'],
            float(seconds),
            _checked_schedule(facts.get('schedule')),
            _checked_ring(facts.get('ring', {'size': data.train_size}), data, facts['symbols']),
            parts['model'],
            parts['average'],
            parts['optimizer'],
            parts['carry'],
        )

    def model(self, data: Dataset, device: torch.device) -> LanguageModel:
        """Build the model that this moment evaluates and generates with: no optimizer, no carry."""
        model = build_model(self.modeltype, len(data.chars), self.hyper, self.seed, device)
        set_weights(model, self.average or self.weights)
        return model


def refuse_unreadable(moment: Moment, data: Dataset) -> None:
    """Raise ModelTypeError if a model type of the user's own would write checkpoints that cannot be read."""
    if is_own(moment.modeltype):
        try:
            Moment.checked(moment.tensors(), moment.facts(), data)
        except CheckpointError as error:
            what = f'no checkpoint of this {moment.modeltype} could be read again ({error.what.rstrip(".")}).'
            step = 'a class whose weights and carry are a function of vocab_size and hyper; help(charrnn.register)'
            raise ModelTypeError(what, step) from None


def copied(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Return copies of named tensors, on the CPU and without gradients."""
    return {name: tensor.detach().to('cpu', copy=True) for name, tensor in tensors}


def set_weights(model: LanguageModel, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a model that has the same ones."""
    with torch.inference_mode(False), torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def refuse_other_settings(moment: Moment, model: LanguageModel) -> None:
    """Raise CheckpointError unless the settings of a moment that cannot change during a run are those of a model."""
    other = build_model(moment.modeltype, len(model.readout_bias), moment.hyper, None)
    theirs, ours = other.settle(moment.hyper).facts(), model.settle(model.hyper).facts()
    for name, value in ours.items():
        if name not in CHANGEABLE and theirs[name] != value:
            raise invalid(f'the checkpoint has {name}={theirs[name]!r}, and this run {name}={value!r}')


def invalid(what: str) -> CheckpointError:
    """Return the error for a moment that belongs to no model."""
    return CheckpointError(f'{what}.', 'another checkpoint')


def checked_modeltype(given: Any) -> str:
    """Return the name of a model type out of a stranger's file, if it is registered.

    Raises
    ------
    CheckpointError, UnusableHereError
    """
    if not is_name(given):
        raise invalid(f'there is no modeltype {str(given)[:40]!r}')
    if given not in MODELTYPES:
        raise UnusableHereError(f'needs the model type {given!r}, which this Python does not know.', IMPORT_IT)
    return str(given)


def checked_settings(given: Any, tensors: Mapping[str, Tensor], train_size: int) -> HyperParams:
    """Return settings out of a stranger's file; raise CheckpointError if they do not belong to these tensors."""
    try:
        hyper = HyperParams(**given)
    except (CharRNNError, TypeError) as error:
        raise invalid(getattr(error, 'what', str(error)).rstrip('.')) from None
    if max(hyper.seq_len, hyper.memory) > train_size:
        raise invalid(f'windows of {hyper.seq_len} and a memory of {hyper.memory} in a text of {train_size}')
    if hyper.layers > len(tensors):  # or counting them would take for ever
        raise invalid(f'{hyper.layers} layers in {len(tensors)} tensors')
    widest = max((size for tensor in tensors.values() for size in tensor.shape), default=0)
    if max(hyper.state_size, hyper.emsize) > widest:  # or the sizes of the weights might overflow
        raise invalid(f'{hyper.state_size} units and embeddings of {hyper.emsize} in tensors of at most {widest}')
    return hyper


def check_weights(model: LanguageModel, found: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError unless these are the weights of such a model."""
    wanted = dict(model.named_parameters())
    for name in sorted(wanted.keys() | found.keys()):
        there, due = describe(found.get(name)), describe(wanted.get(name))
        if there != due:
            raise invalid(f'weight {name[:40]!r} is {there} in the checkpoint, and {due} in such a model')


def _check_carry(zero: Carry, found: Mapping[str, Tensor]) -> None:
    if not found:  # a checkpoint of before the first window
        return
    lanes = max(*(t.shape[1] if t.ndim > 1 else 0 for t in found.values()), 0)
    for name, one in zero.items():
        due = f'{str(one.dtype).removeprefix("torch.")} {(one.shape[0], lanes, *one.shape[2:])}'
        if not lanes or found.keys() != zero.keys() or describe(found[name]) != due:
            raise invalid(f'hidden state {name!r} is {describe(found.get(name))}, and {due} in such a model')


def _checked_ring(facts: Any, data: Dataset, symbols: int) -> Ring:
    try:
        found = Ring(**facts)
    except TypeError:
        raise invalid('the ring in it is invalid') from None
    counts = (found.size, found.symbols)
    sound = all(type(n) is int and 0 <= n <= LARGEST for n in counts) and found.symbols <= symbols
    if not sound or type(found.epoch) is not float or not 0 <= found.epoch <= LARGEST:
        raise invalid('the ring in it is invalid')
    if found.size != data.train_size:
        raise invalid(f'a ring of {found.size:,} symbols, in a text of {data.train_size:,}')
    return found


def _checked_schedule(facts: Any) -> Schedule:
    try:
        found = Schedule(**facts)
    except TypeError:
        raise invalid('the schedule in it is invalid') from None
    counts = (found.epochs_judged, found.annealings)
    sound = all(type(n) is int and 0 <= n <= LARGEST for n in counts)
    best = found.best_nats
    finite = (
        math.isfinite(best) if type(best) is float else best is None or (type(best) is int and abs(best) <= LARGEST)
    )
    if not sound or not finite:
        raise invalid('the schedule in it is invalid')
    return found
