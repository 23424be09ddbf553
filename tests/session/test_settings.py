"""P12: settings that change between rounds are part of the moment, and a refused change changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train

from charrnn import HyperParamsError, ModelState
from charrnn.session.beginnings import unusual


def test_settings_change_between_rounds_and_are_part_of_the_moment(make_run: MakeRun) -> None:
    straight, ms = make_run('straight'), make_run()
    for each in (straight, ms):
        train(each, 4)
        new = each.sethyperparams(learnrate=0.002, dropout=0.25, seq_len=5, decay=0.5, regcost=1.0)
        assert new == each.hyper and (new.learnrate, new.seq_len, new.layers) == (0.002, 5, 2)
    assert ms.history[-1]['kind'] == 'change'
    assert ms.history[-1]['changed']['learnrate'] == [0.01, 0.002] and ms.position == 32
    train(straight, 6)
    train(ms, 2)
    ms = ModelState.load(ms.curdir, device='cpu')
    assert ms.hyper.seq_len == 5 and learner_of(ms).optimizer.param_groups[0]['alpha'] == 0.5
    train(ms, 4)
    assert moment(ms) == moment(straight) and ms.position == 32 + 6 * 5
    assert [row['learnrate'] for row in ms.history if row['kind'] == 'round'] == [0.01, 0.002, 0.002]
    ms.restore(2)
    assert ms.hyper.seq_len == 8 and ms.hyper.learnrate == 0.01, 'a moment has the settings that it had'


def test_windows_of_another_length_leave_every_lane_where_it_is(make_run: MakeRun) -> None:
    ms = make_run(modeltype='LSTMAttention')
    train(ms, 4)
    before = {name: t.clone() for name, t in ms.carry.items()} if ms.carry else {}
    ms.sethyperparams(seq_len=5)
    assert ms.hyper.memory == 8, 'the memory is as long as it was'
    learner_of(ms).lay_lanes(3)
    assert ms.carry and all(torch.equal(before[name], ms.carry[name]) for name in before)
    train(ms, 2)
    assert ModelState.load(ms.curdir, device='cpu').position == 32 + 10


@pytest.mark.parametrize(
    ('begun', 'changed', 'said'),
    [
        (
            {'optimizer': 'sgd'},
            {'decay': 0.5},
            "decay acts only with optimizer='rmsprop': .*\n  Next: leave decay out$",
        ),
        ({'clipnorm': 1.0}, {'clip': 3}, 'clip acts only .*\n  Next: leave clip out, or clipnorm=0.0$'),
        ({}, {'clip': 3, 'clipnorm': 1}, 'clip acts only with clipnorm=0.0: beside clipnorm=1.0'),
        ({'trainfrac': 1.0}, {'anneal': 0.5}, 'anneal=0.5 needs a validation split'),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(
    make_run: MakeRun, begun: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    ms = make_run(**begun)
    before = ms.hyper
    with pytest.raises(HyperParamsError, match=said):
        ms.sethyperparams(**changed)
    assert ms.hyper == before
    assert ms.sethyperparams(learnrate=0.5).learnrate == 0.5


def test_defaults_and_what_is_off_are_never_refused(make_run: MakeRun) -> None:
    ms = make_run(optimizer='sgd', decay=0.95, clip=0, clipnorm=1, emsize=0, tied=False, memory=0)
    again = make_run('again', **ms.hyper.facts())
    assert again.hyper == ms.hyper
    assert ms.sethyperparams(clip=5.0, decay=0.95).clip == 5.0
    ms = make_run('two', clip=3.0)
    assert ms.sethyperparams(clipnorm=1).clip == 3.0, 'it is the new setting that is typed, and it acts'


def test_a_run_with_idle_settings_loads(make_run: MakeRun) -> None:
    """Expect settings that an older version took to load, and not to be advised for another run."""
    learner = learner_of(ms := make_run(modeltype='LSTM', optimizer='adamw'))
    learner.adopt(replace(learner.hyper, decay=0.5, clip=3.0, clipnorm=1.0))
    train(ms, 2)
    loaded = ModelState.load(ms.curdir, device='cpu')
    assert (loaded.hyper.decay, loaded.hyper.clip) == (0.5, 3.0)
    train(loaded, 1)
    found = unusual(loaded.modeltype, loaded.hyper, 0)
    assert 'decay' not in found and 'clip' not in found and found['clipnorm'] == 1.0


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'layers': 3}, r'layers cannot change from 2 to 3: .*\n  Next: a new run: .*layers=3'),
        ({'optimizer': 'sgd'}, 'optimizer cannot change'),
        ({'lr': 1}, 'learnrate=1'),
        ({'dropout': 1.5}, 'dropout=1.5 must be'),
        ({'seq_len': 10_000}, 'seq_len=10000, and the text has 630 training symbols'),
        ({'learnrate': 0.5, 'tied': True}, 'tied cannot change'),
    ],
)
def test_a_change_that_is_refused_changes_nothing(run: ModelState, given: dict[str, Any], said: str) -> None:
    before, rows = moment(run), len(run.history)
    with pytest.raises(HyperParamsError, match=said):
        run.sethyperparams(**given)
    assert moment(run) == before and len(run.history) == rows and run.hyper.learnrate == 0.01
    assert run.sethyperparams(learnrate=0.01) == run.hyper and len(run.history) == rows, 'nothing changed, nothing said'


def test_anneal_needs_a_validation_split_also_later(make_run: MakeRun) -> None:
    ms = make_run(trainfrac=1.0)
    train(ms, 2)
    before, rows = moment(ms), len(ms.history)
    with pytest.raises(
        HyperParamsError, match=r'anneal=0.5 needs a validation split.*\n  Next: anneal=1.0, or a new run'
    ):
        ms.sethyperparams(anneal=0.5, learnrate=0.5)
    assert moment(ms) == before and len(ms.history) == rows
    ms.sethyperparams(anneal=1.0)


def test_a_run_that_was_given_anneal_without_a_validation_split_trains_on(make_run: MakeRun) -> None:
    """Charrnn 0.2 accepted it in sethyperparams, and failed at the end of the epoch."""
    ms = make_run(trainfrac=1.0)
    learner = learner_of(ms)
    learner.adopt(replace(learner.hyper, anneal=0.5))
    train(ms, 40)
    ms = ModelState.load(ms.curdir, device='cpu')
    train(ms, 40)
    assert ms.hyper.anneal == 0.5 and ms.epoch > 2
