"""A sweep: each trial is an ordinary run, however it is stopped, and a row of one table."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import moment

import charrnn
from charrnn import HyperParamsError, ModelState, SweepError, sweep
from charrnn.experiments import worker
from charrnn.experiments.results import Trials, write_pictures
from charrnn.experiments.study import Study
from charrnn.session.entry import begin_run
from charrnn.training.requests import Stop

pytest.importorskip('optuna')

Sweep = Callable[..., Trials]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_each_trial_is_an_ordinary_run_on_one_dataset(swept: Sweep, tmp_path: Path, source: Path) -> None:
    found = swept()
    assert [row.state for row in found] == ['finished'] * 3 and sorted(row.number for row in found) == [0, 1, 2]
    losses = [row.loss for row in found if row.loss is not None]
    assert losses == sorted(losses) and found.best == found[0]
    indices = {(tmp_path / 'sweep' / name / 'dataset' / 'indices.bin').stat().st_ino for name in ('', '0000', '0002')}
    assert len(indices) == 1, 'one copy on the disk'
    for row in found:
        ms = ModelState.load(row.directory, device='cpu')
        assert ms.hyper.layers == row.parameters['layers'] and ms.hyper.learnrate == row.parameters['learnrate']
        assert row.loss == min(ms.history.column('valid_nats', 'round')) and set(row.losses) == {1, 2}
        plain = ModelState.initfromsrcfile(
            source, tmp_path / f'plain {row.number}', state_size=4, seq_len=8, device='cpu', **row.parameters
        )
        plain.trainmodel(2, 3, train_len=5, quiet=True, print_every=0)
        assert moment(ms) == moment(plain), 'what trainmodel does'
        assert ms.trainmodel(train_len=1, quiet=True).windows == 1
    again = swept()
    assert [row.loss for row in again] == [row.loss for row in found], 'a call that has nothing to do is harmless'


def test_the_table_the_csv_and_the_pictures(swept: Sweep, tmp_path: Path) -> None:
    found = swept(metric='train')
    shown = repr(found).splitlines()
    assert shown[0].split() == ['trial', 'train', 'nats/char', 'rounds', 'seconds', 'layers', 'learnrate']
    assert found.best and shown[-1].endswith(f'Next: ms = ModelState.load({found.best.directory!r})')
    rows = rows_of(tmp_path / 'sweep' / 'trials.csv')
    assert [row['trial'] for row in rows] == ['0', '1', '2'] and {row['state'] for row in rows} == {'finished'}
    assert {float(row['train_nats']) for row in rows} == {row.loss for row in found}
    write_pictures(found, tmp_path / 'sweep')
    for name in ('curves.png', 'parameters.png'):
        assert (tmp_path / 'sweep' / name).read_bytes().startswith(b'\x89PNG')
    figure = found.drawcurves()
    assert sum(len(line.get_xdata()) == 2 for line in figure.axes[0].lines) == 3, 'a curve for each trial'
    by_layers, by_rate = found.drawparameters().axes
    assert len(by_layers.collections) == len(by_rate.collections) == 3, 'a point for each trial'
    assert (by_layers.get_xscale(), by_rate.get_xscale()) == ('linear', 'log')
    with pytest.raises(AttributeError, match='each has its own .loss'):
        found.loss  # type: ignore[attr-defined]  # noqa: B018


def test_a_grid_tries_every_combination_once(swept: Sweep) -> None:
    space, usual = {'layers': [1, 2], 'modeltype': ['GRU', 'LSTM'], 'batchsize': [2]}, 16
    first = swept(space, sampler='grid', trials=3, rounds=1, batchsize=usual)
    found = swept(space, sampler='grid', rounds=1, trials=20, batchsize=usual)
    assert len(first) == 3 and len(found) == 4
    assert {tuple(row.parameters.values()) for row in found} == {
        (layers, kind, 2) for layers in (1, 2) for kind in ('GRU', 'LSTM')
    }
    with pytest.raises(HyperParamsError, match="sampler='grid' tries choices, and learnrate has a range"):
        swept(dir='other', sampler='grid')


def test_a_sampler_is_a_function_of_the_seed_and_the_number(swept: Sweep) -> None:
    whole = swept(sampler='random')
    swept(sampler='random', trials=1, dir='parts')
    parts = swept(sampler='random', dir='parts')
    other = swept(sampler='random', dir='other', seed=1)
    settings = [{row.number: row.parameters for row in found} for found in (whole, parts, other)]
    assert settings[0] == settings[1] != settings[2]
    assert len({row.parameters['learnrate'] for row in whole}) == 3


def test_a_pruner_ends_a_trial_after_a_round(swept: Sweep) -> None:
    class Pruner:
        """A pruner that ends every trial but the first after its second round."""

        def prune(self, study: Any, trial: Any) -> bool:
            return bool(trial.number > 0 and trial.last_step == 1)

    import optuna

    kind = type('Own', (Pruner, optuna.pruners.BasePruner), {})
    found = swept(rounds=4, pruner=kind())
    assert {row.number: (row.state, len(row.losses)) for row in found} == {
        0: ('finished', 4),
        1: ('pruned', 2),
        2: ('pruned', 2),
    }
    ms = ModelState.load(found[-1].directory, device='cpu')
    assert ms.position == 2 * 5 * 8 and ms.trainmodel(quiet=True).rounds == 1, 'a pruned trial stays a run'
    assert len(swept(dir='median', pruner='median')) == 3


def test_a_trial_that_fails_is_told_and_the_others_go_on(
    swept: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = swept({'layers': [1, 10**7], 'learnrate': [0.01, 3e38]}, sampler='grid', clip=0.0, trials=4)
    assert {row.number: row.state for row in found} == {0: 'finished', 1: 'diverged', 2: 'failed', 3: 'failed'}
    by_number = {row['trial']: row for row in rows_of(tmp_path / 'sweep' / 'trials.csv')}
    assert 'loss nan' in by_number['1']['error'] and 'of memory' in by_number['2']['error']
    assert not (tmp_path / 'sweep' / '0002').exists() and 'diverged' in repr(found)


def test_memory_that_is_refused_ends_the_trial_alone(swept: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> Any:
        if not refused:
            refused.append(True)
            raise MemoryError
        return begin_run(*given)

    refused: list[bool] = []
    monkeypatch.setattr(worker, 'begin_run', refuse)
    found = swept(trials=2)
    assert {row.number: (row.state, row.error[:31]) for row in found} == {
        0: ('failed', 'the trial needs more memory tha'),
        1: ('finished', ''),
    }


class Ask:
    """A stop that is requested at one of the questions for it; it stands in the place of a signal."""

    def __init__(self, at: int) -> None:
        self.at, self.asked = at, 0

    @property
    def requested(self) -> bool:
        self.asked += 1
        return self.asked > self.at


def test_a_trial_that_is_stopped_anywhere_ends_as_one_that_never_was(
    swept: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop a trial at every question of the loop for a stop, also within a validation."""
    given: dict[str, Any] = {'trials': 1, 'anneal': 0.5, 'train_len': 3, 'batchsize': 9}
    plain, at = swept(**given), 0
    bits = moment(ModelState.load(plain[0].directory, device='cpu'))
    while True:
        calls: list[Ask] = []

        def work(study: Study, trial: Any, run: Any, common: Any, stop: Stop, at: int = at, calls: Any = calls) -> Any:
            calls.append(Ask(10**9 if calls else at))
            return worker.work(study, trial, run, common, calls[-1])

        monkeypatch.setattr('charrnn.experiments.sweep.work', work)
        stopped = swept(dir=f'stopped {at}', **given)
        is_last = stopped[0].state == 'finished'
        if not is_last:
            assert stopped[0].state == 'stopped'
            stopped = swept(dir=f'stopped {at}', **given)
        ms = ModelState.load(stopped[0].directory, device='cpu')
        assert moment(ms) == bits, at
        assert (stopped[0].loss, stopped[0].losses) == (plain[0].loss, plain[0].losses), at
        if is_last:
            break
        at += 1
    assert at > 12


def test_without_optuna_or_matplotlib(
    swept: Sweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'matplotlib.figure', None)
        patch.setattr('charrnn.experiments.sweep.write_pictures', write_pictures)
        swept(trials=1, rounds=1, quiet=False)
    assert 'No pictures: a picture needs matplotlib' in capsys.readouterr().out
    assert not (tmp_path / 'sweep' / 'curves.png').exists()
    monkeypatch.setitem(sys.modules, 'optuna', None)
    with pytest.raises(SweepError, match='not installed.\n  Next: at a shell: pip install optuna'):
        swept(dir='other')


def test_optuna_is_imported_by_a_sweep_alone() -> None:
    code = 'import sys, charrnn; assert not {"optuna", "sqlalchemy"} & {*sys.modules}'
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_line_for_each_trial(swept: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    swept(quiet=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[0].startswith('trial 0 finished  valid ') and lines[0].endswith('the best so far')
    assert charrnn.sweep is sweep
