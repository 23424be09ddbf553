"""Attached functions are kept with the run, opened by reattach alone, and guarded when they are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dill
import numpy as np
import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import AttachedError, HyperParamsError, ModelState, TrainingError
from charrnn.storage.checkpoints import Checkpoints
from charrnn.storage.sealed import write_sealed
from charrnn.training.schedule import Progress

WAITS = pytest.mark.filterwarnings('ignore:this run has .* attached')


class Fading:
    """A schedule with a state of its own."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, moment: Progress) -> float:
        self.calls += 1
        return 0.01 / (1 + self.calls + moment.epoch)


@WAITS
def test_a_run_with_a_schedule_of_its_own_resumes_to_the_bit(make_run: MakeRun) -> None:
    straight, stopped = make_run('straight', dropout=0.2), make_run('stopped', dropout=0.2)
    for ms in (straight, stopped):
        ms.attach(schedule=Fading())
    train(straight, 9)
    train(stopped, 4)
    stopped = ModelState.load(stopped.curdir, device='cpu')
    stopped.reattach()
    train(stopped, 5)
    assert moment(stopped) == moment(straight)
    rates = [row['learnrate'] for row in straight.history if row['kind'] == 'round']
    assert rates == [pytest.approx(0.01 / (1 + 9 + 8 * 24 / 630))]


def test_a_constant_schedule_is_the_run_itself(make_run: MakeRun) -> None:
    plain, own = make_run('plain'), make_run('own')
    own.attach(schedule=lambda moment: moment.learnrate)
    train(plain, 5)
    train(own, 5)
    assert moment(own) == moment(plain)
    own.attach(schedule=lambda moment: 0)
    weights = [p.clone() for p in learner_of(own).model.parameters()]
    train(own, 2)
    assert all(a.equal(b) for a, b in zip(weights, learner_of(own).model.parameters(), strict=True))


def test_schedules_get_the_progress_and_reports_their_rows(make_run: MakeRun) -> None:
    seen: list[Progress] = []
    rows: list[dict[str, Any]] = []
    ms = make_run()

    def rate(moment: Progress) -> float:
        seen.append(moment)
        return 0.5

    ms.attach(schedule=rate, onreport=rows.append)
    train(ms, 3, print_every=2)
    assert [(m.position, m.symbols, m.round) for m in seen] == [(0, 0, 1), (8, 24, 1), (16, 48, 1)]
    assert seen[0].learnrate == 0.01 and seen[2].epoch == 48 / 630
    assert [row['kind'] for row in rows] == ['report', 'round'] and rows[0]['learnrate'] == 0.5
    rows[0]['kind'] = 'changed'
    assert [row['kind'] for row in ms.history] == ['start', 'report', 'round'], 'a callable gets a copy'


def test_a_sampling_filter_changes_the_drawn_text_alone(make_run: MakeRun) -> None:
    plain, ms = make_run('plain'), make_run()
    seen = []
    only = int(ms.chars.encode('t')[0])

    def filtered(logits: np.ndarray, text: str) -> np.ndarray:
        seen.append(text)
        logits[:] = -np.inf
        logits[only] = 0.0
        return logits

    ms.attach(samplefilter=filtered)
    assert ms.generatestring(3, prime='cat') == 'ttt' and seen == ['cat', 'catt', 'cattt']
    assert ms.generatestring(2, n=2, prime='a') == ['tt', 'tt']
    train(ms, 3, print_every=1)
    train(plain, 3)
    assert moment(ms) == moment(plain)
    ms.attach(samplefilter=lambda logits, text: logits)
    assert ms.generatestring(20, seed=1) == plain.generatestring(20, seed=1)


@pytest.mark.parametrize(
    ('name', 'function', 'said'),
    [
        ('schedule', lambda moment: 1 / 0, 'schedule raised ZeroDivisionError: division by zero'),
        ('schedule', lambda moment: 'fast', "schedule answered 'fast' to Progress"),
        ('schedule', lambda moment: -1.0, 'schedule answered -1.0'),
        ('schedule', lambda moment: float('nan'), 'schedule answered nan'),
        ('schedule', lambda moment: exit(3), 'schedule raised SystemExit: 3'),
        ('onreport', lambda row: row['nothing'], "onreport raised KeyError: 'nothing'"),
        ('samplefilter', lambda logits, text: logits[:3], r'samplefilter answered with an array \(3,\)'),
        ('samplefilter', lambda logits, text: None, 'samplefilter answered'),
        ('samplefilter', lambda logits, text: logits * np.nan, 'samplefilter answered .* nan'),
    ],
)
def test_an_attached_function_that_fails_is_named_and_costs_nothing(
    make_run: MakeRun, name: str, function: Any, said: str
) -> None:
    ms, straight = make_run(), make_run('straight')
    train(ms, 2)
    ms.attach(**{name: function})
    with pytest.raises(AttachedError, match=said) as caught:
        train(ms, 4, print_every=1)
    assert f"ms.attach({name}=...) with a corrected one, or ms.detach('{name}')" in str(caught.value)
    assert bool(caught.value.__cause__) == ('raised' in said), 'its own traceback is shown'
    done = ms.position // 8
    assert done == {'schedule': 2, 'onreport': 3, 'samplefilter': 3}[name]
    begun = name != 'schedule'  # a schedule fails before the first window: then there was no round
    assert ms.checkpoints()[-1].round == 1 + begun and learner_of(ms).round == 1 + begun
    assert len(ms.checkpoints()) == 2 + begun and ms.history[-1]['kind'] == 'round', 'the round ended cleanly, is saved'
    ms.detach(name)
    train(ms, 1)
    train(straight, done + 1)
    assert moment(ms) == moment(straight)


