"""The table of recurrent cells, and the equations that every engine computes.

x is a layer's input and h its state, ⊙ is the elementwise product; b_i and b_h are the biases of W_i x and W_h h.

    rnn_tanh   h' = tanh(W_i x + b_i + W_h h + b_h)
    rnn_relu   h' = max(0, W_i x + b_i + W_h h + b_h)
    lstm       i, f, o = σ(W_i x + b_i + W_h h + b_h),  g = tanh(the same)       gates stacked i, f, g, o
               c' = f ⊙ c + i ⊙ g
               h' = o ⊙ tanh(c')
    gru        r  = σ(W_ir x + b_ir + W_hr h + b_hr)          reset gate         gates stacked r, z, n
               z  = σ(W_iz x + b_iz + W_hz h + b_hz)          update gate
               n  = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)) candidate
               h' = (1 - z) ⊙ n + z ⊙ h

The gates of a cell are stacked in this order along the first axis of every weight, each weight (G·H, ·).  The GRU is
that of cuDNN and torch.nn.GRU: the reset gate acts after the recurrent product, so that one product per step serves all
three gates.  charrnn/scratch has the same layers in plain NumPy, forward and backward.

Source: Elman 1990 (the plain cell); Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (the LSTM and its forget gate);
Cho et al. 2014, arXiv:1406.1078 (the GRU, with the reset gate before the product).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from charrnn.models.onehot import Rows


@dataclass(frozen=True)
class Cell:
    """One row of the table.

    Parameters
    ----------
    name : str               the name that engines and the C extension use
    gates : int              G: every weight of a layer is (G·H, ·)
    states : tuple of str    the names of its states in the carry; the first is also the output
    saved : int or None      planes of H numbers that C keeps of each step for the backward pass; None: not in C
    gradients : int          planes of H numbers that C's backward pass returns for each step
    """

    name: str
    gates: int
    states: tuple[str, ...] = ('h',)
    saved: int | None = None
    gradients: int = 0


CELLS = {
    cell.name: cell
    for cell in (
        Cell('gru', 3, saved=4, gradients=4),
        Cell('lstm', 4, ('h', 'c'), saved=5, gradients=4),
        Cell('rnn_tanh', 1, saved=0, gradients=1),
        Cell('rnn_relu', 1, saved=0, gradients=1),
    )
}


class LayerWeights(NamedTuple):
    """The weights of one recurrent layer, gates stacked.

    Parameters
    ----------
    w_in : (G·H, I) or None    input weights; None: the input is x W_iᵀ already, (T, B, G·H)
    w_h : (G·H, H)             recurrent weights
    b_in, b_h : (G·H,)         the biases of the two products
    """

    w_in: Tensor | None
    b_in: Tensor
    w_h: Tensor
    b_h: Tensor


class Stack(NamedTuple):
    """A model that consists of a table, recurrent layers and the readout, in the form that a fast reader takes.

    Parameters
    ----------
    cell : Cell
    table : (V, G·H)                the first layer's input products of each symbol
    layers : list of LayerWeights   w_in and b_in of the first layer are in the table already, and not read
    """

    cell: Cell
    table: Tensor
    layers: list[LayerWeights]


class LayerFunction(Protocol):
    """The contract of an engine's function ``layer``, which runs one layer over a window of every lane.

    Parameters
    ----------
    cell : Cell
    x : (T, B, I), or Rows            inputs
    states : sequence of (B, H)       all states before the first step, in the order of ``cell.states``
    weights : LayerWeights
    Returns
    -------
    outputs : (T, B, H)               the state h after every step
    states : tuple of (B, H)          all states after the last step
    """

    def __call__(
        self, cell: Cell, x: Tensor | Rows, states: Sequence[Tensor], weights: LayerWeights
    ) -> tuple[Tensor, tuple[Tensor, ...]]: ...
