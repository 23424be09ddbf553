"""GRUEncode and GRUResize: stacks of GRU layers that read one symbol at a time.

    GRUEncode   one-hot → linear + tanh (H units) → GRU layers → linear → logits
    GRUResize   one-hot ─────────────────────────► GRU layers → linear → logits

A one-hot vector times a matrix is a row of that matrix, so no one-hot is ever built: both are look-ups.  The form of
the GRU is the one of ``charrnn.models.cells``: the reset gate after the recurrent product.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry
from charrnn.models.cells import gru
from charrnn.models.contract import LanguageModel, LayerWeights, Stack
from charrnn.models.dropout import Masks
from charrnn.models.onehot import Rows, each_row, look_up
from charrnn.models.weights import uniform, zeros


class GRULayer(nn.Module):
    """The weights of one GRU layer, gates stacked as reset, update, candidate.

    Parameters
    ----------
    inputs : int or None    size of its input; None if the input comes already multiplied by the input weights
    """

    w_in: nn.Parameter | None

    def __init__(self, generator: torch.Generator | None, inputs: int | None, H: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(H)
        self.w_in = uniform(generator, bound, 3 * H, inputs) if inputs is not None else None
        self.b_in = uniform(generator, bound, 3 * H)
        self.w_h = uniform(generator, bound, 3 * H, H)
        self.b_h = uniform(generator, bound, 3 * H)

    @property
    def weights(self) -> LayerWeights:
        return LayerWeights(self.w_in, self.b_in, self.w_h, self.b_h)

    def forward(self, x: Tensor | Rows, h0: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, I) or Rows, and (B, H), to outputs (T, B, H) and the last state (B, H)."""
        return gru(x, h0, self.w_in, self.b_in, self.w_h, self.b_h)


class GRUStack(LanguageModel):
    """What GRUEncode and GRUResize share: the recurrent layers, the carry and the output layer."""

    def __init__(
        self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None, inputs: int | None
    ) -> None:
        super().__init__(vocab_size, hyper, generator)
        H = hyper.state_size
        self.layers = nn.ModuleList(
            GRULayer(generator, inputs if layer == 0 else H, H) for layer in range(hyper.layers)
        )

    def encode(self, ids: Tensor) -> Tensor | Rows:
        """What the first recurrent layer is given for each symbol: ids (T, B) to (T, B, I or 3H)."""
        raise NotImplementedError

    def zero_carry(self, lanes: int) -> Carry:
        return Carry({'h': self.readout_bias.new_zeros(self.hyper.layers, lanes, self.hyper.state_size)})

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        return [(seq_len, lanes, self.hyper.state_size)] * self.hyper.layers

    def forward(self, ids: Tensor, carry: Carry, masks: Masks | None = None) -> tuple[Tensor, Carry]:
        x = self.encode(ids.t())
        last: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            x, h = layer(x, carry['h'][i])
            last.append(h)
            if masks is not None:
                x = look_up(x) * masks[i]
        return look_up(x).transpose(0, 1), Carry({'h': torch.stack(last)})

    def stack(self) -> Stack:
        every = torch.arange(len(self.readout_bias), device=self.readout_bias.device)
        table = look_up(self.encode(every[:, None]))[:, 0]
        layers = [layer.weights for layer in self.layers if isinstance(layer, GRULayer)]
        w_in, b_in = layers[0].w_in, layers[0].b_in
        return Stack('gru', table + b_in if w_in is None else linear(table, w_in, b_in), layers, ('h',))


class GRUEncode(GRUStack):
    """One-hot → linear + tanh (state-sized) → GRU layers → linear."""

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator, inputs=hyper.state_size)
        self.encode_weight = uniform(generator, 1.0, vocab_size, hyper.state_size)
        self.encode_bias = zeros(generator, hyper.state_size)

    def encode(self, ids: Tensor) -> Tensor | Rows:
        """The encoding of each symbol, (T, B, H)."""
        return each_row(Rows(self.encode_weight, ids), lambda rows: torch.tanh(rows + self.encode_bias))


class GRUResize(GRUStack):
    """One-hot, vocabulary-sized, straight into the first recurrent layer → GRU layers → linear."""

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator, inputs=None)
        # The input weights of the first layer, one row for each symbol: the transpose of (3H, V).
        self.resize_weight = uniform(generator, 1 / math.sqrt(hyper.state_size), vocab_size, 3 * hyper.state_size)

    def encode(self, ids: Tensor) -> Tensor | Rows:
        """The first layer's input products of each symbol, (T, B, 3H)."""
        return Rows(self.resize_weight, ids)
