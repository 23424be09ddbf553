"""RNN_TANH, RNN_RELU, LSTM and GRU: embedding → recurrent layers → output, as word-level models have them.

    ids ──► embedding (emsize) ──dropout──► layer ──dropout──► … ──► layer ──dropout──► readout ──► logits

`tied` shares one matrix between the embedding and the output layer (Press & Wolf 2017, arXiv:1608.05859), so
emsize and state_size must agree.  Dropout is at the three places of Zaremba et al. 2014 (arXiv:1409.2329).  The cells:

    RNN_TANH   h' = tanh(W_in x + b_in + W_h h + b_h)
    RNN_RELU   h' = max(0, W_in x + b_in + W_h h + b_h)
    LSTM       i, f, o = σ(…),  g = tanh(…),  c' = f ⊙ c + i ⊙ g,  h' = o ⊙ tanh(c')      gates stacked i, f, g, o
    GRU        as in recurrence.py
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from charrnn.errors import HyperParamsError
from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry
from charrnn.models.cells import gru, lstm, rnn_relu, rnn_tanh
from charrnn.models.contract import LanguageModel, LayerWeights, Stack
from charrnn.models.onehot import Rows, look_up
from charrnn.models.weights import uniform


class Layer(nn.Module):
    """The weights of one recurrent layer of `gates` gates; biases of both products, as torch has them."""

    def __init__(self, generator: torch.Generator | None, gates: int, inputs: int, H: int) -> None:
        super().__init__()
        bound = H**-0.5
        self.w_in = uniform(generator, bound, gates * H, inputs)
        self.b_in = uniform(generator, bound, gates * H)
        self.w_h = uniform(generator, bound, gates * H, H)
        self.b_h = uniform(generator, bound, gates * H)

    @property
    def weights(self) -> LayerWeights:
        return LayerWeights(self.w_in, self.b_in, self.w_h, self.b_h)


class Recurrent(LanguageModel):
    """What the four share; a subclass names its cell."""

    settings: ClassVar[tuple[str, ...]] = ('emsize', 'tied')
    cell: str
    gates: int
    state_names: tuple[str, ...] = ('h',)

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator)
        emsize, H = hyper.emsize or hyper.state_size, hyper.state_size
        if hyper.tied and emsize != H:
            raise HyperParamsError(
                f'tied=True shares one matrix, but emsize={emsize} and state_size={H} differ.',
                f'emsize={H}, or tied=False',
            )
        self.layers = nn.ModuleList(
            Layer(generator, self.gates, emsize if layer == 0 else H, H) for layer in range(hyper.layers)
        )
        self.embedding_weight = self.readout_weight if hyper.tied else uniform(generator, 0.1, vocab_size, emsize)

    def step(self, x: Tensor | Rows, states: list[Tensor], layer: Layer) -> tuple[Tensor, list[Tensor]]:
        """One layer over a window: x (T, B, I) or Rows, and its states (B, H), to outputs (T, B, H) and new states."""
        raise NotImplementedError

    def zero_carry(self, lanes: int) -> Carry:
        shape = (self.hyper.layers, lanes, self.hyper.state_size)
        return Carry({name: self.readout_bias.new_zeros(shape) for name in self.state_names})

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        emsize, H = self.embedding_weight.shape[1], self.hyper.state_size
        return [(seq_len, lanes, emsize), *[(seq_len, lanes, H)] * self.hyper.layers]

    def recur(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        """Embedding and all layers: outputs (T, B, H), the last layer's dropout not yet applied, and the states."""
        x: Tensor | Rows = Rows(self.embedding_weight, ids.t())
        last: list[list[Tensor]] = []
        for i, layer in enumerate(self.layers):
            if masks is not None:
                x = look_up(x) * masks[i]
            assert isinstance(layer, Layer)
            x, states = self.step(x, [carry[name][i] for name in self.state_names], layer)
            last.append(states)
        assert isinstance(x, Tensor)
        stacked = (torch.stack(states) for states in zip(*last, strict=True))
        return x, dict(zip(self.state_names, stacked, strict=True))

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        x, states = self.recur(ids, carry, masks)
        if masks is not None:
            x = x * masks[-1]
        return x.transpose(0, 1), Carry(states)

    def stack(self) -> Stack | None:
        layers = [layer.weights for layer in self.layers if isinstance(layer, Layer)]
        first = layers[0]
        assert first.w_in is not None
        return Stack(self.cell, linear(self.embedding_weight, first.w_in, first.b_in), layers, self.state_names)


class RNNTanh(Recurrent):
    """The plain recurrent network of Elman 1990, with tanh."""

    cell = 'rnn_tanh'
    gates = 1

    def step(self, x: Tensor | Rows, states: list[Tensor], layer: Layer) -> tuple[Tensor, list[Tensor]]:
        x, h = rnn_tanh(x, states[0], layer.w_in, layer.b_in, layer.w_h, layer.b_h)
        return x, [h]


class RNNRelu(Recurrent):
    """The plain recurrent network, with a rectifier."""

    cell = 'rnn_relu'
    gates = 1

    def step(self, x: Tensor | Rows, states: list[Tensor], layer: Layer) -> tuple[Tensor, list[Tensor]]:
        x, h = rnn_relu(x, states[0], layer.w_in, layer.b_in, layer.w_h, layer.b_h)
        return x, [h]


class GRU(Recurrent):
    """The gated recurrent unit, on an embedding."""

    cell = 'gru'
    gates = 3

    def step(self, x: Tensor | Rows, states: list[Tensor], layer: Layer) -> tuple[Tensor, list[Tensor]]:
        x, h = gru(x, states[0], layer.w_in, layer.b_in, layer.w_h, layer.b_h)
        return x, [h]


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000)."""

    cell = 'lstm'
    gates = 4
    state_names = ('h', 'c')

    def step(self, x: Tensor | Rows, states: list[Tensor], layer: Layer) -> tuple[Tensor, list[Tensor]]:
        x, h, c = lstm(x, states[0], states[1], layer.w_in, layer.b_in, layer.w_h, layer.b_h)
        return x, [h, c]
