"""No rank is left waiting: an error, a signal or a kill on one ends all of them, with its message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment
from launched import Body, at_window, free_port, together, trains
from processes import NEEDS_FORK

from charrnn import ModelState, RankError
from charrnn.errors import NonFiniteLossError, TrainingError, WorkspaceError
from charrnn.models import environment
from charrnn.session import listener
from charrnn.session.run import Run, run_of

pytestmark = [*NEEDS_FORK, pytest.mark.skipif(sys.platform != 'linux', reason='forks processes that use gloo')]


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


def test_an_error_of_torch_on_one_rank_is_told_as_its_own(make_run: MakeRun) -> None:
    def fail(ms: ModelState) -> None:
        raise RuntimeError('mat1 and mat2 shapes cannot be multiplied')

    first, second = together(2, make_run().curdir, at_window(2, fail, rank=1))
    assert second[:2] == ['RuntimeError', 'mat1 and mat2 shapes cannot be multiplied']
    assert first[0] == 'RankError' and 'rank 1: RuntimeError: mat1 and mat2 shapes cannot be multiplied' in first[1]


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
