"""The models: their contract, their families, the cells and the engines.

A new family is one class that keeps the contract of LanguageModel, and one line in MODELTYPES; ``registry`` adds the
classes of the user's own to the same table.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from charrnn.errors import HyperParamsError, shown
from charrnn.hyperparams import CHANGEABLE, HyperParams
from charrnn.models.attention import LSTMAttention
from charrnn.models.carry import Carry
from charrnn.models.cells import Stack
from charrnn.models.contract import LanguageModel
from charrnn.models.device import choose_device, drift, environment, memory_of
from charrnn.models.dropout import NOTHING, WindowMasks, derive_seed, dropout_masks, window_masks
from charrnn.models.engines.choice import Engine
from charrnn.models.ensemble import Ensemble, mean_nats
from charrnn.models.readout import readout_loss, readout_nats
from charrnn.models.recurrent import GRU, LSTM, GRUEncode, GRUResize, RNNRelu, RNNTanh
from charrnn.models.trial import OPTIONAL_SETTINGS, check_masks, check_model, running
from charrnn.models.weights import describe, torch_defaults
from charrnn.names import nearest, plain

__all__ = [
    'MODELTYPES',
    'NOTHING',
    'Carry',
    'Engine',
    'Ensemble',
    'LanguageModel',
    'Stack',
    'WindowMasks',
    'build_model',
    'choose_device',
    'derive_seed',
    'drift',
    'dropout_masks',
    'environment',
    'mean_nats',
    'memory_of',
    'readout_loss',
    'readout_nats',
    'window_masks',
]

MODELTYPES: dict[str, type[LanguageModel]] = {
    'GRUEncode': GRUEncode,
    'GRUResize': GRUResize,
    'RNN_TANH': RNNTanh,
    'RNN_RELU': RNNRelu,
    'LSTM': LSTM,
    'GRU': GRU,
    'LSTMAttention': LSTMAttention,
}
BUILT_IN = tuple(MODELTYPES)
LONGEST_NAME = 40
"""Maximum length of the name of a model type."""
IMPORT_IT = 'import the module that registers it'
"""The next step for a run whose model type this Python does not know; at a shell, it becomes an option."""


def is_name(name: object) -> bool:
    """Return True if a model type can have this name."""
    return isinstance(name, str) and name.isidentifier() and len(name) <= LONGEST_NAME


def is_own(modeltype: str) -> bool:
    """Return True for a model type of the user's own."""
    return modeltype not in BUILT_IN


def spelled_alike(name: str) -> str | None:
    """Return the model type with this name in any case, with or without hyphens and underscores; None if none has."""
    key = plain(name).replace('_', '')
    return next((known for known in MODELTYPES if plain(known).replace('_', '') == key), None)


def modeltype_named(given: object) -> str:
    """Return the name of a model type that is written in any case, with or without hyphens and underscores.

    Raises
    ------
    HyperParamsError    there is no such model type; it suggests the nearest name, or all
    """
    if isinstance(given, str):
        if there := spelled_alike(given):
            return there
        if near := nearest(given, MODELTYPES):
            raise HyperParamsError(f'no modeltype {shown(given)}.', f'modeltype={near!r}')
    known = ' or '.join(f'modeltype={name!r}' for name in MODELTYPES)
    raise HyperParamsError(f'no modeltype {shown(given)}; charrnn.register adds one of your own.', known)


def settings_of(modeltype: str) -> tuple[str, ...]:
    """Return the hyperparameters of a model type that not every model type has."""
    kind = MODELTYPES[modeltype]
    masks = () if kind.mask_shapes is LanguageModel.mask_shapes else ('dropout', 'locked')
    weights = () if kind.recurrent_matrices is LanguageModel.recurrent_matrices else ('weightdrop',)
    return (*kind.settings, *masks, *weights)


