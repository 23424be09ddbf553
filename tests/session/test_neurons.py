"""The hidden states that trackneurons returns are those of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train

from charrnn import HyperParamsError, SamplingError


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTM', 'LSTMAttention'])
def test_neurons_are_the_hidden_states(make_run: MakeRun, modeltype: str) -> None:
    ms = make_run(modeltype=modeltype)
    train(ms, 2)
    tracked = ms.trackneurons('the cat sat')
    assert tracked.shape == (2, 6, 11) and tracked.dtype == np.float32
    for end in (1, 7, 11):
        ids = torch.from_numpy(ms.chars.encode('the cat sat'[:end]).astype(np.int64))
        with torch.no_grad():
            _, carry = learner_of(ms).model(ids[None], learner_of(ms).model.zero_carry(1))
        np.testing.assert_allclose(tracked[:, :, end - 1], carry['h'][:, 0].numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(SamplingError, match='the text is empty'):
        ms.trackneurons('')


def test_the_prompt_shows_the_symbols_beside_the_states(make_run: MakeRun) -> None:
    ms = make_run(state_size=12)
    train(ms, 2)
    states = ms.trackneurons('the cat')
    lines = repr(states).splitlines()
    assert lines[0] == 'layer 1: the 8 of 12 units that change most'
    assert [line.split("'")[1] for line in lines[2:9]] == list('the cat')
    assert lines[-1] == 'an array (layer, unit, time) = (2, 12, 7); layer=0 is the lowest'
    unit = int(lines[1].split()[1])
    assert lines[2].split()[1] == f'{states[1, unit, 0]:+.2f}', 'the values beside the first symbol'
    assert repr(states[0]) == repr(np.asarray(states)[0]), 'a slice is a plain array'
    assert '… 10 more symbols' in repr(ms.trackneurons('a' * 50))
    assert '<td' in states._repr_html_()  # type: ignore[attr-defined]


def test_one_layer(make_run: MakeRun) -> None:
    ms = make_run()
    whole = ms.trackneurons('the cat')
    third: Any = np.int64(-2)
    for layer in (0, 1, -1, third):
        np.testing.assert_array_equal(ms.trackneurons('the cat', layer=layer), whole[layer])
        assert repr(ms.trackneurons('the cat', layer=layer)).startswith(f'layer {layer % 2}: ')
    for wrong in (2, -3, '0', 0.0, True):
        with pytest.raises(HyperParamsError, match=r'no layer .*: this run has 2.\n  Next: layer=1'):
            ms.trackneurons('the cat', layer=wrong)  # type: ignore[arg-type]
