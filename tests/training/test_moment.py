"""A moment comes back from its tensors and facts bit for bit, and one with an invalid fact is a CheckpointError."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import fields
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train
from torch import Tensor

from charrnn import CheckpointError, HyperParams, ModelState
from charrnn.evaluation.protocol import evaluate_split
from charrnn.models import MODELTYPES
from charrnn.training.learner import Learner
from charrnn.training.moment import Moment
from charrnn.training.schedule import Schedule

GONE = object()
FACTS = ('modeltype', 'hyper', 'seed', 'position', 'symbols', 'round', 'seconds', 'schedule')
INVALID = [GONE, None, 'x', -1, 2**60, math.nan, [], 10**400]


def parts_of(learner: Learner) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return copies of the tensors and facts of a learner, as they come back from a disk."""
    now = learner.moment()
    tensors = {name: tensor.detach().clone() for name, tensor in now.tensors().items()}
    return tensors, json.loads(json.dumps(now.facts()))


def changed(facts: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """Return facts with one of them replaced, or removed if the value is GONE."""
    others = {key: fact for key, fact in facts.items() if key != name}
    return others if value is GONE else {**others, name: value}


@pytest.fixture
def trained(make_run: MakeRun) -> ModelState:
    """Return a run after four windows, whose schedule has judged an epoch."""
    ms = make_run(dropout=0.2, anneal=0.5)
    train(ms, 4)
    learner_of(ms).schedule = Schedule(1, 1, 2.5)
    return ms


@pytest.mark.parametrize('optimizer', ['rmsprop', 'sgd', 'adamw', 'muon'])
def test_a_moment_that_was_taken_apart_loads_the_same_bits(make_run: MakeRun, optimizer: str) -> None:
    ms = make_run(dropout=0.2, optimizer=optimizer)
    train(ms, 4)
    learner = learner_of(ms)
    tensors, facts = parts_of(learner)
    there = moment(ms)
    learner.train_window()
    learner.round += 1
    assert moment(ms) != there
    found = Moment.checked(tensors, facts, ms.data)
    assert found.facts() == facts
    for _ in range(2):  # the second time, nothing that was trained since may have reached the moment's tensors
        learner.load(found)
        assert moment(ms) == there and learner.moment().facts() == facts
        learner.train_window()


@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_the_model_of_a_moment_evaluates_to_the_same_nats(make_run: MakeRun, modeltype: str) -> None:
    ms = make_run(modeltype=modeltype, dropout=0.2)
    train(ms, 3)
    learner, data = learner_of(ms), ms.data
    model = learner.moment().model(data, torch.device('cpu'))
    ours, theirs = (evaluate_split(m, data.train, data.valid, ms.hyper.seq_len) for m in (model, learner.model))
    assert ours is not None and theirs is not None and ours.nats == theirs.nats
    assert not {w.data_ptr() for w in model.parameters()} & {w.data_ptr() for w in learner.model.parameters()}


@pytest.mark.parametrize('value', INVALID, ids=lambda value: 'gone' if value is GONE else str(value)[:20])
@pytest.mark.parametrize('name', FACTS)
def test_an_invalid_fact_is_a_checkpoint_error(trained: ModelState, name: str, value: object) -> None:
    tensors, facts = parts_of(learner_of(trained))
    assert facts.keys() == {*FACTS, 'ring'}
    Moment.checked(tensors, facts, trained.data)
    with pytest.raises(CheckpointError):
        Moment.checked(tensors, changed(facts, name, value), trained.data)


@pytest.mark.parametrize('value', [
    None, [], {}, {'size': 0, 'symbols': 0, 'epoch': 0.0}, {'size': 629, 'symbols': 0, 'epoch': 0.0},
    {'size': 630, 'symbols': 10**9, 'epoch': 0.0}, {'size': 630, 'symbols': 0, 'epoch': math.nan},
    {'size': 630, 'symbols': True, 'epoch': 0.0}, {'size': 630, 'symbols': 0, 'epoch': 0.0, 'more': 1},
])  # fmt: skip
def test_a_ring_that_cannot_be_is_refused(trained: ModelState, value: Any) -> None:
    tensors, facts = parts_of(learner_of(trained))
    with pytest.raises(CheckpointError, match='ring'):
        Moment.checked(tensors, {**facts, 'ring': value}, trained.data)


@pytest.mark.parametrize('inside', ['hyper', 'schedule'])
def test_an_invalid_fact_inside_a_fact_is_a_checkpoint_error(trained: ModelState, inside: str) -> None:
    """Some of the values are valid for some of the settings; no other error may come, and counts are refused."""
    tensors, facts = parts_of(learner_of(trained))
    names = [f.name for f in fields(HyperParams if inside == 'hyper' else Schedule)]
    counts = {'layers', 'state_size', 'seq_len', 'epochs_judged', 'annealings'}
    for name in [*names, 'surprise']:
        for value in INVALID:
            wrong = {**facts, inside: changed(facts[inside], name, value)}
            try:
                Moment.checked(tensors, wrong, trained.data)
            except CheckpointError:
                continue
            assert name not in counts | {'surprise'} or value is GONE, (name, value)


def test_a_best_loss_that_is_not_finite_is_refused(trained: ModelState) -> None:
    tensors, facts = parts_of(learner_of(trained))
    for value in (math.nan, math.inf, True, '2.5', 10**400):
        wrong = copy.deepcopy(facts)
        wrong['schedule']['best_nats'] = value
        with pytest.raises(CheckpointError, match='the schedule in it is invalid'):
            Moment.checked(tensors, wrong, trained.data)


@pytest.mark.parametrize(
    'other', [{'state_size': 5}, {'layers': 1}, {'emsize': 3}, {'memory': 3}, {'optimizer': 'adamw'}, {'tied': True}]
)
def test_a_moment_of_another_model_changes_nothing(make_run: MakeRun, other: dict[str, Any]) -> None:
    """A stranger's run may hold checkpoints of several models, each of which makes sense by itself."""
    ms, theirs = make_run(modeltype='LSTMAttention'), make_run('other', modeltype='LSTMAttention', **other)
    train(ms, 2)
    train(theirs, 1)
    before, (name, value) = moment(ms), next(iter(other.items()))
    with pytest.raises(CheckpointError, match=f'the checkpoint has {name}={value!r}, and this run {name}='):
        learner_of(ms).load(learner_of(theirs).moment())
    assert moment(ms) == before and not learner_of(ms).torn


def test_a_moment_from_before_a_change_of_settings_still_loads(make_run: MakeRun) -> None:
    ms = make_run(modeltype='LSTMAttention')
    train(ms, 2)
    before = moment(ms)
    ms.sethyperparams(seq_len=5, learnrate=0.1, dropout=0.5)
    train(ms, 1)
    assert moment(ms.restore(2)) == before