def without_effect(modeltype: str, hyper: HyperParams, name: str, *, begun: bool = False) -> HyperParamsError | None:
    """Return the error for a setting that would do nothing; None for one that acts, is off or is the default.

    A model type says which optional settings it has, a field of HyperParams which other setting it needs.

    Parameters
    ----------
    begun : bool    the run exists, so only some settings can change
    """
    f, value, leave = hyper.__dataclass_fields__[name], getattr(hyper, name), f'leave {name} out'
    if value == f.default or not value:
        return None
    if name in (*OPTIONAL_SETTINGS, 'dropout', 'locked', 'weightdrop') and name not in settings_of(modeltype):
        takers = ' or '.join(f'modeltype={kind!r}' for kind in MODELTYPES if name in settings_of(kind))
        step = leave if begun else f'{leave}, or {takers}'
        return HyperParamsError(f'{modeltype} has no {name}: it would do nothing.', step)
    other, wanted = f.metadata['needs'] or (name, value)
    present = getattr(hyper, other)
    if present == wanted or (isinstance(wanted, float) and wanted and present):
        return None
    return HyperParamsError(
        f'{name} acts only with {other}={wanted!r}: beside {other}={present!r} it would do nothing.',
        f'{leave}, or {other}={wanted!r}' if not begun or other in CHANGEABLE else leave,
    )


def refuse_without_effect(
    modeltype: str, hyper: HyperParams, typed: Iterable[str] | None = None, *, begun: bool = False
) -> None:
    """Raise HyperParamsError if a setting that was typed would do nothing; without `typed`, any setting."""
    for name in hyper.facts() if typed is None else typed:
        if error := without_effect(modeltype, hyper, name, begun=begun):
            raise error


def settled(modeltype: str, model: LanguageModel, hyper: HyperParams) -> HyperParams:
    """Return other settings for a model, with those kept as they are that its weights or its carry depend on.

    Raises
    ------
    HyperParamsError    a setting would do nothing, or a model of the user's own would get other shapes
    """
    hyper, before = model.settle(hyper), model.hyper.facts()
    new = {name: value for name, value in hyper.facts().items() if value != before[name]}
    refuse_without_effect(modeltype, hyper, new, begun=True)
    if is_own(modeltype):
        if hyper.locked:
            check_masks(model, 1)
        other = build_model(modeltype, len(model.readout_bias), hyper, None)
        if shapes_of(other) != shapes_of(model):
            changed = ', '.join(f'{name}={value!r}' for name, value in new.items())
            what = f'{changed} would change the shapes of the weights or the carry of this {modeltype}.'
            raise HyperParamsError(what, f'a new run: ModelState.initfromsrcfile(..., {changed})')
    return hyper


def shapes_of(model: LanguageModel) -> dict[str, str]:
    """Return the type and shape of each weight and of each state of one lane, by name."""
    named = [*model.named_parameters(), *((f'carry/{name}', state) for name, state in model.zero_carry(1).items())]
    return {name: describe(tensor) for name, tensor in named}


def build_model(
    modeltype: str,
    vocab_size: int,
    hyper: HyperParams,
    seed: int | None,
    device: torch.device = torch.device('cpu'),  # noqa: B008  immutable
) -> LanguageModel:
    """Build a new model on a device; its weights are a function of the other arguments alone.

    Parameters
    ----------
    seed : int or None    None: the weights have shapes, but no memory
    Raises
    ------
    HyperParamsError      no such model type
    EngineError           CHARRNN_ENGINE names an engine that cannot run on this device
    ModelTypeError        a model of the user's own breaks the contract
    """
    modeltype = modeltype_named(modeltype)
    kind = MODELTYPES[modeltype]
    derived = None if seed is None else derive_seed('weights', seed)
    generator = None if derived is None else torch.Generator().manual_seed(derived)
    # Weights made in inference mode could never be trained.
    with torch.inference_mode(False):
        if modeltype in BUILT_IN:
            model = kind(vocab_size, hyper, generator)
            return model if seed is None else model.move(device)
        with torch_defaults(derived), running(f'{kind.__name__}(vocab_size, hyper, generator)'):
            model = kind(vocab_size, hyper, generator)
        if seed is None:
            with running(f'{kind.__name__}.zero_carry(1) of shapes without memory'):
                model.zero_carry(1)
            return model.to(torch.float32)
        check_model(model.move(device))
        return model
