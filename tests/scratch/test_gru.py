"""Every gradient of the hand-written GRU against finite differences."""

import numpy as np
import pytest

from charrnn.scratch.gru import gru_backward, gru_forward, softmax_loss

T, B, H, INPUTS = 4, 2, 2, 3


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(1)
    shapes = {'x': (T, B, INPUTS), 'h0': (B, H), 'w_in': (3 * H, INPUTS), 'w_h': (3 * H, H)}
    shapes |= {'b_in': (3 * H,), 'b_h': (3 * H,)}
    return {name: draws.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize('name', ['x', 'h0', 'w_in', 'b_in', 'w_h', 'b_h'])
def test_gradients_are_slopes(arrays: dict[str, np.ndarray], name: str) -> None:
    weight = np.random.default_rng(2).normal(size=(T, B, H))  # the loss is a fixed weighting of all states
    _, steps = gru_forward(**arrays)
    gradient = gru_backward(weight, steps, arrays['w_in'], arrays['w_h'])[name]
    step = 1e-6
    for place in np.ndindex(arrays[name].shape):
        losses = []
        for sign in (1, -1):
            moved = {**arrays, name: arrays[name].copy()}
            moved[name][place] += sign * step
            losses.append((gru_forward(**moved)[0] * weight).sum())
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-7, rel=1e-6)


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
