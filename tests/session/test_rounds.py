"""A training ends with its time, and prints nothing if it is asked to."""

import re
import time
import warnings
from dataclasses import replace
from typing import Any

import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import AttachedError, HyperParamsError, ModelState, TrainingError
from charrnn.evaluation.protocol import evaluate_split
from charrnn.session import listener
from charrnn.text import dataset
from charrnn.training.learner import Learner


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


def test_seconds_are_those_of_the_windows(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(learner: Learner, *given: Any) -> Any:
        time.sleep(0.5)
        return validate(learner, *given)

    validate = Learner.validate
    monkeypatch.setattr(Learner, 'validate', slow)
    assert 0 < make_run().trainmodel(1, 3, train_len=2, quiet=True).seconds < 0.5


def test_many_fast_rounds_are_a_few_lines_and_all_in_the_history(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = make_run()

    def shown() -> list[int]:
        return [int(found) for found in re.findall(r'^round (\d+) ends', capsys.readouterr().out, re.MULTILINE)]

    monkeypatch.setattr(listener, 'PAUSE', 1000)
    ms.trainmodel(14, 3, train_len=1, print_every=0)
    assert shown() == [*range(1, 11), 14]
    assert [row['round'] for row in ms.history if row['kind'] == 'round'] == list(range(1, 15))
    ms.trainmodel(3, train_len=1, print_every=1)
    assert shown() == [15, 16, 17]
    monkeypatch.setattr(listener, 'PAUSE', 0)
    ms.trainmodel(13, train_len=1, print_every=0)
    assert shown() == list(range(18, 31))
    monkeypatch.setattr(listener, 'PAUSE', 1000)
    ms.attach(onreport=lambda row: 1 / 0 if row['round'] == 42 else None)
    with pytest.raises(AttachedError):
        ms.trainmodel(14, train_len=1, print_every=0)
    assert shown() == [*range(31, 41), 42], 'the last one also after an error'


def test_what_went_wrong_is_told_below_the_line_of_its_round(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, 'PAUSE', 1000)
    monkeypatch.setattr(listener, 'SHOWN_ROUNDS', 1)
    ms = make_run(learnrate=1e8)
    ms.trainmodel(4, 3, train_len=2, print_every=0)
    lines = capsys.readouterr().out.splitlines()
    (place,) = (n for n, line in enumerate(lines) if 'diverged' in line)
    assert re.match(r'round [1-3] ends', lines[place - 1]) and lines[-1].startswith('round 4 ends')


def test_patience_ends_a_training_that_no_longer_improves(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = make_run()
    losses = iter([3.0, 2.0, 2.5, 2.0, 2.1, 1.0])  # an equal loss is no better one
    whole = Learner.validate

    def validate(self: Learner, windows: int, tick: Any) -> Any:
        found = whole(self, windows, tick)
        assert found is not None
        return replace(found, nats=next(losses))

    monkeypatch.setattr(Learner, 'validate', validate)
    report = ms.trainmodel(50, 3, train_len=1, print_every=0, patience=3)
    assert (report.rounds, report.stopped_early, report.interrupted) == (5, True, False)
    said, _, step = capsys.readouterr().out.splitlines()[-1].partition('  ')
    assert said == 'Stopped early: 3 rounds without a better validation than 2.0000 in round 2.'
    assert step == "Next: ms.restore('best') goes back"
    assert ms.restore('best').position == 2 * 8
    again = ms.trainmodel(1, 3, train_len=1, print_every=0, patience=1)
    assert (again.rounds, again.stopped_early) == (1, False), 'a better one'


def test_a_call_with_patience_counts_its_own_rounds(make_run: MakeRun) -> None:
    ms = make_run(learnrate=0.0)
    reports = [ms.trainmodel(9, 3, train_len=1, print_every=0, patience=2) for _ in range(2)]
    assert [(report.rounds, report.stopped_early) for report in reports] == [(2, True), (2, True)]


def test_patience_for_longer_than_the_call_is_told(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    make_run().trainmodel(1, 3, train_len=1, patience=3)
    assert 'patience=3 stops nothing in 1 rounds.  Next: ms.trainmodel(30, patience=3)' in capsys.readouterr().out


@pytest.mark.parametrize(('begun', 'given', 'said'), [
    ({'trainfrac': 1.0}, {}, 'has no validation split'),
    ({}, {'valid_len': 1}, 'valid_len=1 is a part of it'),
    ({}, {'patience': 0}, 'patience=0 must be a whole number, 1 or more'),
])  # fmt: skip
def test_patience_without_a_whole_validation_is_refused(
    make_run: MakeRun, begun: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    ms = make_run(**begun)
    with pytest.raises((HyperParamsError, TrainingError), match=said):
        ms.trainmodel(2, 3, **{'patience': 3, **given})
    assert ms.position == 0


def test_a_long_split_is_measured_on_its_beginning_and_that_is_said(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(dataset.MOST_VALIDATED, 'char', most := 30)
    ms = make_run()
    capsys.readouterr()
    report = ms.trainmodel(4, 3, train_len=2, print_every=0, patience=3)
    assert f'Validations measure the first 30 of {len(ms.data.valid)} characters: a sample.' in capsys.readouterr().out
    assert {row['valid_symbols'] for row in ms.history if row['kind'] == 'round'} == {most}
    assert ms.evaluate().symbols == len(ms.data.valid) > most
    learner = learner_of(ms)
    due = evaluate_split(learner.evaluated, ms.data.train, ms.data.valid[:most], ms.hyper.seq_len)
    assert due is not None and report.valid_nats == due.nats
    assert ms.restore('best').history[-1]['valid_nats'] == min(nats for _, nats in ms.history.validations())
    ms.trainmodel(1, train_len=2, valid_len=1, print_every=0)
    assert 'a sample' not in capsys.readouterr().out
