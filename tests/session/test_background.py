"""A training in the background learns the same bits, and everything at the prompt sees one whole moment of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import MakeRun, moment, train

from charrnn import AttachedError, CharRNNError, ModelState, TrainingError
from charrnn.session.run import run_of
from charrnn.training import step
from charrnn.training.optimizer import apply_update

ENDLESS: Any = {'train_len': 5, 'batchsize': 3, 'valid_len': 1, 'print_every': 0, 'quiet': True}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each window last some milliseconds between new weights and the new carry and position."""

    def slowly(*given: Any) -> None:
        apply_update(*given)
        time.sleep(0.003)

    monkeypatch.setattr(step, 'apply_update', slowly)


@pytest.fixture
def training(make_run: MakeRun, slow: None) -> Iterator[ModelState]:
    """Return a run that is being trained; stop it at the end."""
    ms = make_run(dropout=0.3)
    handle = ms.trainmodel(10_000, background=True, **ENDLESS)
    yield ms
    handle.stop()


def test_it_learns_the_same_bits_as_in_the_foreground(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    given = {'dropout': 0.3, 'optimizer': 'muon', 'average': 0.9, 'deterministic': True}
    straight, background = make_run('straight', **given), make_run('background', **given)
    expected = straight.trainmodel(2, **ENDLESS)
    capsys.readouterr()
    handle = background.trainmodel(2, background=True, **ENDLESS)
    report = handle.wait()
    assert report is not None and report.train_nats == expected.train_nats
    assert (report.rounds, report.checkpoint) == (2, expected.checkpoint)
    assert moment(background) == moment(straight) == moment(ModelState.load(background.curdir, device='cpu'))
    assert background.training is handle and not handle.running
    assert repr(handle).startswith('The training in the background has ended.\n  round 2 ends')


def test_each_look_sees_one_whole_moment(make_run: MakeRun, slow: None) -> None:
    straight, watched, windows = make_run('straight'), make_run('watched'), 40
    expected = {}
    for _ in range(windows):
        expected[straight.position] = moment(straight), list(straight.score('the cat').nats)
        train(straight, 1)
    handle = watched.trainmodel(1, **{**ENDLESS, 'train_len': windows}, background=True)
    seen = set[int]()
    while handle.running and len(seen) < 8:
        now = run_of(watched)
        position = now.learner.position
        if position not in expected:
            break
        found = list(watched.score('the cat').nats)
        assert found in [nats for at, (_, nats) in expected.items() if at >= position]
        assert now.learner.position == position, 'it does not move'
        tensors = {name: t.reshape(-1).numpy().tobytes() for name, t in now.learner.moment().tensors().items()}
        assert tensors.items() <= expected[position][0].items()
        seen.add(position)
    assert len(seen) > 2
    handle.stop()


def test_verbs_look_while_it_goes_on(training: ModelState) -> None:
    ms = training
    before = ms.position
    ms.generatestring(10)
    ms.evaluate()
    assert ms.branch(ms.curdir.with_name('branch')).position <= ms.position
    number = ms.newcheckpoint()
    assert number in {row.number for row in ms.checkpoints()}
    deadline = time.monotonic() + 30
    while ms.position == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ms.position > before
    for _ in range(50):  # also in the middle of an update, when the weights are half new
        assert 'training in the background: ' in repr(ms) and 'ms.training.stop()' in repr(ms)


def test_what_would_change_it_is_refused(training: ModelState) -> None:
    ms = training
    for change in (
        lambda: ms.trainmodel(),
        lambda: ms.trainmodel(background=True),
        lambda: ms.restore(1),
        lambda: ms.rewind(),
        lambda: ms.sethyperparams(learnrate=0.5),
        lambda: ms.attach(onreport=print),
    ):
        with pytest.raises(TrainingError, match='is being trained in the background') as caught:
            change()
        assert 'ms.training.stop()' in caught.value.next_step


def test_stop_ends_it_at_a_windows_end_saved(make_run: MakeRun, slow: None) -> None:
    straight, ms = make_run('straight'), make_run('stopped')
    handle = ms.trainmodel(10_000, background=True, **ENDLESS)
    assert handle.wait(0.05) is None and handle.running
    report = handle.stop()
    assert report is not None and report.interrupted
    train(straight, ms.position // 8)
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(ms) == moment(straight)
    train(ms, 1)


def test_ctrl_c_ends_the_waiting_and_not_the_training(training: ModelState) -> None:
    handle, before = training.training, signal.signal(signal.SIGINT, signal.default_int_handler)
    assert handle is not None
    threading.Timer(0.1, signal.pthread_kill, [threading.get_ident(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        handle.wait(20)
    signal.signal(signal.SIGINT, before)
    assert handle.running and not handle.requested


def test_what_prevents_it_is_raised_at_once(make_run: MakeRun) -> None:
    ms = make_run()
    with pytest.raises(TrainingError, match='one window of 10000 lanes'):
        ms.trainmodel(1, 10_000, background=True)
    train(ms, 1)


def test_an_error_in_it_is_told_at_the_next_prompt_line(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = make_run()

    def fail(row: dict[str, Any]) -> None:
        raise ValueError('nothing')

    ms.attach(onreport=fail)
    monkeypatch.setattr(sys, 'ps1', '>>> ', raising=False)
    capsys.readouterr()
    handle = ms.trainmodel(background=True, **ENDLESS)
    while handle.running:
        time.sleep(0.01)
    time.sleep(0.05)
    assert capsys.readouterr().out == '', 'it does not cut the line that is being typed'
    assert str(sys.ps1) == '>>> '
    told = capsys.readouterr().out
    assert told.startswith('The training in the background was ended by AttachedError: the attached onreport raised')
    assert str(sys.ps1) == '>>> ' and not capsys.readouterr().out, 'once'
    with pytest.raises(AttachedError, match='nothing'):
        handle.wait()
    assert isinstance(handle.error, CharRNNError)


LEAVE = """
import sys
from charrnn import ModelState
ms = ModelState.load(sys.argv[1], device='cpu')
ms.trainmodel(1_000_000, 3, train_len=5, valid_len=1, print_every=0, background=True)
"""


def test_leaving_python_stops_and_saves(make_run: MakeRun) -> None:
    straight, left = make_run('straight'), make_run('left')
    curdir = left.curdir
    del left
    subprocess.run([sys.executable, '-c', LEAVE, str(curdir)], check=True, capture_output=True, timeout=60)
    found = ModelState.load(curdir, device='cpu')
    assert found.position > 0
    train(straight, found.position // 8)
    assert moment(found) == moment(straight)
