"""The models: their contract, their families, the cells and the engines.

A new family is one class that keeps the contract of LanguageModel, and one line in MODELTYPES.
"""

from __future__ import annotations

import torch

from charrnn.errors import HyperParamsError, shown
from charrnn.hyperparams import HyperParams
from charrnn.models.attention import LSTMAttention
from charrnn.models.carry import Carry
from charrnn.models.cells import Stack
from charrnn.models.contract import LanguageModel
from charrnn.models.device import choose_device, drift, environment, memory_of
from charrnn.models.dropout import Masks, derive_seed, dropout_masks
from charrnn.models.engines.choice import Engine
from charrnn.models.readout import readout_loss, readout_nats
from charrnn.models.recurrent import GRU, LSTM, GRUEncode, GRUResize, RNNRelu, RNNTanh
from charrnn.names import nearest, plain

__all__ = [
    'MODELTYPES',
    'Carry',
    'Engine',
    'LanguageModel',
    'Masks',
    'Stack',
    'build_model',
    'choose_device',
    'derive_seed',
    'drift',
    'dropout_masks',
    'environment',
    'memory_of',
    'readout_loss',
    'readout_nats',
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


def modeltype_named(given: object) -> str:
    """Return the name of a model type that is written in any case, with or without hyphens and underscores.

    Raises
    ------
    HyperParamsError    there is no such model type; it suggests the nearest name, or all
    """
    if isinstance(given, str):
        for name in MODELTYPES:
            if plain(given).replace('_', '') == plain(name).replace('_', ''):
                return name
        if near := nearest(given, MODELTYPES):
            raise HyperParamsError(f'no modeltype {shown(given)}.', f'modeltype={near!r}')
    raise HyperParamsError(f'no modeltype {shown(given)}.', ' or '.join(f'modeltype={name!r}' for name in MODELTYPES))


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
    """
    kind = MODELTYPES[modeltype_named(modeltype)]
    generator = None if seed is None else torch.Generator().manual_seed(derive_seed('weights', seed))
    # Weights made in inference mode could never be trained.
    with torch.inference_mode(False):
        model = kind(vocab_size, hyper, generator)
        return model if seed is None else model.move(device)
