"""Readers: one symbol in, the logits of the next one out, with the states kept in between.

    native.Reader   C: a Stack on the CPU, with the native engine
    NumpyReader     NumPy: a Stack on the CPU, without it
    ModelReader     torch: every other model, symbol by symbol

The equations in NumPy are those of ``charrnn.models.cells``, and so are the letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.errors import SamplingError
from charrnn.models import Carry, LanguageModel, Stack
from charrnn.models.engines import native

LARGEST_TABLE = 2**24
"""Numbers in a first layer's table (64 MiB); for larger vocabularies it is not worth making."""

Array = NDArray[np.float32]
States = list[Array]
"""Of one layer: [h], or [h, c] of the LSTM, each (B, H)."""


def sigmoid(x: Array) -> Array:
    """Return σ(x), without the overflow that exp(-x) has far below zero."""
    found: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return found


def gru(x: Array, product: Array, states: States) -> States:
    """Return the new state, from input products x and recurrent products, both (B, 3H)."""
    (h,), H = states, states[0].shape[1]
    rz = sigmoid(x[:, : 2 * H] + product[:, : 2 * H])
    n = np.tanh(x[:, 2 * H :] + rz[:, :H] * product[:, 2 * H :])
    return [n + rz[:, H:] * (h - n)]


def lstm(x: Array, product: Array, states: States) -> States:
    """Return the new states, from both products (B, 4H)."""
    i, f, g, o = np.split(x + product, 4, axis=1)
    c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def rnn_tanh(x: Array, product: Array, states: States) -> States:
    """Return the new state, from both products (B, H)."""
    return [np.tanh(x + product)]


def rnn_relu(x: Array, product: Array, states: States) -> States:
    """Return the new state, from both products (B, H)."""
    return [np.maximum(x + product, 0)]


class Reader(Protocol):
    """Reads a symbol on every lane and predicts the next one."""

    def step(self, symbols: NDArray[np.int64]) -> Array:
        """Read one symbol on every lane, (B,); return the logits of the next one, (B, V) float32."""

    @property
    def carry(self) -> Carry:
        """The present states of all lanes; a later step does not change them, and they can be set."""

    @carry.setter
    def carry(self, carry: Carry) -> None: ...


STEPS: dict[str, Callable[[Array, Array, States], States]] = {
    'gru': gru,
    'lstm': lstm,
    'rnn_tanh': rnn_tanh,
    'rnn_relu': rnn_relu,
}


class NumpyReader:
    """A reader of a Stack in NumPy.

    Parameters
    ----------
    held : dict of (layer, unit) to float    units whose state h has this value after every symbol
    """

    def __init__(
        self, stack: Stack, readout: tuple[Tensor, Tensor], carry: Carry, held: Mapping[tuple[int, int], float]
    ) -> None:
        self._cell, self._table, self._names = STEPS[stack.cell.name], stack.table.cpu().numpy(), stack.cell.states
        self._layers: list[list[Any]] = [
            [None if w is None else w.detach().cpu().numpy().T for w in layer] for layer in stack.layers
        ]
        self._weight, self._bias = (w.detach().cpu().numpy().T for w in readout)
        self._held = held
        self.carry = carry

    def step(self, symbols: NDArray[np.int64]) -> Array:
        """Read one symbol on every lane; see ``Reader``."""
        x, states = self._table[symbols], self._states
        for i, (w_in, b_in, w_h, b_h) in enumerate(self._layers):
            if i:
                x = states[i - 1][0] @ w_in + b_in
            states[i] = self._cell(x, states[i][0] @ w_h + b_h, states[i])
            for (layer, unit), value in self._held.items():
                if layer == i:
                    states[i][0][:, unit] = value
        logits: Array = states[-1][0] @ self._weight + self._bias
        return logits

    @property
    def carry(self) -> Carry:
        """The present states."""
        stacked = zip(self._names, zip(*self._states, strict=True), strict=True)
        return Carry({name: torch.from_numpy(np.stack(layers)) for name, layers in stacked})

    @carry.setter
    def carry(self, carry: Carry) -> None:
        layers = range(len(self._layers))
        self._states: list[States] = [[carry[name][i].cpu().numpy() for name in self._names] for i in layers]


class ModelReader:
    """The model itself as a reader, symbol by symbol, on any device."""

    def __init__(self, model: LanguageModel, carry: Carry) -> None:
        self._model, self.carry = model, carry

    @torch.no_grad()
    def step(self, symbols: NDArray[np.int64]) -> Array:
        """Read one symbol on every lane; see ``Reader``."""
        ids = torch.from_numpy(symbols).to(self._model.device)[:, None]
        outputs, self.carry = self._model(ids, self.carry)
        logits: Array = self._model.logits(outputs[:, -1]).cpu().numpy()
        return logits


@torch.no_grad()
def open_reader(model: LanguageModel, carry: Carry, held: Mapping[tuple[int, int], float] | None = None) -> Reader:
    """Return the fastest reader for a model that stands at `carry`.

    Parameters
    ----------
    held : dict of (layer, unit) to float    units that keep a value; only NumPy can hold them
    Raises
    ------
    SamplingError    `held` with a model that is no Stack of float32
    """
    V, H = model.readout_weight.shape
    readout = model.readout_weight, model.readout_bias
    stack = model.stack() if held or (model.device.type == 'cpu' and V * 4 * H <= LARGEST_TABLE) else None
    in_numpy = stack and stack.cell.name in STEPS and model.readout_weight.dtype == torch.float32
    if stack and not held and model.engine.name == 'native' and len(stack.layers) <= native.MOST_LAYERS:
        return native.Reader(model.engine.instruction_set, stack, readout, carry)
    if stack and in_numpy:
        return NumpyReader(stack, readout, carry, held or {})
    if held:
        raise SamplingError(f'no unit of a {type(model).__name__} can be held.', 'leave out clamp')
    return ModelReader(model, carry)
