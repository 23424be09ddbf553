"""What the model is: the contract, the registry, one file for each family, the carry and the recurrence.

A new family is one new file that keeps the contract of LanguageModel, and one line in MODELTYPES.
"""

from __future__ import annotations

import torch

from charrnn.arguments import unknown_name
from charrnn.errors import HyperParamsError
from charrnn.hyperparams import HyperParams
from charrnn.models.attention import LSTMAttention
from charrnn.models.carry import Carry
from charrnn.models.contract import LanguageModel, Stack
from charrnn.models.device import choose_device, drift, environment
from charrnn.models.dropout import Masks, derive_seed, dropout_masks
from charrnn.models.engines import native
from charrnn.models.engines.choice import Engine, choose_engine
from charrnn.models.gru import GRUEncode, GRUResize
from charrnn.models.readout import readout_loss, readout_nats
from charrnn.models.recurrent import GRU, LSTM, RNNRelu, RNNTanh

__all__ = [
    'MODELTYPES',
    'Carry',
    'Engine',
    'LSTMAttention',
    'LanguageModel',
    'Masks',
    'Stack',
    'build_model',
    'choose_device',
    'choose_engine',
    'derive_seed',
    'drift',
    'dropout_masks',
    'environment',
    'native',
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
    """The class of a model type, or a HyperParamsError that says which there are."""
    if not isinstance(modeltype, str) or modeltype not in MODELTYPES:
        known = {name: f'modeltype={name!r}' for name in MODELTYPES}
        raise HyperParamsError(*unknown_name('modeltype', str(modeltype), known))
    return MODELTYPES[modeltype]


def build_model(modeltype: str, vocab_size: int, hyper: HyperParams, seed: int | None) -> LanguageModel:
    """A new model on the CPU; its weights are a function of the arguments alone.  Without a seed: shapes, no memory.

    Raises
    ------
    HyperParamsError    no such model type
    """
    kind = family(modeltype)
    generator = None if seed is None else torch.Generator().manual_seed(derive_seed('weights', seed))
    # A global inference_mode would give weights that can never be trained.
    with torch.inference_mode(False):
        return kind(vocab_size, hyper, generator)
