"""The models: their contract, their families, the cells and the engines.

A new family is one class that keeps the contract of LanguageModel, and one line in MODELTYPES.
"""

from __future__ import annotations

import torch

from charrnn.arguments import unknown_name
from charrnn.errors import HyperParamsError
from charrnn.hyperparams import HyperParams
from charrnn.models.attention import LSTMAttention
from charrnn.models.carry import Carry
from charrnn.models.cells import Stack
from charrnn.models.contract import LanguageModel
from charrnn.models.device import choose_device, drift, environment
from charrnn.models.dropout import Masks, derive_seed, dropout_masks
from charrnn.models.engines.choice import Engine
from charrnn.models.readout import readout_loss, readout_nats
from charrnn.models.recurrent import GRU, LSTM, GRUEncode, GRUResize, RNNRelu, RNNTanh

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


def family(modeltype: object) -> type[LanguageModel]:
    """Return the class of a model type, or raise a HyperParamsError that suggests the right name."""
    if not isinstance(modeltype, str) or modeltype not in MODELTYPES:
        known = {name: f'modeltype={name!r}' for name in MODELTYPES}
        raise HyperParamsError(*unknown_name('modeltype', str(modeltype), known))
    return MODELTYPES[modeltype]


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
    kind = family(modeltype)
    generator = None if seed is None else torch.Generator().manual_seed(derive_seed('weights', seed))
    # Weights made in inference mode could never be trained.
    with torch.inference_mode(False):
        model = kind(vocab_size, hyper, generator)
        return model if seed is None else model.move(device)
