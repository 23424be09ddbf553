"""A window is applied whole or not at all."""

import math
import signal
from typing import Any

import pytest
import torch
from conftest import MakeRun, moment, train

from charrnn import ModelState, NonFiniteLossError, TornWindowError, TrainingError
from charrnn.training import learner as learner_module
from charrnn.training import step
from charrnn.training.interrupt import StopRequest


@pytest.mark.parametrize('poison', [math.nan, math.inf])
def test_a_loss_that_is_not_finite_changes_nothing(make_run: MakeRun, poison: float) -> None:
    ms = make_run()
    train(ms, 5)
    ms._run.learner.model.readout_bias.data[1] = poison  # type: ignore[union-attr,operator,index]
    before, newest = moment(ms), ms.checkpoints()[-1].number
    with pytest.raises(
        NonFiniteLossError, match=r'window at position 40 .* The update was not applied.*\n  Next: ms.res'
    ):
        train(ms, 5)
    assert moment(ms) == before
    assert ms.checkpoints()[-1].number == newest, 'no good checkpoint is pushed out'
    assert all(p.grad is None for p in ms._run.learner.model.parameters())
    ms.restore()
    train(ms, 1)


def test_a_gradient_that_is_not_finite_changes_nothing(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    train(ms, 3)
    before = moment(ms)

    def overflow(gradients: Any) -> torch.Tensor:
        return torch.tensor(math.inf)

    monkeypatch.setattr(step.nn.utils, 'get_total_norm', overflow)
    with pytest.raises(NonFiniteLossError, match='gradient norm inf'):
        train(ms, 1)
    assert moment(ms) == before


def test_a_huge_learning_rate_stops_cleanly(make_run: MakeRun) -> None:
    ms = make_run(learnrate=1e30)
    with pytest.raises(NonFiniteLossError):
        train(ms, 50)
    assert 'Next: ms.' in repr(ms)


def interrupting(monkeypatch: pytest.MonkeyPatch, *windows: int) -> None:
    """Press Ctrl-C in the middle of these windows, inside the update."""
    update, seen = step.apply_update, [0]

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
    assert report.valid_nats is None, 'validation waits for who has time'
    assert 'Stopped at a window’s end, saved as checkpoint 2.  Next: ms.trainmodel()' in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is handler
    resumed = ModelState.load(stopped.curdir, device='cpu')
    assert moment(resumed) == moment(stopped)
    train(resumed, 5)
    assert moment(resumed) == moment(straight)
    assert resumed._run.learner.round == 2, 'the next call began a new round'


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
        patch.setattr(step.nn.utils, 'get_total_norm', twice)
        with pytest.raises(KeyboardInterrupt):
            train(ms, 3)
    assert 'nothing is torn' in capsys.readouterr().out
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


def test_too_few_symbols_for_the_lanes_says_how_many_are_needed(make_run: MakeRun) -> None:
    ms = make_run()  # 630 training symbols
    with pytest.raises(TrainingError) as caught:
        ms.trainmodel(batchsize=100)
    assert str(caught.value) == (
        'one window of 100 lanes of 8 symbols needs 800 training symbols; this text has 630.\n'
        '  Next: batchsize=78 or less, or a new run with seq_len=6'
    )
    assert not ms.carry['h'].any() and ms.position == 0
    ms.trainmodel(train_len=1, batchsize=78, print_every=0)


def test_clear_state_is_the_way_to_ask_for_zeros(make_run: MakeRun) -> None:
    kept, cleared = make_run('kept'), make_run('cleared')
    for ms in (kept, cleared):
        train(ms, 4)
    train(kept, 1)
    train(cleared, 1, clear_state=True)
    assert kept.position == cleared.position
    assert moment(kept) != moment(cleared)


def test_dropout_is_of_training_alone(make_run: MakeRun) -> None:
    plain, dropped = make_run('plain'), make_run('dropped', dropout=0.5)
    assert plain.evaluate().nats == dropped.evaluate().nats
    train(plain, 1)
    train(dropped, 1)
    assert plain.evaluate().nats != dropped.evaluate().nats


def test_an_epoch_is_symbols_over_n(make_run: MakeRun) -> None:
    ms = make_run()
    ms.trainmodel(batchsize=3, print_every=0)
    assert ms.position == 27 * 8 and ms.epoch == 27 * 24 / 630
    ms.trainmodel(batchsize=2, print_every=0)
    assert ms.epoch == (27 * 24 + 40 * 16) / 630


def test_weights_whose_validation_is_not_finite_are_not_saved(make_run: MakeRun) -> None:
    ms = make_run(learnrate=3e37, clip=0.0)
    with pytest.raises(NonFiniteLossError, match=r'validation at position 8 .* no checkpoint was written'):
        train(ms, 1, valid_len=0)
    assert [row.number for row in ms.checkpoints()] == [1]
    assert repr(ms).endswith('was not finite.  Next: ms.restore()')
    with pytest.raises(NonFiniteLossError, match='no checkpoint is made'):
        ms.newcheckpoint()
    ms.restore()
    assert ms.newcheckpoint() == 2
    assert ms.position == 0


def test_a_restore_that_is_cut_in_half_says_so(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    train(ms, 2)
    train(ms, 2)
    there = moment(ms)

    def interrupt(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(learner_module, 'load_optimizer_tensors', interrupt)
        with pytest.raises(KeyboardInterrupt):
            ms.restore(2)
    with pytest.raises(TornWindowError):
        train(ms, 1)
    ms.restore()
    assert moment(ms) == there


def test_lanes_stay_when_the_first_window_of_a_new_batch_size_fails(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = make_run()
    train(ms, 3)
    before = moment(ms)

    def no_memory(*given: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(step, 'readout_loss', no_memory)
        with pytest.raises(MemoryError):
            train(ms, 1, batchsize=5)
    assert moment(ms) == before


def test_global_defaults_of_torch_do_not_leak_in(make_run: MakeRun) -> None:
    usual = make_run('usual', dropout=0.3)
    train(usual, 4)
    torch.set_default_dtype(torch.float64)
    try:
        strange = make_run('strange', dropout=0.3)
        train(strange, 2)
        strange = ModelState.load(strange.curdir, device='cpu')
        train(strange, 2)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {p.dtype for p in strange._run.learner.model.parameters()} == {torch.float32}
    assert strange.evaluate().nats == usual.evaluate().nats


def test_without_a_validation_split_the_untrained_loss_is_a_training_loss(make_run: MakeRun) -> None:
    ms = make_run(trainfrac=1.0)
    assert ms.history[0]['train_nats'] > 0 and ms.history[0]['valid_nats'] is None
    assert 'valid 2' not in repr(ms)
