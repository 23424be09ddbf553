"""The learner lays lanes, counts epochs, and keeps a whole state after every failure."""

from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train

from charrnn import ModelState, TornWindowError, TrainingError, WorkspaceError
from charrnn.training import learner as learner_module
from charrnn.training import step


def test_too_few_symbols_for_the_lanes_says_how_many_are_needed(make_run: MakeRun) -> None:
    ms = make_run()  # 630 training symbols
    with pytest.raises(TrainingError) as caught:
        ms.trainmodel(batchsize=100)
    assert str(caught.value) == (
        'one window of 100 lanes of 8 symbols needs 800 training symbols; this text has 630.\n'
        '  Next: batchsize=78, or ms.sethyperparams(seq_len=6)'
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


def test_dropout_acts_in_training_alone(make_run: MakeRun) -> None:
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
        with pytest.raises(TrainingError, match=r'no memory was left .*\n  Next: ms.trainmodel\(batchsize=2\)'):
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
    assert {p.dtype for p in learner_of(strange).model.parameters()} == {torch.float32}
    assert strange.evaluate().nats == usual.evaluate().nats


@pytest.mark.parametrize('torn', [False, True])
def test_a_window_that_no_memory_holds_is_explained(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    ms = make_run()
    train(ms, 1)
    before, steps = moment(ms), step.train_step

    def refuse(*given: Any, **named: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes.")

    with monkeypatch.context() as patch:
        if torn:
            patch.setattr(step, 'apply_update', refuse)
        else:
            patch.setattr(learner_module, 'train_step', refuse)
        with pytest.raises(TrainingError, match='no memory was left') as caught:
            train(ms, 1)
    assert caught.value.next_step == ('ms.restore()' if torn else 'ms.trainmodel(batchsize=1)')
    assert caught.value.__context__ is None, 'the frames would keep memory'
    if torn:
        ms.restore()
    assert moment(ms) == before and step.train_step is steps
    train(ms, 1)


def test_a_verb_that_no_memory_holds_is_explained(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()

    def refuse(*given: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(type(learner_of(ms)), 'moment', refuse)
    with pytest.raises(WorkspaceError, match=r'not saved\.\n  Next: free memory, then ms.newcheckpoint\(\)'):
        ms.newcheckpoint()
    monkeypatch.setattr(type(learner_of(ms).model), 'forward', refuse)
    with pytest.raises(TrainingError, match='evaluate needs more memory than is left'):
        ms.evaluate()
