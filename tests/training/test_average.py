"""The average of the weights: what it is, who uses it, and that it comes back."""

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, moment, train

from charrnn import CheckpointError, ModelState
from charrnn.evaluation.protocol import evaluate_split
from charrnn.training.moment import Moment


def test_the_average_is_the_written_equation(make_run: MakeRun) -> None:
    ms = make_run(average=0.3)
    learner = learner_of(ms)
    expected = {name: p.detach().double().numpy().copy() for name, p in learner.model.named_parameters()}
    for t in range(6):
        learner.train_window()
        d = min(0.3, (1 + t) / (10 + t))
        expected = {
            name: d * expected[name] + (1 - d) * p.detach().double().numpy()
            for name, p in learner.model.named_parameters()
        }
    for name, p in learner.evaluated.named_parameters():
        np.testing.assert_allclose(p.detach().numpy(), expected[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_training_does_not_see_the_average_and_everything_else_does(make_run: MakeRun) -> None:
    plain, averaged = make_run('plain'), make_run('averaged', average=0.9)
    for ms in (plain, averaged):
        train(ms, 12, print_every=6)
    there, here = moment(plain), moment(averaged)
    assert {k: v for k, v in here.items() if not k.startswith('average/') and k != 'hyper'} == {
        k: v for k, v in there.items() if k != 'hyper'
    }
    learner, data = learner_of(averaged), averaged.data
    due = evaluate_split(learner.evaluated, data.train, data.valid, averaged.hyper.seq_len)
    other = evaluate_split(learner.model, data.train, data.valid, averaged.hyper.seq_len)
    assert due is not None and other is not None and due.nats != other.nats
    assert averaged.evaluate().nats == due.nats and plain.evaluate().nats == other.nats
    validations = averaged.history.column('valid_nats')
    assert validations != plain.history.column('valid_nats')
    text = 'the cat sat'
    assert averaged.score(text).total != plain.score(text).total
    assert (averaged.next(text).probabilities != plain.next(text).probabilities).any()
    saved = learner.moment().model(data, torch.device('cpu'))
    found = evaluate_split(saved, data.train, data.valid, averaged.hyper.seq_len)
    assert found is not None and found.nats == due.nats


def test_an_average_begins_and_ends_at_the_prompt(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 5)
    learner = learner_of(ms)
    assert learner.evaluated is learner.model
    ms.sethyperparams(average=0.5)
    weights = {name: p.detach().clone() for name, p in learner.model.named_parameters()}
    assert all(torch.equal(p, weights[name]) for name, p in learner.evaluated.named_parameters())
    train(ms, 2)
    assert not torch.equal(learner.evaluated.readout_weight, learner.model.readout_weight)
    there = moment(ms)
    for _ in range(3):
        learner.train_window()
    due = learner.moment().average
    ms.sethyperparams(average=0)
    assert learner.evaluated is learner.model and not learner.moment().average
    loaded = ModelState.load(ms.curdir, device='cpu')
    assert moment(loaded) == there
    for _ in range(3):
        learner_of(loaded).train_window()
    assert all(torch.equal(tensor, due[name]) for name, tensor in learner_of(loaded).moment().average.items())


@pytest.mark.parametrize('change', ['gone', 'shape', 'unasked'])
def test_an_average_that_does_not_fit_is_refused(make_run: MakeRun, change: str) -> None:
    ms = make_run(average=0.9 if change != 'unasked' else 0.0)
    now = learner_of(ms).moment()
    tensors = now.tensors()
    if change == 'gone':
        del tensors['average/readout_bias']
    elif change == 'shape':
        tensors['average/readout_bias'] = torch.zeros(1)
    else:
        tensors['average/readout_bias'] = tensors['model/readout_bias']
    with pytest.raises(CheckpointError, match='weight'):
        Moment.checked(tensors, now.facts(), ms.data)
