"""The language model by hand: training, the state between windows, samples, and its file."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charrnn import HyperParamsError, SamplingError, WorkspaceError
from charrnn.scratch import Bytes, HandModel, Words, adagrad, rmsprop, windows
from charrnn.scratch.language_model import GATES

SENTENCE = 'the cat sat on a mat. '


@pytest.mark.parametrize('cell', GATES)
def test_every_gradient_is_a_slope(cell: str) -> None:
    model = HandModel(cell, 5, 3, dtype=np.float64)
    ids = np.random.default_rng(0).integers(0, 5, (5, 2))
    _, gradients, _ = model.loss(ids, model.zero_state(2))
    for name, weight in model.weights.items():
        for place in np.ndindex(weight.shape):
            losses = []
            for step in (1e-6, -2e-6):
                weight[place] += step
                losses.append(model.loss(ids, model.zero_state(2))[0])
            weight[place] += 1e-6
            assert gradients[name][place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8), name


@pytest.mark.parametrize('cell', GATES)
@pytest.mark.parametrize('step', [adagrad, rmsprop])
def test_it_learns_a_sentence_and_generates_it(cell: str, step: object) -> None:
    ids, model, memory = Bytes().encode(SENTENCE * 20), HandModel(cell, 256, 32), dict[str, np.ndarray]()
    state = model.zero_state(4)
    for window in itertools.islice(windows(ids, 4, 20), 150):
        nats, gradients, state = model.loss(window, state)
        if step is adagrad:
            adagrad(model.weights, gradients, memory, 0.1)
        else:
            rmsprop(model.weights, gradients, memory, 0.01)
    assert nats < 0.1
    assert SENTENCE.strip() in Bytes().decode(model.sample(ord(' '), 60, temp=0))


@pytest.mark.parametrize('cell', GATES)
def test_one_long_window_equals_many_with_the_state_between(cell: str) -> None:
    model = HandModel(cell, 7, 4, dtype=np.float64)
    ids = np.random.default_rng(0).integers(0, 7, (13, 2))
    whole, _, last = model.loss(ids, model.zero_state(2))
    state, pieces = model.zero_state(2), []
    for start in (0, 4, 8):
        nats, _, state = model.loss(ids[start : start + 5], state)
        pieces.append(nats)
    assert np.mean(pieces) == pytest.approx(whole, rel=1e-12)
    for a, b in zip(state, last, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_optimizers_are_those_of_torch() -> None:
    draws = np.random.default_rng(0)
    gradients = draws.normal(size=(4, 3, 2))
    for ours, theirs in ((adagrad, torch.optim.Adagrad), (rmsprop, torch.optim.RMSprop)):
        weights, memory = {'w': np.ones((3, 2))}, dict[str, np.ndarray]()
        parameter = torch.nn.Parameter(torch.ones(3, 2, dtype=torch.float64))
        options: dict[str, Any] = {'eps': 1e-8, 'alpha': 0.95} if ours is rmsprop else {'eps': 0.0}
        optimizer = theirs([parameter], lr=0.1, **options)
        for gradient in gradients:
            ours(weights, {'w': gradient}, memory, 0.1)
            parameter.grad = torch.from_numpy(gradient.copy())
            optimizer.step()
        np.testing.assert_allclose(weights['w'], parameter.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize('step', [adagrad, rmsprop])
def test_a_steep_window_moves_a_weight_as_far_as_a_clipped_one(step: Any) -> None:
    ends = []
    for steep in (5.0, 1e6):
        weights, memory = {'w': np.zeros(2)}, dict[str, np.ndarray]()
        for gradient in (steep, -0.1):  # the second step depends on the memory that the first one left
            step(weights, {'w': np.full(2, gradient)}, memory, 0.1)
        ends.append(weights['w'])
    np.testing.assert_array_equal(ends[0], ends[1])


def test_samples_are_drawn_from_the_softmax_at_the_temperature() -> None:
    model = HandModel('rnn', 3, 2)
    model.weights['w_out'][:] = 0
    model.weights['b_out'][:] = [0, 1, 3]
    for temp in (0.5, 1.0, 2.0):
        heights = np.exp(np.array([0, 1, 3]) / temp)
        shares = np.bincount(model.sample(0, 4000, temp), minlength=3) / 4000
        np.testing.assert_allclose(shares, heights / heights.sum(), atol=0.03)  # about four standard errors
    with pytest.raises(SamplingError, match='temp=-1 is not a temperature'):
        model.sample(0, 1, -1)


@pytest.mark.parametrize('cell', GATES)
def test_a_loaded_model_equals_the_saved_one(cell: str, tmp_path: Path) -> None:
    model = HandModel(cell, 9, 4, seed=3)
    model.save(tmp_path / 'model')
    again = HandModel.load(tmp_path / 'model')
    assert again.cell == cell and again.sample(0, 20, seed=1) == model.sample(0, 20, seed=1)
    for wrong in (b'not a file of numpy', pickle.dumps([1]), (tmp_path / 'model').read_bytes()[:500]):
        (tmp_path / 'wrong.npz').write_bytes(wrong)
        with pytest.raises(WorkspaceError, match='holds no HandModel'):
            HandModel.load(tmp_path / 'wrong.npz')
    np.savez(tmp_path / 'other.npz', cell=np.array('gru'), b_out=np.zeros(3), w_h=np.zeros((2, 2)), w_in=np.zeros(1))
    with pytest.raises(WorkspaceError, match='its shapes do not belong to one model'):
        HandModel.load(tmp_path / 'other.npz')
    with pytest.raises(HyperParamsError, match="no cell 'mlp'"):
        HandModel('mlp', 3, 3)


def test_words_keep_the_unknown_apart() -> None:
    words = Words('the cat the dog the cat <unk> !', most=4)
    assert len(words) == 5 and words.words[:2] == ['the', 'cat']
    ids = words.encode('the mouse and the cat')
    assert ids.tolist().count(0) == 2 and ids[0] == ids[3] == 1
    assert words.decode(ids) == 'the □ □ the cat'
    assert words.decode(words.encode('the <unk> mouse')) == 'the <unk> □', "'<unk>' in a text is a word like any other"


def test_bytes_are_decoded_to_the_same_text() -> None:
    assert Bytes().decode(Bytes().encode('Wörter\n')) == 'Wörter\n'


def test_lanes_walk_the_ring() -> None:
    ids = np.arange(23)
    first, second = itertools.islice(windows(ids, 3, 5), 2)
    assert first.shape == (6, 3) and first[0].tolist() == [0, 7, 15]
    assert second[0].tolist() == first[-1].tolist(), 'the last target is the first symbol of the next window'
    seen = {int(i) for window in itertools.islice(windows(ids, 3, 5), 2) for i in window[1:].ravel()}
    assert seen == set(range(23))
