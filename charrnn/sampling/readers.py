"""One step of a Stack in NumPy: what speaks where there is no C.

The equations are those of ``charrnn.models.cells`` and ``charrnn.models.recurrent``; the letters too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from charrnn.models import Carry, Stack

Array = NDArray[np.float32]
States = list[Array]
"""Of one layer: [h], or [h, c] of the LSTM, each (B, H)."""


def sigmoid(x: Array) -> Array:
    """σ, without the overflow that exp(-x) has far below zero."""
    found: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return found


def gru(x: Array, product: Array, states: States) -> States:
    """Input products x and recurrent products, both (B, 3H), to the new state."""
    (h,), H = states, states[0].shape[1]
    rz = sigmoid(x[:, : 2 * H] + product[:, : 2 * H])
    n = np.tanh(x[:, 2 * H :] + rz[:, :H] * product[:, 2 * H :])
    return [n + rz[:, H:] * (h - n)]


def lstm(x: Array, product: Array, states: States) -> States:
    """Both products (B, 4H) to the new states."""
    i, f, g, o = np.split(x + product, 4, axis=1)
    c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def rnn_tanh(x: Array, product: Array, states: States) -> States:
    """Both products (B, H) to the new state."""
    return [np.tanh(x + product)]


def rnn_relu(x: Array, product: Array, states: States) -> States:
    """Both products (B, H) to the new state."""
    return [np.maximum(x + product, 0)]


CELLS: dict[str, Callable[[Array, Array, States], States]] = {
    'gru': gru,
    'lstm': lstm,
    'rnn_tanh': rnn_tanh,
    'rnn_relu': rnn_relu,
}


def reader(stack: Stack, readout: tuple[Tensor, Tensor], carry: Carry) -> Callable[[NDArray[np.int64]], Array]:
    """A function that reads one symbol on every lane, (B,), and returns the next one's logits, (B, V)."""
    cell, table = CELLS[stack.cell.name], stack.table.numpy()
    layers = [[None if w is None else w.detach().numpy().T for w in layer] for layer in stack.layers]
    states = [[carry[name][i].numpy() for name in stack.cell.states] for i in range(len(layers))]
    weight, bias = (w.detach().numpy().T for w in readout)

    def read(symbols: NDArray[np.int64]) -> Array:
        x = table[symbols]
        for i, (w_in, b_in, w_h, b_h) in enumerate(layers):
            if i:
                x = states[i - 1][0] @ w_in + b_in
            states[i] = cell(x, states[i][0] @ w_h + b_h, states[i])
        logits: Array = states[-1][0] @ weight + bias
        return logits

    return read
