"""A language model by hand: one recurrent layer between symbols and predictions, trained without any framework.

    symbols (T, B) ──one-hot──► RNN, LSTM or GRU ──► states (T, B, H) ──W_out──► logits ──softmax──► loss

A window of T + 1 symbols of every lane is read at a time; the states after a window go into the next one, and gradients
stop at its edge (truncated back-propagation).  ``charrnn.scratch.updates`` changes the weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import HyperParamsError, SamplingError, WorkspaceError
from charrnn.scratch.gru import gru_backward, gru_forward, softmax_loss
from charrnn.scratch.inputs import Array
from charrnn.scratch.lstm import lstm_backward, lstm_forward
from charrnn.scratch.rnn import rnn_backward, rnn_forward

GATES = {'rnn': 1, 'lstm': 4, 'gru': 3}
State = tuple[Array, ...]


class HandModel:
    """A language model of one recurrent layer.

    Parameters
    ----------
    cell : 'rnn', 'lstm' or 'gru'
    vocab_size, state_size : int     V, H
    seed : int                       determines the weights
    dtype : float32, or float64 for the tests
    """

    def __init__(self, cell: str, vocab_size: int, state_size: int, seed: int = 0, dtype: Any = np.float32) -> None:
        if cell not in GATES:
            raise HyperParamsError(f'no cell {cell!r}.', "cell='rnn', 'lstm' or 'gru'")
        draws, V, H = np.random.default_rng(seed), vocab_size, state_size
        G = GATES[cell] * H
        shapes = {'w_in': (G, V), 'b_in': (G,), 'w_h': (G, H), 'b_h': (G,), 'w_out': (V, H), 'b_out': (V,)}
        self.cell, self.vocab_size, self.state_size = cell, V, H
        self.weights: dict[str, Array] = {
            name: draws.uniform(-(H**-0.5), H**-0.5, shape).astype(dtype) if len(shape) > 1 else np.zeros(shape, dtype)
            for name, shape in shapes.items()
        }

    def zero_state(self, lanes: int) -> State:
        """Return the states of lanes that have read nothing: h, and c of an LSTM, each (B, H)."""
        zeros = np.zeros((lanes, self.state_size), self.weights['w_in'].dtype)
        return (zeros, zeros) if self.cell == 'lstm' else (zeros,)

    def forward(self, symbols: NDArray[np.integer[Any]], state: State) -> tuple[Array, Any, State]:
        """Read symbols (T, B); return all states (T, B, H), the values for the backward pass, and the last state."""
        w = self.weights
        layer = w['w_in'], w['b_in'], w['w_h'], w['b_h']
        if self.cell == 'lstm':
            states, cells, steps = lstm_forward(symbols, state[0], state[1], *layer)
            return states, steps, (states[-1], cells[-1])
        if self.cell == 'gru':
            states, kept = gru_forward(symbols, state[0], *layer)
            return states, kept, (states[-1],)
        states, plain = rnn_forward(symbols, state[0], *layer)
        return states, plain, (states[-1],)

    def loss(self, ids: NDArray[np.int64], state: State) -> tuple[float, dict[str, Array], State]:
        """Return the mean cross-entropy of a window, its gradients and the state after it.

        Parameters
        ----------
        ids : (T + 1, B)    symbols; the last ones are targets only
        Returns
        -------
        nats per symbol, a gradient for each weight, the state after the window
        """
        w, inputs, targets = self.weights, ids[:-1], ids[1:].reshape(-1)
        states, steps, last = self.forward(inputs, state)
        flat = states.reshape(len(targets), -1)
        nats, d_logits = softmax_loss(flat @ w['w_out'].T + w['b_out'], targets)
        d_logits = d_logits.astype(states.dtype)
        d_states = (d_logits @ w['w_out']).reshape(states.shape)
        backward: Any = {'rnn': rnn_backward, 'lstm': lstm_backward, 'gru': gru_backward}[self.cell]
        found = backward(d_states, steps, w['w_in'], w['w_h'])
        found |= {'w_out': d_logits.T @ flat, 'b_out': d_logits.sum(0)}
        return nats, {name: found[name] for name in w}, last

    def sample(
        self, first: int, length: int, temp: float = 1.0, seed: int = 0, state: State | None = None
    ) -> list[int]:
        """Read `first`, then draw `length` symbols from the softmax at `temp`, each fed back; 0 takes the likeliest."""
        if not temp >= 0:
            raise SamplingError(f'temp={temp!r} is not a temperature.', 'temp=0 (the likeliest symbol) or more')
        draws, found, symbol = np.random.default_rng(seed), [], first
        state = state or self.zero_state(1)
        for _ in range(length):
            states, _, state = self.forward(np.array([[symbol]]), state)
            logits = (states[-1, 0] @ self.weights['w_out'].T + self.weights['b_out']).astype(np.float64)
            if temp == 0:
                symbol = int(logits.argmax())
            else:
                heights = np.exp((logits - logits.max()) / temp).cumsum()
                symbol = int(heights.searchsorted(draws.random() * heights[-1], side='right'))
            found.append(symbol)
        return found

    def save(self, path: str | Path) -> None:
        """Write the cell and the weights as an npz file without pickles."""
        arrays: dict[str, Any] = {'cell': np.array(self.cell), **self.weights}
        with Path(path).open('wb') as file:  # given a name, NumPy would append .npz to it
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> HandModel:
        """Read a model that ``save`` wrote; raise WorkspaceError for any other file."""
        try:
            with Path(path).open('rb') as opened, np.load(opened, allow_pickle=False) as file:
                weights = {name: file[name] for name in file.files}
            cell = str(weights.pop('cell'))
            model = cls(cell, len(weights['b_out']), weights['w_h'].shape[1], dtype=weights['w_in'].dtype)
            if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in model.weights.items()}:
                raise ValueError('its shapes do not belong to one model')
        except (OSError, ValueError, KeyError, IndexError, TypeError, HyperParamsError, BadZipFile) as error:
            what = f'{str(path)!r} holds no HandModel: {error}.'
            raise WorkspaceError(what, 'a file that HandModel.save wrote') from None
        model.weights = weights
        return model
