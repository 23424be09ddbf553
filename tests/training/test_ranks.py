"""Law 15: N ranks train as one process does, whatever N; the same N resumes bit for bit; no rank is left waiting."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, words
from processes import NEEDS_FORK, child

from charrnn import HyperParams, ModelState, RankError
from charrnn.errors import NonFiniteLossError, TrainingError, WorkspaceError
from charrnn.models import build_model, environment, window_masks
from charrnn.session import listener
from charrnn.session.run import Run, run_of
from charrnn.training.ranks import share_of

pytestmark = [*NEEDS_FORK, pytest.mark.skipif(sys.platform != 'linux', reason='forks processes that use gloo')]

Body = Callable[[int, ModelState], Any]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return int(taken.getsockname()[1])


def together(size: int, dir: Path, body: Body) -> list[Any]:
    """Load the run in `size` processes; return what body(rank, ms) returned or raised in each; None: it was killed."""
    port, found = free_port(), list[Any]()

    def work(rank: int, pipe: int) -> None:
        os.environ |= {
            'RANK': str(rank), 'WORLD_SIZE': str(size), 'LOCAL_RANK': str(rank), 'LOCAL_WORLD_SIZE': str(size),
            'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
        }  # fmt: skip
        try:
            result = body(rank, ModelState.load(dir, device='cpu'))
        except BaseException as error:
            result = [type(error).__name__, str(error), time.time()]
        os.write(pipe, json.dumps(result).encode())

    with ExitStack() as stack:
        started = [stack.enter_context(child(partial(work, rank))) for rank in range(size)]
        for process, pipe in started:
            with os.fdopen(os.dup(pipe)) as file:
                text = file.read()
            os.waitpid(process, 0)
            found.append(json.loads(text) if text else None)
    return found


def trains(windows: int, lanes: int = 5, rounds: int = 1, **given: Any) -> Body:
    def body(rank: int, ms: ModelState) -> Any:
        report = ms.trainmodel(rounds, lanes, train_len=windows, print_every=2, **given)
        return [report.train_nats, report.valid_nats, ms.position, report.checkpoint, report.interrupted]

    return body


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
    shared = make_run('shared', **text, **SETTINGS[kind]).curdir  # nobody here holds it
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


# ---- one rank fails -------------------------------------------------------------------------------------------------


def at_window(number: int, act: Callable[[ModelState], object], rank: int) -> Body:
    """Train a long round, in which one rank does something before one of its windows."""

    def body(here: int, ms: ModelState) -> Any:
        learner = learner_of(ms)
        whole = learner.train_window

        def window(*given: Any) -> Any:
            if here == rank and learner.position == number * 8:
                act(ms)
            return whole(*given)

        vars(learner)['train_window'] = window
        return trains(2000)(here, ms)

    return body


def test_a_killed_rank_ends_the_others_and_the_run_goes_on(make_run: MakeRun) -> None:
    straight, run = (make_run(name).curdir for name in ('straight', 'run'))
    together(2, straight, trains(6))
    together(2, run, trains(4))
    killed = at_window(9, lambda ms: os.kill(os.getpid(), signal.SIGKILL), rank=1)
    first, second = together(2, run, killed)
    assert second is None and first[0] == 'RankError' and 'another rank has ended' in first[1]
    assert ModelState.load(run, device='cpu').position == 4 * 8
    together(2, run, trains(2))
    ours, theirs = (ModelState.load(dir, device='cpu') for dir in (straight, run))
    assert moment(ours) == moment(theirs)


@pytest.mark.parametrize('rank', [0, 1])
def test_ctrl_c_on_one_rank_stops_all_at_one_window_and_saves(make_run: MakeRun, rank: int) -> None:
    dir = make_run().curdir
    found = together(2, dir, at_window(6, lambda ms: os.kill(os.getpid(), signal.SIGINT), rank))
    assert found[0] == found[1] and found[0][2:] == [7 * 8, 2, True], 'the window of the signal is the last one'
    assert ModelState.load(dir, device='cpu').position == 7 * 8


def test_a_loss_that_is_not_finite_on_one_rank_is_refused_by_all(make_run: MakeRun) -> None:
    dir = make_run().curdir

    def poison(ms: ModelState) -> None:
        state = next(iter(learner_of(ms).carry.values()))
        state[0, 0] = torch.nan

    found = together(2, dir, at_window(3, poison, rank=1))
    for name, message, _ in found:
        assert name == 'NonFiniteLossError' and 'window at position 24' in message and 'not applied' in message
    assert ModelState.load(dir, device='cpu').position == 0


def test_a_full_disk_ends_all_with_its_message(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    dir = make_run().curdir

    def full(run: Run, name: str = '') -> int:
        raise WorkspaceError('the disk is full', 'ms.newcheckpoint()')

    monkeypatch.setattr(Run, 'save', full)
    first, second = together(2, dir, trains(2))
    assert first[:2] == ['WorkspaceError', 'the disk is full\n  Next: ms.newcheckpoint()']
    assert second[0] == 'RankError' and 'rank 0: WorkspaceError: the disk is full' in second[1]
    assert abs(first[2] - second[2]) < 10


def test_an_error_on_another_rank_is_told_by_the_first(make_run: MakeRun) -> None:
    def fail(ms: ModelState) -> None:
        raise TrainingError('no memory was left')

    first, second = together(2, make_run().curdir, at_window(2, fail, rank=1))
    assert second[0] == 'TrainingError'
    assert first[0] == 'RankError' and 'rank 1: TrainingError: no memory was left' in first[1]


def test_ranks_that_differ_are_refused_by_name(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    dir = make_run().curdir
    plain = environment

    def other(*given: Any) -> Any:
        return plain(*given) | ({'torch': '2.12.0'} if os.environ.get('RANK') == '1' else {})

    with monkeypatch.context() as patch:
        patch.setattr(listener, 'environment', other)
        for name, message, _ in together(2, dir, trains(2)):
            assert name == 'RankError' and f'rank 1 has torch 2.12.0, and rank 0 has {torch.__version__}' in message
    for _, message, _ in together(3, dir, lambda rank, ms: trains(2, lanes=6 if rank == 2 else 5)(rank, ms)):
        assert 'rank 2 has batchsize 6, and rank 0 has 5' in message

    def moved(rank: int, ms: ModelState) -> Any:
        if rank:
            with torch.no_grad():
                learner_of(ms).model.readout_bias[0] += 1e-7
        return trains(2)(rank, ms)

    for _, message, _ in together(2, dir, moved):
        assert 'rank 1 has weights' in message
    for name, message, _ in together(4, dir, trains(2, lanes=3)):
        assert name in ('TrainingError', 'RankError') and '3 lanes are too few for 4 ranks' in message
    assert ModelState.load(dir, device='cpu').position == 0


def test_weights_that_drift_apart_are_noticed_at_the_next_checkpoint(make_run: MakeRun) -> None:
    def drift(ms: ModelState) -> None:
        with torch.no_grad():
            learner_of(ms).model.readout_bias[0] += 1e-6

    dir = make_run().curdir
    body = at_window(1, drift, rank=1)
    found = together(2, dir, lambda rank, ms: _with_saves(body, rank, ms))
    assert all(name == 'RankError' and 'rank 1 has weights' in message for name, message, _ in found)
    assert ModelState.load(dir, device='cpu').position == 8, 'the checkpoint of before'


def _with_saves(body: Body, rank: int, ms: ModelState) -> Any:
    verb = type(ms).trainmodel
    ms_type: Any = type(ms)
    ms_type.trainmodel = lambda ms, *given, **named: verb(ms, *given, **{**named, 'save_minutes': 1e-9})  # this process
    return body(rank, ms)


# ---- the rest of the verb -------------------------------------------------------------------------------------------


def test_until_round_does_what_is_left(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    ms = make_run()
    assert ms.trainmodel(until_round=2, batchsize=3, train_len=1, print_every=0).rounds == 2
    before = moment(ms)
    capsys.readouterr()
    assert ms.trainmodel(until_round=2, train_len=1).rounds == 0 and moment(ms) == before
    assert 'Round 2 has ended already.' in capsys.readouterr().out
    assert ms.trainmodel(until_round=5, train_len=1, print_every=0).rounds == 3 and run_of(ms).learner.round == 5


def test_ranks_train_in_the_foreground(make_run: MakeRun) -> None:
    found = together(2, make_run().curdir, trains(2, background=True))
    assert all(name == 'TrainingError' and 'leave background out' in message for name, message, _ in found)


def test_an_evaluation_is_shared_by_the_ranks(make_run: MakeRun) -> None:
    dir = make_run().curdir
    due = ModelState.load(dir, device='cpu').evaluate()
    for found in together(3, dir, lambda rank, ms: [ms.evaluate().nats, ms.evaluate().stderr]):
        assert found == pytest.approx([due.nats, due.stderr], abs=1e-6)


def test_torchrun_trains_and_starts_again_after_a_kill(make_run: MakeRun, tmp_path: Path) -> None:
    dir = make_run().curdir
    script = tmp_path / 'train.py'
    script.write_text(
        'import os, signal, sys\n'
        'from charrnn import ModelState\n'
        'from charrnn.training.learner import Learner\n'
        'ms, whole = ModelState.load(sys.argv[1], device="cpu"), Learner.train_window\n'
        'def window(learner, *given):\n'
        '    if (os.environ["RANK"], learner.position, os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", 64, "0"):\n'
        '        os.kill(os.getpid(), signal.SIGKILL)\n'
        '    return whole(learner, *given)\n'
        'Learner.train_window = window\n'
        'ms.trainmodel(until_round=4, batchsize=4, train_len=4, print_every=0)\n',
        encoding='utf-8',
    )
    folder = Path(listener.__file__).parents[2]
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node=2', '--max-restarts=1']
    command += ['--rdzv-backend=c10d', f'--rdzv-endpoint=127.0.0.1:{free_port()}', '--local-addr=127.0.0.1']
    env = {**os.environ, 'PYTHONPATH': str(folder), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run([*command, script, dir], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded = ModelState.load(dir, device='cpu')
    assert run_of(loaded).learner.round == 4 and loaded.position == 4 * 4 * 8
    lines = [line for line in done.stdout.splitlines() if line.startswith('round')]
    assert len(lines) == 4, 'only the first rank prints'


def test_a_group_that_has_ended_says_so(make_run: MakeRun) -> None:
    def twice(rank: int, ms: ModelState) -> Any:
        with pytest.raises((NonFiniteLossError, RankError)):
            at_window(1, lambda ms: next(iter(learner_of(ms).carry.values())).fill_(torch.nan), 0)(rank, ms)
        ms.restore()
        return trains(1)(rank, ms)

    for name, message, _ in together(2, make_run().curdir, twice):
        assert name == 'RankError' and 'connection to the other ranks has ended' in message
