"""The hidden states that trackneurons returns are those of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train

from charrnn import SamplingError


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
