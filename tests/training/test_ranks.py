"""Law 15: N ranks train as one process does, whatever N; the same N resumes bit for bit."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, words
from launched import together, trains
from processes import NEEDS_FORK

from charrnn import HyperParams, ModelState
from charrnn.models import build_model, window_masks
from charrnn.session.run import run_of
from charrnn.training.ranks import share_of

pytestmark = [*NEEDS_FORK, pytest.mark.skipif(sys.platform != 'linux', reason='forks processes that use gloo')]

SETTINGS: dict[str, dict[str, Any]] = {
    'dropout': {'dropout': 0.3},
    'weightdrop': {'dropout': 0.2, 'locked': True, 'weightdrop': 0.2, 'optimizer': 'muon', 'average': 0.9},
    'attention': {'modeltype': 'LSTMAttention', 'layers': 1, 'memory': 5, 'optimizer': 'adamw'},
    'random': {'sampling': 'random', 'clipnorm': 0.5, 'clip': 0.0},
    'words': {'modeltype': 'LSTM', 'level': 'word', 'emsize': 6, 'tied': True, 'regcost': 1e-3, 'dropout': 0.1},
}


@pytest.mark.parametrize('kind', SETTINGS)
def test_ranks_train_as_one_process_does_and_their_number_may_change(make_run: MakeRun, kind: str) -> None:
    text = {'text': words(4000)} if kind == 'words' else {}
    alone = make_run('alone', **text, **SETTINGS[kind])
    shared = make_run('shared', **text, **SETTINGS[kind]).curdir  # no ModelState of this process holds its lock
    for size, windows in ((1, 3), (2, 4), (4, 3), (3, 2), (1, 3)):
        due = trains(windows)(0, alone)
        for found in together(size, shared, trains(windows)):
            assert found[:2] == pytest.approx(due[:2], abs=2e-5) and found[2:] == due[2:], (kind, size)
    ours, theirs = (learner_of(ModelState.load(dir, device='cpu')).moment() for dir in (alone.curdir, shared))
    for name, tensor in theirs.tensors().items():
        assert torch.allclose(tensor, ours.tensors()[name], atol=1e-4), name
    assert len(alone.history) == len(ModelState.load(shared, device='cpu').history), 'each row once'


def test_the_same_number_of_ranks_resumes_bit_for_bit(make_run: MakeRun) -> None:
    straight, stopped = (make_run(name, dropout=0.2).curdir for name in ('straight', 'stopped'))
    together(2, straight, trains(7))
    for windows in (1, 4, 2):
        together(2, stopped, trains(windows))
    ours, theirs = (ModelState.load(dir, device='cpu') for dir in (straight, stopped))
    assert moment(ours) == moment(theirs) and ours.position == 7 * 8


def test_each_rank_has_its_share_of_the_lanes() -> None:
    for size in range(1, 8):
        for lanes in range(1, 20):
            shares = [share_of(rank, size, lanes) for rank in range(size)]
            assert [k for share in shares for k in range(lanes)[share]] == list(range(lanes))
            assert max(counts := [s.stop - s.start for s in shares]) - min(counts) <= 1


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTM', 'LSTMAttention'])
@pytest.mark.parametrize('locked', [True, False])
def test_masks_are_those_of_all_lanes(modeltype: str, locked: bool) -> None:
    hyper = HyperParams(layers=1, state_size=4, emsize=4, seq_len=5, dropout=0.5, locked=locked, memory=3)
    model = build_model(modeltype, 7, hyper, 0, torch.device('cpu'))
    every = window_masks(model, hyper, 1, 10, 6).outputs
    parts = [window_masks(model, hyper, 1, 10, 6, share_of(rank, 2, 6)).outputs for rank in range(2)]
    assert every and all(parts)
    for mask, first, second in zip(every, parts[0] or [], parts[1] or [], strict=True):
        axis = next(axis for axis, size in enumerate(mask.shape) if size != first.shape[axis])
        assert torch.equal(torch.cat([first, second], axis), mask) and len(set(mask.flatten().tolist())) == 2


# ---- the rest of the verb -------------------------------------------------------------------------------------------


def test_until_round_does_what_is_left(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    ms = make_run()
    assert ms.trainmodel(until_round=2, batchsize=3, train_len=1, print_every=0).rounds == 2
    before = moment(ms)
    capsys.readouterr()
    done = ms.trainmodel(until_round=2, train_len=1, batchsize=5, patience=3)
    assert (done.rounds, done.checkpoint) == (0, ms.checkpoints()[-1].number) and moment(ms) == before, 'not even lanes'
    assert capsys.readouterr().out.splitlines() == [
        'Round 2 has ended already.  Next: ms.trainmodel() trains another one'
    ]
    assert ms.trainmodel(until_round=5, train_len=1, print_every=0).rounds == 3 and run_of(ms).learner.round == 5


def test_ranks_train_in_the_foreground(make_run: MakeRun) -> None:
    found = together(2, make_run().curdir, trains(2, background=True))
    assert all(name == 'TrainingError' and 'leave background out' in message for name, message, _ in found)


def test_an_evaluation_is_shared_by_the_ranks(make_run: MakeRun) -> None:
    dir = make_run().curdir
    due = ModelState.load(dir, device='cpu').evaluate()
    for found in together(3, dir, lambda rank, ms: [ms.evaluate().nats, ms.evaluate().stderr]):
        assert found == pytest.approx([due.nats, due.stderr], abs=1e-6)
