"""The recurrent stack between the encoding of symbols and the readout, and the model families built on it.

    GRUEncode   one-hot → linear + tanh (H units) ──► GRU layers ──► readout
    GRUResize   one-hot ────────────────────────────► GRU layers ──► readout
    RNN_TANH, RNN_RELU, LSTM, GRU
                embedding (emsize) ──dropout──► layers ──► readout         usual for word-level models

Dropout follows each layer, and the embedding of the last four (Zaremba et al. 2014, arXiv:1409.2329).  `tied` shares
one matrix between the embedding and the readout (Press & Wolf 2017, arXiv:1608.05859), so emsize and state_size must
agree.  A one-hot vector times a matrix is a row of the matrix, so no one-hot vector is built: see ``onehot``.
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
from charrnn.models.cells import CELLS, Cell, LayerWeights, Stack
from charrnn.models.contract import LanguageModel
from charrnn.models.onehot import Rows, each_row, look_up
from charrnn.models.weights import uniform, zeros

EMBEDDING = 1.0
"""Bound of the first embedding.  A symbol is then as large as a hidden state, which is within ±1: with 0.1, the four
families learned half as fast at first.  A tied embedding is also the readout, and has the scale of that."""


class Layer(nn.Module):
    """The weights of one recurrent layer.

    Parameters
    ----------
    gates : int             G of the cell
    inputs : int or None    size of the input; None: the input is already multiplied by the input weights
    """

    def __init__(self, generator: torch.Generator | None, gates: int, inputs: int | None, H: int) -> None:
        super().__init__()
        bound = H**-0.5
        self.w_in = uniform(generator, bound, gates * H, inputs) if inputs is not None else None
        self.b_in = uniform(generator, bound, gates * H)
        self.w_h = uniform(generator, bound, gates * H, H)
        self.b_h = uniform(generator, bound, gates * H)

    @property
    def weights(self) -> LayerWeights:
        """The four tensors in the form that engines take."""
        return LayerWeights(self.w_in, self.b_in, self.w_h, self.b_h)


class Recurrent(LanguageModel):
    """The stack that all recurrent families share; a family names its cell and encodes the symbols.

    Parameters
    ----------
    inputs : int or None    size of the result of ``encode``; None: the result is the first layer's input products
    """

    cell: ClassVar[Cell]
    drops_encoding: ClassVar[bool] = False
    """True if dropout also acts on the encoding."""

    def __init__(
        self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None, inputs: int | None
    ) -> None:
        super().__init__(vocab_size, hyper, generator)
        H = hyper.state_size
        self.layers = nn.ModuleList(
            Layer(generator, self.cell.gates, inputs if layer == 0 else H, H) for layer in range(hyper.layers)
        )

    @classmethod
    def count_weights(cls, vocab_size: int, hyper: HyperParams) -> int:
        """Return the weights of the readout and of the layers, the input weights of the first left to the family."""
        H, rows = hyper.state_size, cls.cell.gates * hyper.state_size
        layers = hyper.layers * rows * (H + 2) + (hyper.layers - 1) * rows * H
        return super().count_weights(vocab_size, hyper) + layers

    @classmethod
    def count_carry(cls, hyper: HyperParams) -> int:
        return len(cls.cell.states) * hyper.layers * hyper.state_size

    @classmethod
    def count_window(cls, hyper: HyperParams) -> int:
        return hyper.seq_len * hyper.layers * hyper.state_size * (1 + (cls.cell.saved or 0))

    def encode(self, ids: Tensor) -> Tensor | Rows:
        """Turn symbols (T, B) into the first layer's input, (T, B, inputs)."""
        raise NotImplementedError

    def zero_carry(self, lanes: int) -> Carry:
        shape = (self.hyper.layers, lanes, self.hyper.state_size)
        return Carry({name: self.readout_bias.new_zeros(shape) for name in self.cell.states})

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        return [(seq_len, lanes, self.hyper.state_size)] * self.hyper.layers

    def recurrent_matrices(self) -> list[str]:
        """Return the recurrent weights of all layers."""
        return [f'layers.{i}.w_h' for i in range(len(self.layers))]

    def hidden_matrices(self) -> dict[str, int]:
        """Return the input and recurrent weights of all layers, a block for each gate."""
        found = ((f'layers.{i}.{name}', layer) for i, layer in enumerate(self.layers) for name in ('w_in', 'w_h'))
        return {name: self.cell.gates for name, layer in found if getattr(layer, name.rpartition('.')[2]) is not None}

    def recur(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the encoding and all layers.

        Returns
        -------
        outputs : (T, B, H)      of the last layer; the last mask is not yet applied to them
        states : dict of (L, B, H)
        """
        x = self.encode(ids.t())
        # before[i] acts on the input of layer i.
        before = [None] * len(self.layers) if masks is None else list(masks[:-1])
        if masks is not None and not self.drops_encoding:
            before = [None, *before]
        last = []
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            if (mask := before[i]) is not None:
                x = look_up(x) * mask
            x, states = self.engine.layer(self.cell, x, [carry[name][i] for name in self.cell.states], layer.weights)
            last.append(states)
        stacked = (torch.stack(states) for states in zip(*last, strict=True))
        return look_up(x), dict(zip(self.cell.states, stacked, strict=True))

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        x, states = self.recur(ids, carry, masks)
        if masks is not None:
            x = x * masks[-1]
        return x.transpose(0, 1), Carry(states)

    def stack(self) -> Stack | None:
        every = torch.arange(len(self.readout_bias), device=self.readout_bias.device)
        table = look_up(self.encode(every[:, None]))[:, 0]
        layers = [layer.weights for layer in self.layers if isinstance(layer, Layer)]
        w_in, b_in = layers[0].w_in, layers[0].b_in
        return Stack(self.cell, table + b_in if w_in is None else linear(table, w_in, b_in), layers)


class GRUEncode(Recurrent):
    """One-hot → linear + tanh (H units) → GRU layers → linear."""

    cell = CELLS['gru']

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator, inputs=hyper.state_size)
        self.encode_weight = uniform(generator, 1.0, vocab_size, hyper.state_size)
        self.encode_bias = zeros(generator, hyper.state_size)

    @classmethod
    def count_weights(cls, vocab_size: int, hyper: HyperParams) -> int:
        H = hyper.state_size
        return super().count_weights(vocab_size, hyper) + (vocab_size + 1) * H + cls.cell.gates * H * H

    def encode(self, ids: Tensor) -> Tensor | Rows:
        return each_row(Rows(self.encode_weight, ids), lambda rows: torch.tanh(rows + self.encode_bias))


class GRUResize(Recurrent):
    """One-hot (V) → GRU layers → linear, without an encoding layer."""

    cell = CELLS['gru']

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator, inputs=None)
        # The input weights of the first layer, one row for each symbol: the transpose of (3H, V).
        self.resize_weight = uniform(generator, hyper.state_size**-0.5, vocab_size, 3 * hyper.state_size)

    @classmethod
    def count_weights(cls, vocab_size: int, hyper: HyperParams) -> int:
        return super().count_weights(vocab_size, hyper) + vocab_size * 3 * hyper.state_size

    def encode(self, ids: Tensor) -> Tensor | Rows:
        return Rows(self.resize_weight, ids)


class Embedded(Recurrent):
    """Embedding → recurrent layers → linear, the base class of the four families of word-level models."""

    settings: ClassVar[tuple[str, ...]] = ('emsize', 'tied')
    drops_encoding = True

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        emsize, H = hyper.emsize or hyper.state_size, hyper.state_size
        if hyper.tied and emsize != H:
            raise HyperParamsError(
                f'tied=True shares one matrix, but emsize={emsize} and state_size={H} differ.',
                f'emsize={H}, or tied=False',
            )
        super().__init__(vocab_size, hyper, generator, inputs=emsize)
        self.embedding_weight = self.readout_weight if hyper.tied else uniform(generator, EMBEDDING, vocab_size, emsize)

    @classmethod
    def count_weights(cls, vocab_size: int, hyper: HyperParams) -> int:
        emsize = hyper.emsize or hyper.state_size
        own = cls.cell.gates * hyper.state_size * emsize + (0 if hyper.tied else vocab_size * emsize)
        return super().count_weights(vocab_size, hyper) + own

    def encode(self, ids: Tensor) -> Tensor | Rows:
        return Rows(self.embedding_weight, ids)

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        return [(seq_len, lanes, self.embedding_weight.shape[1]), *super().mask_shapes(lanes, seq_len)]


class RNNTanh(Embedded):
    """The plain recurrent network with tanh, on an embedding."""

    cell = CELLS['rnn_tanh']


class RNNRelu(Embedded):
    """The plain recurrent network with a rectifier, on an embedding."""

    cell = CELLS['rnn_relu']


class GRU(Embedded):
    """The gated recurrent unit, on an embedding."""

    cell = CELLS['gru']


class LSTM(Embedded):
    """Long short-term memory, on an embedding."""

    cell = CELLS['lstm']
