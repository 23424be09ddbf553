"""Law 1: outputs and every gradient of the layers by hand agree with finite differences and with the engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import recurrence

from charrnn.models.engines import torch as loops
from charrnn.scratch.gru import gru_backward, gru_forward, softmax_loss
from charrnn.scratch.lstm import lstm_backward, lstm_forward
from charrnn.scratch.rnn import rnn_backward, rnn_forward

T, B, H, INPUTS = 5, 3, 4, 6
CELLS = {'rnn_tanh': 1, 'rnn_relu': 1, 'gru': 3, 'lstm': 4}


def arrays_of(cell: str, *, symbols: bool) -> dict[str, np.ndarray[Any, Any]]:
    draws, G = np.random.default_rng(1), CELLS[cell] * H
    shapes = {'x': (T, B, INPUTS), 'h0': (B, H), 'w_in': (G, INPUTS), 'b_in': (G,), 'w_h': (G, H), 'b_h': (G,)}
    if cell == 'lstm':
        shapes['c0'] = (B, H)
    arrays: dict[str, np.ndarray[Any, Any]] = {name: draws.normal(size=shape) for name, shape in shapes.items()}
    if symbols:
        arrays['x'] = draws.integers(0, INPUTS, (T, B))
    return arrays


def by_hand(cell: str, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, Any]:
    """Return the states and the steps."""
    if cell == 'lstm':
        states, _, steps = lstm_forward(**arrays)
        return states, steps
    if cell == 'gru':
        return gru_forward(**arrays)
    return rnn_forward(**arrays, rectifier=cell == 'rnn_relu')


def gradients_by_hand(cell: str, arrays: dict[str, np.ndarray], weighting: np.ndarray) -> dict[str, np.ndarray]:
    backward: Any = {'lstm': lstm_backward, 'gru': gru_backward}.get(cell, rnn_backward)
    found: dict[str, np.ndarray] = backward(weighting, by_hand(cell, arrays)[1], arrays['w_in'], arrays['w_h'])
    return found


@pytest.mark.parametrize('symbols', [False, True])
@pytest.mark.parametrize('cell', CELLS)
def test_gradients_are_slopes(cell: str, symbols: bool) -> None:
    arrays = arrays_of(cell, symbols=symbols)
    weighting = np.random.default_rng(2).normal(size=(T, B, H))  # the loss is a fixed weighting of all states
    gradients = gradients_by_hand(cell, arrays, weighting)
    assert gradients.keys() == arrays.keys() - ({'x'} if symbols else set())
    for name, gradient in gradients.items():
        assert gradient.shape == arrays[name].shape
        for place in np.ndindex(arrays[name].shape):
            losses = []
            for sign in (1, -1):
                moved = {**arrays, name: arrays[name].copy()}
                moved[name][place] += sign * 1e-6
                losses.append((by_hand(cell, moved)[0] * weighting).sum())
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-7, rel=1e-5), name


@pytest.mark.parametrize('cell', CELLS)
def test_it_agrees_with_the_engine(cell: str) -> None:
    """Outputs and every gradient agree in float64, far below 1e-6."""
    arrays = arrays_of(cell, symbols=False)
    weighting = np.random.default_rng(3).normal(size=(T, B, H))
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    outputs = recurrence(loops.layer, cell)(**tensors)[0]
    found = torch.autograd.grad((outputs * torch.from_numpy(weighting)).sum(), list(tensors.values()))
    theirs = dict(zip(tensors, found, strict=True))
    np.testing.assert_allclose(outputs.detach().numpy(), by_hand(cell, arrays)[0], rtol=1e-12, atol=1e-13)
    for name, gradient in gradients_by_hand(cell, arrays, weighting).items():
        np.testing.assert_allclose(theirs[name].numpy(), gradient, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize('cell', CELLS)
def test_symbols_are_one_hot_vectors(cell: str) -> None:
    arrays = arrays_of(cell, symbols=True)
    vectors = {**arrays, 'x': np.eye(INPUTS)[arrays['x']]}
    np.testing.assert_allclose(by_hand(cell, arrays)[0], by_hand(cell, vectors)[0], rtol=1e-13)


def test_softmax_gradients_are_slopes() -> None:
    draws = np.random.default_rng(3)
    logits, targets = draws.normal(size=(5, 4)), draws.integers(0, 4, size=5)
    _, gradient = softmax_loss(logits, targets)
    for place in np.ndindex(logits.shape):
        up, down = logits.copy(), logits.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        slope = (softmax_loss(up, targets)[0] - softmax_loss(down, targets)[0]) / 2e-6
        assert gradient[place] == pytest.approx(slope, abs=1e-8)
