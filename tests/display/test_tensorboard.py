"""TensorBoard is given each number of the history, and what a restore supersedes is purged."""

from __future__ import annotations

import math
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import MakeRun, train

from charrnn import AttachedError, ModelState, tensorboard

needed = pytest.mark.skipif(find_spec('tensorboard') is None, reason='tensorboard is not installed')


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """Return step and value of each point of a curve, as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in found.Scalars(name)]


@needed
def test_the_curves_are_the_history(make_run: MakeRun, tmp_path: Path) -> None:
    ms, logs = make_run(), tmp_path / 'logs'
    ms.attach(onreport=tensorboard(logs))
    train(ms, 6, print_every=2)
    drawn = {name: scalars(logs, name) for name in ('loss/train', 'loss/valid', 'training/learnrate')}
    rows = list(ms.history)[1:]
    for name, column in (('loss/train', 'train_nats'), ('loss/valid', 'valid_nats')):
        due = [(row['position'], row[column]) for row in rows if row.get(column) is not None]
        assert [step for step, _ in drawn[name]] == [step for step, _ in due]
        assert all(math.isclose(a, b, rel_tol=1e-6) for (_, a), (_, b) in zip(drawn[name], due, strict=True))
    assert len(drawn['training/learnrate']) == len(rows)


@needed
def test_after_a_restore_and_in_another_process_the_curve_goes_on(make_run: MakeRun, tmp_path: Path) -> None:
    ms, logs = make_run(), tmp_path / 'logs'
    ms.attach(onreport=tensorboard(logs))
    for _ in range(3):
        train(ms, 2)
    ms.rewind(2)
    train(ms, 1)
    assert [step for step, _ in scalars(logs, 'loss/train')] == [16, 24]
    with pytest.warns(UserWarning, match='onreport attached'):
        again = ModelState.load(ms.curdir, device='cpu')
    assert again.reattach()
    train(again, 2)
    assert [step for step, _ in scalars(logs, 'loss/train')] == [16, 24, 40]


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)
    with pytest.raises(AttachedError, match='not installed') as caught:
        tensorboard('logs')
    assert 'pip install tensorboard' in caught.value.next_step
