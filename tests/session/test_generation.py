"""Texts at several temperatures, and the filter that a user attached."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of

from charrnn import ModelState, SamplingError, temperatures
from charrnn.evaluation.cost import score_indices


def test_temperatures_side_by_side(run: ModelState) -> None:
    found = temperatures(run, 'the cat', numchars=60)
    assert [sample.temp for sample in found] == [0.1, 0.5, 1.0, 2.0]
    assert found[1].text == run.generatestring(60, 0.5, prime='the cat', seed=0)
    costs = [sample.bits_per_char for sample in found]
    assert costs[0] < costs[2] < costs[3], 'hotter texts surprise the model more'
    with torch.no_grad():
        ids = torch.from_numpy(run.chars.encode('the cat' + found[2].text).astype(np.int64))
        outputs, _ = learner_of(run).model(ids[None], learner_of(run).model.zero_carry(1))
        nats = torch.nn.functional.cross_entropy(learner_of(run).model.logits(outputs)[0, 6:-1], ids[7:])
    assert found[2].bits_per_char == pytest.approx(float(nats) / math.log(2), rel=1e-5)
    assert repr(found).startswith('temp  bits/char\n 0.1 ') and '  │ ' in repr(found)
    assert temperatures(run, 'the cat', np.array([0.1, 0.5]), numchars=60) == found[:2]
    for wrong in ((), 'hot', 3):
        with pytest.raises(SamplingError, match='no sequence of temperatures'):
            temperatures(run, 'the', wrong)


def test_words_too_are_measured_in_bits_per_character(make_run: MakeRun) -> None:
    ms = make_run(level='word')
    (sample,) = temperatures(ms, 'the cat', (1.0,), numchars=40)
    before, indices = (ms.chars.encode(text).tolist() for text in ('the cat', sample.text))
    nats = score_indices(learner_of(ms).model, before, indices).sum()
    assert sample.bits_per_char == pytest.approx(nats / math.log(2) / len(sample.text))
    assert sample.nats == pytest.approx(nats / len(indices))
    shown = repr(temperatures(ms, 'the cat', (1.0,), numchars=40)).splitlines()
    assert shown[0].split() == ['temp', 'bits/word', 'bits/char']
    assert shown[1].split() == ['1', f'{sample.nats / math.log(2):.3f}', f'{sample.bits_per_char:.3f}']
