"""P21: Ctrl-C stops at the end of a window, and a second one says if the weights are half updated."""

import signal
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train
from torch import nn

from charrnn import ModelState, TornWindowError
from charrnn.training import step
from charrnn.training.interrupt import StopRequest
from charrnn.training.optimizer import apply_update


def interrupting(monkeypatch: pytest.MonkeyPatch, *windows: int) -> None:
    """Press Ctrl-C in the middle of these windows, inside the update."""
    update, seen = apply_update, [0]

    def apply(*given: Any) -> None:
        seen[0] += 1
        if seen[0] in windows:
            signal.raise_signal(signal.SIGINT)
        update(*given)

    monkeypatch.setattr(step, 'apply_update', apply)


def test_the_first_interrupt_ends_the_window_saves_and_says_so(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    straight, stopped = make_run('straight'), make_run('stopped')
    train(straight, 9)
    with monkeypatch.context() as patch:
        interrupting(patch, 4)
        report = stopped.trainmodel(num_rounds=3, batchsize=3, train_len=50, print_every=0)
    assert report.interrupted and report.windows == 4 and report.rounds == 1
    assert stopped.position == 4 * 8
    assert report.valid_nats is None, 'an interrupted round does not validate'
    assert 'Stopped after the current update; saved as checkpoint 2.  Next: ms.trainmodel()' in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is handler
    resumed = ModelState.load(stopped.curdir, device='cpu')
    assert moment(resumed) == moment(stopped)
    train(resumed, 5)
    assert moment(resumed) == moment(straight)
    assert learner_of(resumed).round == 2, 'the next call began a new round'


def test_a_second_interrupt_that_tears_an_update_says_so_and_asks_for_restore(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = make_run()
    train(ms, 3)
    whole = moment(ms)

    def twice(*given: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(step, 'apply_update', twice)
        with pytest.raises(KeyboardInterrupt):
            train(ms, 3)
    assert 'in the middle of an update' in capsys.readouterr().out
    assert 'ms.restore()' in repr(ms).splitlines()[-1]
    for refused in (ms.trainmodel, ms.newcheckpoint):
        with pytest.raises(TornWindowError, match=r'cut in half .*\n  Next: ms.restore\(\)'):
            refused()
    ms.restore()
    assert moment(ms) == whole
    train(ms, 1)


def test_a_second_interrupt_between_updates_tears_nothing(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = make_run()
    train(ms, 3)
    whole = moment(ms)

    def twice(*given: Any) -> torch.Tensor:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return torch.tensor(0.0)

    with monkeypatch.context() as patch:
        patch.setattr(nn.utils, 'get_total_norm', twice)
        with pytest.raises(KeyboardInterrupt):
            train(ms, 3)
    assert 'Stopped at once. The model is intact but not saved.  Next: ms.newcheckpoint()' in capsys.readouterr().out
    assert moment(ms) == whole
    ms.newcheckpoint()


def test_outside_the_main_thread_training_still_works(make_run: MakeRun) -> None:
    import threading

    ms, usual = make_run('threaded'), make_run('usual')
    train(usual, 3)
    thread = threading.Thread(target=train, args=(ms, 3))
    thread.start()
    thread.join()
    assert moment(ms) == moment(usual)


def test_stop_requests_put_the_old_handler_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize('ending', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_ends_it_at_a_windows_end_saved(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, ending: signal.Signals
) -> None:
    ms, straight = make_run('ended'), make_run('straight')
    train(straight, 2)
    seen = [0]

    def apply(*given: Any) -> None:
        seen[0] += 1
        if seen[0] == 2:
            signal.raise_signal(ending)
        apply_update(*given)

    with monkeypatch.context() as patch:
        patch.setattr(step, 'apply_update', apply)
        with pytest.raises(SystemExit) as caught:
            train(ms, 50)
    assert caught.value.code == 128 + ending
    assert signal.getsignal(ending) == signal.SIG_DFL, 'the default is back'
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(straight)


def test_a_handler_of_the_users_own_is_left_alone(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        ms = make_run()
        monkeypatch.setattr(step, 'apply_update', lambda *given: signal.raise_signal(signal.SIGTERM))
        train(ms, 2)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [signal.SIGTERM] * 2 and ms.position == 16
