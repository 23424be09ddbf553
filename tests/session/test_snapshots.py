"""Checkpoints with a name stay for ever, and a run goes back by rounds on the way that it came."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRun, moment, train

from charrnn import CheckpointError, HyperParamsError, ModelState


def test_a_checkpoint_with_a_name_stays_for_ever(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 2)
    number = ms.newcheckpoint(name='before-dropout')
    then = moment(ms)
    ms.trainmodel(9, 3, train_len=1, valid_len=1, print_every=0, keep=1)
    assert number in {row.number for row in ms.checkpoints()}
    assert "'before-dropout'" in str(ms.checkpoints())
    again = ModelState.load(ms.curdir, device='cpu').restore('before-dropout')
    assert moment(again) == then
    with pytest.raises(CheckpointError, match=r"is called 'before-dropout' already") as caught:
        again.newcheckpoint(name='before-dropout')
    assert caught.value.next_step == "ms.newcheckpoint(name='before-dropout-2')"
    with pytest.raises(CheckpointError, match=r"no checkpoint 'after'; there: .*'before-dropout'"):
        again.restore('after')


@pytest.mark.parametrize('name', ['', ' x', 'x\n', 'best', 'last', '7', 'x' * 41, 7, True])
def test_a_name_that_means_something_else_is_refused(make_run: MakeRun, name: str) -> None:
    with pytest.raises(HyperParamsError, match='is no name'):
        make_run().newcheckpoint(name=name)


def test_rewind_goes_back_whole_rounds(make_run: MakeRun) -> None:
    ms, moments = make_run(), []
    for _ in range(4):
        moments.append(moment(ms))
        train(ms, 2)
    assert moment(ms.rewind(3)) == moments[1]
    train(ms, 2)
    assert moment(ms) == moments[2], 'and goes on from there as before'
    assert moment(ms.rewind()) == moments[1]


def test_rewind_goes_before_what_was_changed_between_two_rounds(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    train(ms, 2)
    then, size = moment(ms), len(ms.data.train)
    (tmp_path / 'added.txt').write_text('the cat ' * 20)
    ms.addsource(tmp_path / 'added.txt')
    train(ms, 2)
    assert moment(ms.rewind()) == then and len(ms.data.train) == size


def test_rewind_leaves_out_the_rounds_of_another_way(make_run: MakeRun) -> None:
    ms = make_run()
    ms.trainmodel(4, 3, train_len=2, valid_len=1, print_every=0, keep=20)
    first = moment(ms.rewind())
    ms.restore(2)  # after round 1
    ms.sethyperparams(learnrate=0.5)
    ms.trainmodel(2, 3, train_len=2, valid_len=1, print_every=0)  # rounds 2 and 3 once more, otherwise
    assert moment(ms.rewind(2).rewind(1)) == moment(ms.restore(1))
    ms.restore(5)  # round 4 of the first way: its round 3 has an older checkpoint than the other one
    assert moment(ms.rewind()) == first


def test_a_round_that_is_gone_is_said(make_run: MakeRun) -> None:
    ms = make_run()
    ms.trainmodel(6, 3, train_len=2, valid_len=1, print_every=0, keep=2)
    before = moment(ms)
    with pytest.raises(CheckpointError, match=r'round 2 is not kept: this is round 6, kept before it: 5\.') as caught:
        ms.rewind(4)
    assert caught.value.next_step == 'ms.rewind(1) goes back to round 5'
    with pytest.raises(CheckpointError, match='no 9 rounds lie behind: this is round 6'):
        ms.rewind(9)
    with pytest.raises(HyperParamsError, match='rounds=0 must be'):
        ms.rewind(0)
    assert moment(ms) == before
