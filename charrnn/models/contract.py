"""What training, evaluation and sampling ask of a model: the contract that every family keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry
from charrnn.models.weights import uniform, zeros


class LayerWeights(NamedTuple):
    """Of one recurrent layer, gates stacked: w_in and w_h (G·H, H), b_in and b_h (G·H,)."""

    w_in: Tensor | None
    b_in: Tensor
    w_h: Tensor
    b_h: Tensor


class Stack(NamedTuple):
    """A model that is no more than recurrent layers between a table and the readout: all that speaking needs.

    Parameters
    ----------
    cell : str               'gru', 'lstm', 'rnn_tanh' or 'rnn_relu'
    table : (V, G·H)         the first layer's input products of each symbol
    layers : list            of every layer; w_in and b_in of the first are in the table and not read
    states : tuple of str    their names in the carry
    """

    cell: str
    table: Tensor
    layers: list[LayerWeights]
    states: tuple[str, ...]


class LanguageModel(nn.Module):
    """A recurrent language model; this class itself holds the output layer, which all families share.

    Parameters
    ----------
    vocab_size : int                 V
    hyper : HyperParams
    generator : torch.Generator      draws the weights: they are functions of it alone; None: shapes without memory
    """

    settings: ClassVar[tuple[str, ...]] = ()
    """The hyperparameters that only some families have, of those that this one has."""
    readout_weight: nn.Parameter

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__()
        self.hyper = hyper
        self.readout_weight = uniform(generator, hyper.state_size**-0.5, vocab_size, hyper.state_size)
        self.readout_bias = zeros(generator, vocab_size)

    def zero_carry(self, lanes: int) -> Carry:
        """The carry of lanes that have read nothing."""
        raise NotImplementedError

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        """The shapes of the dropout masks of one window: what ``forward`` takes as `masks`."""
        raise NotImplementedError

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        """Read a window of every lane.

        Parameters
        ----------
        ids : int64 (B, T)        symbols
        carry : Carry             left by the symbols before; not modified
        masks : sequence          dropout, as ``mask_shapes`` says; None drops nothing
        Returns
        -------
        outputs : (B, T, H)       of the last layer; ``logits`` turns them into predictions
        carry : Carry             after the last symbol
        """
        raise NotImplementedError

    def stack(self) -> Stack | None:
        """The model as a Stack, to speak fast; None if it is more than that."""
        return None

    def logits(self, outputs: Tensor) -> Tensor:
        """(…, H) to unnormalised log-probabilities of the next symbol (…, V)."""
        return linear(outputs, self.readout_weight, self.readout_bias)