def test_load_does_not_open_what_is_attached_and_training_waits_for_a_decision(make_run: MakeRun) -> None:
    ms = make_run()
    ms.attach(schedule=lambda moment: 0.01)
    assert ms.newcheckpoint() == 2
    ms = _loaded(ms.curdir)
    assert 'schedule=lambda moment: 0.01' in ms.attached['schedule'] and 'waits' in repr(ms.attached)
    before = moment(ms)
    with pytest.raises(AttachedError, match='has schedule attached, from another session and not opened'):
        train(ms, 1)
    assert moment(ms) == before
    ms.generatestring(3)
    ms.evaluate()
    assert ms.newcheckpoint() == 3, 'it is carried along unopened'
    again = _loaded(ms.curdir)
    again.detach('schedule')
    assert again.attached == {} and 'nothing is attached' in repr(again.attached)
    train(again, 1)
    assert again.restore(3).attached.keys() == {'schedule'}, 'a moment has what was attached then'
    again.restore()
    train(again, 1)


def _loaded(curdir: Path) -> ModelState:
    with pytest.warns(UserWarning, match=r'attached, not opened.*ms.reattach\(\) runs that code'):
        return ModelState.load(curdir, device='cpu')


def test_bytes_that_would_run_are_carried_and_only_reattach_runs_them(make_run: MakeRun) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return os._exit, (66,)  # it would end the tests

    ms = make_run()
    ms.attach(onreport=print)
    ms.newcheckpoint()
    root = ms.curdir / 'checkpoints'
    contents = {name: (root / '000002' / name).read_bytes() for name in ('tensors.safetensors', 'facts.json')}
    write_sealed(root / '000002', {**contents, 'onreport.dill': dill.dumps(Payload())})
    loaded = _loaded(ms.curdir)
    loaded.generatestring(2)
    loaded.evaluate()
    loaded.newcheckpoint()
    assert b'_exit' in Checkpoints(root).read(3).attached['onreport'][1]
    write_sealed(root / '000003', {**contents, 'onreport.dill': b'no pickle at all'})
    broken = _loaded(ms.curdir)
    with pytest.raises(AttachedError, match=r"onreport cannot be opened.*\n.*ms.detach\('onreport'\)"):
        broken.reattach()
    assert broken.attached.waiting == ['onreport']


def test_an_object_that_cannot_be_attached_is_refused(make_run: MakeRun) -> None:
    ms = make_run()
    with pytest.raises(AttachedError, match=r'schedule=3 cannot be called.\n  Next: a function, such as ms.attach'):
        ms.attach(schedule=3)  # type: ignore[arg-type]
    with pytest.raises(
        AttachedError, match=r'onreport cannot be kept with the run.*owns a directory: ms.newcheckpoint'
    ):
        ms.attach(schedule=lambda moment: 1.0, onreport=lambda row: ms.evaluate())
    assert ms.attached == {}, 'all or none'
    with pytest.raises(HyperParamsError, match="no argument 'scheduler'"):
        ms.attach(scheduler=print)  # type: ignore[call-arg]
    with pytest.raises(AttachedError, match="nothing is attached as 'schedule'; attached: nothing"):
        ms.detach('schedule')
    assert ms.reattach() == {}


@WAITS
def test_the_variables_it_uses_come_back_with_the_values_they_had(make_run: MakeRun, tmp_path: Path) -> None:
    names: dict[str, Any] = {'factor': 3.0, 'make_run': make_run, '__name__': '__main__'}
    exec('def rate(moment): return factor * moment.learnrate', names)
    ms = make_run()
    ms.attach(schedule=names['rate'])
    names['factor'] = 4.0  # changed at the prompt before the checkpoint
    train(ms, 1)
    names['factor'] = 5.0
    loaded = ModelState.load(ms.curdir, device='cpu')
    loaded.reattach()
    train(loaded, 1)
    assert [row['learnrate'] for row in loaded.history if row['kind'] == 'round'] == [0.04, 0.04]


def test_a_callback_cannot_call_back_into_the_run(make_run: MakeRun) -> None:
    ms = make_run()
    refused = []

    class Meddler:
        def __reduce__(self) -> Any:
            return print, ()

        def __call__(self, row: dict[str, Any]) -> None:
            for request in (
                ms.trainmodel,
                ms.restore,
                lambda: ms.attach(schedule=Fading()),
                lambda: ms.detach('onreport'),
                lambda: ms.sethyperparams(learnrate=1.0),
            ):
                with pytest.raises(TrainingError, match=r'in the middle of ms.trainmodel\(\)') as caught:
                    request()
                refused.append(caught)

    ms.attach(onreport=Meddler())
    train(ms, 2)
    assert len(refused) == 5 and ms.position == 16
    train(ms, 1)


def test_functions_of_this_session_stay_attached_over_a_restore(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 1)
    ms.attach(schedule=lambda moment: 0.002)
    ms.restore()
    assert ms.attached.keys() == {'schedule'} and not ms.attached.waiting
    train(ms, 1)
    ms.restore(2)
    train(ms, 1)
    assert ms.history[-1]['learnrate'] == 0.002
    assert 'with schedule' in repr(ms)
    waiting = _loaded(ms.curdir)
    assert 'Next: ms.attached, then ms.reattach() or ms.detach' in repr(waiting)
