"""A training ends with its time, and prints nothing if it is asked to."""

import warnings

import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import ModelState


class Clock:
    """A clock that advances by one minute whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 60
        return self.now


def test_minutes_end_a_training_at_a_windows_end_saved_and_change_nothing(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed, straight = make_run('timed'), make_run('straight')
    with monkeypatch.context() as patch:
        patch.setattr('time.monotonic', Clock().monotonic)
        report = timed.trainmodel(batchsize=3, train_len=4, minutes=30, print_every=0, save_minutes=1000)
    assert not report.interrupted and report.rounds > 1, 'round after round'
    assert report.valid_nats is not None and report.checkpoint == timed.checkpoints()[-1].number
    assert report.windows % 4, 'the last round ended early'
    train(straight, report.windows)
    assert moment(ModelState.load(timed.curdir, device='cpu')) == moment(straight)


def test_minutes_train_at_least_a_window_and_no_more_rounds_than_asked_for(make_run: MakeRun) -> None:
    ms = make_run()
    report = ms.trainmodel(minutes=1e-9, batchsize=3)
    assert (report.rounds, report.windows, report.interrupted) == (1, 1, False)
    report = ms.trainmodel(2, minutes=100, train_len=1)
    assert report.rounds == report.windows == 2
    assert learner_of(ms).round == 3


def test_quiet_prints_nothing_but_warnings(make_run: MakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    ms = make_run()
    ms.attach(onreport=lambda row: warnings.warn('told', stacklevel=1))
    with pytest.warns(UserWarning, match='told'):
        ms.trainmodel(2, 3, train_len=4, print_every=2, quiet=True)
    assert capfd.readouterr() == ('', '')
