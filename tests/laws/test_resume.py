"""Law 5: N windows equal k windows, a save, a new process and the rest, bit for bit, wherever rounds end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ENGINES, MakeRun, learner_of, moment, train
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import child, is_killed
from torture import TORTURE, count

from charrnn import DeviceError, HyperParamsError, ModelState
from charrnn.models import MODELTYPES

WINDOWS = 70  # of 3 lanes of 8: an epoch of the 630 training symbols has 27, so this is twice across its end

ONE_LEG = """
import sys
from charrnn import ModelState
ms = ModelState.load(sys.argv[1], device='cpu')
for windows in map(int, sys.argv[2:]):
    ms.trainmodel(train_len=windows, batchsize=3, valid_len=1, print_every=3)
"""


@pytest.mark.parametrize('engine', ENGINES[-1:], indirect=True)  # processes are slow to start
@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTMAttention'])
def test_over_several_processes(make_run: MakeRun, modeltype: str) -> None:
    given = {'dropout': 0.3, 'modeltype': modeltype, 'seed': 5}
    straight = make_run('straight', **given)
    train(straight, WINDOWS)
    stopped = make_run('stopped', **given)
    train(stopped, 11)
    curdir = stopped.curdir
    del stopped  # releases the lock, so that the other processes can write
    for leg in (['15', '2'], ['1', '30'], ['11']):  # the first ends one window past an epoch
        command = [sys.executable, '-c', ONE_LEG, str(curdir), *leg]
        subprocess.run(command, check=True, capture_output=True, text=True)
    resumed = ModelState.load(curdir, device='cpu')
    assert resumed.position == WINDOWS * 8
    assert moment(resumed) == moment(straight)
    train(straight, 3)
    train(resumed, 3)
    assert moment(resumed) == moment(straight)


STRAIGHT = 20  # windows of 9 lanes of 8: an epoch has 9, so that this ends in the third


def new_process(curdir: Path, windows: int) -> None:
    """Train on in a new process under --torture, else with a new object."""

    def go_on(pipe: int = 0) -> None:
        train(ModelState.load(curdir, device='cpu'), windows, batchsize=9, print_every=2)

    if not TORTURE:
        return go_on()
    with child(go_on) as (process, _):
        assert not is_killed(process)


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
@pytest.mark.parametrize('sampling', ['lanes', 'random'])
@pytest.mark.parametrize('modeltype', MODELTYPES if TORTURE else ['GRUEncode'])
def test_at_every_window(make_run: MakeRun, modeltype: str, sampling: str) -> None:
    """P9: N windows equal k, a save, a new process and N - k, for every k, over three epochs and inside rounds."""
    given = {'modeltype': modeltype, 'sampling': sampling, 'dropout': 0.3}
    straight = make_run('straight', **given)
    train(straight, STRAIGHT, batchsize=9)
    assert 2 < straight.epoch < 3
    for k in range(STRAIGHT + 1):
        curdir = make_run(f'stopped {k}', **given).curdir
        for windows in filter(None, (k, STRAIGHT - k)):
            new_process(curdir, windows)
        assert moment(ModelState.load(curdir, device='cpu')) == moment(straight), k
        count('windows at which a run was stopped and resumed, bit for bit')


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
def test_any_number_of_resumes(make_run: MakeRun) -> None:
    """P10: train each window in a new process."""
    straight, stopped = make_run('straight', dropout=0.3), make_run('stopped', dropout=0.3).curdir
    train(straight, STRAIGHT, batchsize=9)
    for _ in range(STRAIGHT):
        new_process(stopped, 1)
    assert moment(ModelState.load(stopped, device='cpu')) == moment(straight)


def test_a_fact_of_the_run_cannot_be_changed(make_run: MakeRun) -> None:
    """P12: lanes are re-laid (below); a window length is a fact of the run; a device is chosen on load."""
    ms = make_run()
    train(ms, 2)
    before = moment(ms)
    with pytest.raises(AttributeError, match=r'ms.sethyperparams\(seq_len=5\)'):
        ms.seq_len = 5  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        ms.hyper.seq_len = 5  # type: ignore[misc]
    with pytest.raises(HyperParamsError, match="no argument 'seq_len'"):
        ms.trainmodel(seq_len=5)  # type: ignore[call-overload]
    with pytest.raises(AttributeError, match='ms.device cannot be set'):
        ms.device = torch.device('cpu')  # type: ignore[misc]
    with pytest.raises(DeviceError, match='Next: '):
        ModelState.load(ms.curdir, device='cuda:7')
    assert moment(ms) == before


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    legs=st.lists(st.integers(1, 40), min_size=2, max_size=4),
    dropout=st.sampled_from([0.0, 0.5]),
    lanes=st.integers(1, 5),
)
def test_a_run_may_be_cut_anywhere(
    make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory, legs: list[int], dropout: float, lanes: int
) -> None:
    folder = tmp_path_factory.mktemp('cut')
    straight, stopped = (make_run(folder / name, dropout=dropout) for name in ('straight', 'stopped'))
    train(straight, sum(legs), batchsize=lanes)
    for leg in legs:
        train(stopped, leg, batchsize=lanes)
        stopped = ModelState.load(stopped.curdir, device='cpu')
    assert moment(stopped) == moment(straight)


def test_the_learning_rate_does_not_depend_on_where_rounds_end(make_run: MakeRun) -> None:
    """Judge the end of an epoch at once, also in the middle of a round."""
    given = {'anneal': 0.5, 'learnrate': 0.5, 'clip': 0.0}
    straight, stopped = make_run('straight', **given), make_run('stopped', **given)
    train(straight, 120)
    for windows in (20, 7, 27, 40, 26):
        train(stopped, windows, valid_len=0)
        stopped = ModelState.load(stopped.curdir, device='cpu')
    assert learner_of(straight).schedule.annealings > 0
    assert moment(stopped) == moment(straight)


def test_a_checkpoint_inside_a_round_resumes_too(make_run: MakeRun) -> None:
    straight, stopped = make_run('straight'), make_run('stopped')
    train(straight, 20)
    train(stopped, 13, save_minutes=0)  # a checkpoint after every window
    middle = ModelState.load(stopped.curdir, device='cpu')
    middle.restore(middle.checkpoints()[-4].number)
    assert 0 < middle.position < stopped.position
    train(middle, 20 - middle.position // 8)
    assert moment(middle) == moment(straight)


def test_save_load_save_is_a_fixed_point(make_run: MakeRun) -> None:
    ms = make_run(dropout=0.2)
    train(ms, 9)
    ms = ModelState.load(ms.curdir, device='cpu')
    before = moment(ms)
    ms.newcheckpoint()
    again = ModelState.load(ms.curdir, device='cpu')
    assert moment(again) == before
    folders = [again.curdir / 'checkpoints' / f'{row.number:06d}' for row in again.checkpoints()[-2:]]
    tensors = [(folder / 'tensors.safetensors').read_bytes() for folder in folders]
    assert tensors[0] == tensors[1]
    facts = [json.loads((folder / 'facts.json').read_text()) for folder in folders]
    for f in facts:
        del f['written']
    assert facts[0] == facts[1]


def test_restore_goes_back_and_the_same_windows_lead_to_the_same_place(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 5)
    train(ms, 30)
    there = moment(ms)
    assert ms.restore(2) is ms
    assert ms.position == 5 * 8
    train(ms, 30)
    assert moment(ms) == there
    assert [row.number for row in ms.checkpoints()] == [1, 2, 3, 4], 'numbers only grow'
    assert [row['round'] for row in ms.history if row['kind'] == 'round'] == [1, 2]
    assert [row['round'] for row in ModelState.load(ms.curdir, device='cpu').history if row['kind'] == 'round'] == [
        1,
        2,
    ]


def test_restore_without_an_optimizer_step_forgets_later_moments(make_run: MakeRun) -> None:
    ms = make_run()
    fresh = moment(ms)
    train(ms, 4)
    ms.restore(1)
    assert moment(ms) == fresh


def test_new_lanes_are_primed_by_reading_the_text_before_their_place(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 10)
    learner_of(ms).lay_lanes(5)
    assert ms.carry is not None and ms.carry.lanes == 5
    n = len(ms.data.train)
    for k in range(5):
        start = (80 + k * n // 5) % n
        before = torch.tensor([[int(ms.data.train[(start - 16 + i) % n]) for i in range(16)]])
        with torch.no_grad():
            _, expected = learner_of(ms).model(before, learner_of(ms).model.zero_carry(1))
        torch.testing.assert_close(ms.carry.lane(k)['h'], expected['h'], rtol=1e-5, atol=1e-6)
    assert ms.position == 80 and ms.epoch == 10 * 24 / n
    learner_of(ms).lay_lanes(5, clear_state=True)
    assert not ms.carry['h'].any()


def test_a_first_start_is_zeros_and_batchsize_is_as_last_time(make_run: MakeRun) -> None:
    ms = make_run()
    assert not ms.carry['h'].any()
    train(ms, 1, batchsize=2)
    assert ms.carry.lanes == 2
    ms = ModelState.load(ms.curdir, device='cpu')
    train(ms, 1, batchsize=None)
    assert ms.carry.lanes == 2


@pytest.mark.parametrize('switch', [torch.no_grad, torch.inference_mode])
def test_the_global_grad_mode_changes_nothing(make_run: MakeRun, switch: type) -> None:
    usual, strange = make_run('usual'), None
    train(usual, 6)
    train(usual, 3, batchsize=4)
    with switch():
        strange = make_run('strange')
        train(strange, 6)
        strange = ModelState.load(strange.curdir, device='cpu')
        train(strange, 3, batchsize=4)
        assert torch.is_grad_enabled() is False
    assert moment(strange) == moment(usual)
    train(strange, 2)
    train(usual, 2)
    assert moment(strange) == moment(usual)


def test_a_run_can_be_moved(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    train(ms, 3)
    moved = ms.curdir.rename(tmp_path / 'elsewhere')
    assert moment(ModelState.load(moved, device='cpu')) == moment(ms)


def test_load_warns_of_a_changed_environment(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    ModelState.load(ms.curdir, device='cpu')  # without a warning, since warnings are errors here
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 2)
        with pytest.warns(UserWarning, match=rf'since checkpoint 1: threads {threads}, now {threads + 2}\. Training'):
            ModelState.load(ms.curdir, device='cpu')
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(torch, '__version__', '9.9')
    with pytest.warns(UserWarning, match=r'torch \d.*, now 9\.9\.'):
        ModelState.load(ms.curdir, device='cpu')


@pytest.mark.skipif(len(ENGINES) < 2, reason='one engine here')
@pytest.mark.parametrize('engine', ['torch'], indirect=True)
def test_another_engine_is_named_and_trains_on(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    train(ms, 3)
    monkeypatch.setenv('CHARRNN_ENGINE', 'native')
    with pytest.warns(UserWarning, match='engine torch, now native:'):
        other = ModelState.load(ms.curdir, device='cpu')
    assert moment(other) == moment(ms)
    train(other, 2)
    assert other.position == ms.position + 2 * ms.hyper.seq_len
