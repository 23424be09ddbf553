"""The doctor measures on a copy, finds what was planted, and what it advises can be typed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import MakeRun, learner_of, train

import charrnn
from charrnn import ModelState, NonFiniteLossError, TornWindowError
from charrnn.session import doctor
from charrnn.training import ratetest
from charrnn.training.ratetest import rate_test


@dataclass
class Fake:
    """A learner whose loss is a function of the rate alone."""

    loss: Any
    rates: list[float] = field(default_factory=list)
    hyper: Any = field(default_factory=lambda: SimpleNamespace(optimizer='adamw'))

    def train_window(self, own_rate: Any) -> Any:
        self.rates.append(own_rate(None))
        return SimpleNamespace(loss_nats=self.loss(self.rates[-1]))


def test_the_range_test_ends_where_the_loss_rises() -> None:
    fake: Any = Fake(lambda rate: 3.0 if rate < 0.01 else 9.0)
    found = rate_test(fake, 1000)
    assert 0.01 <= found.limit < 0.02 and found.usual == (found.limit / 100, found.limit / 3)
    assert fake.rates[-1] < 0.05, 'it does not go on to where nothing is learned'
    assert list(found.rates) == sorted(found.rates) and len(found.rates) == len(found.losses)
    falling: Any = Fake(lambda rate: 3.0 - rate)
    assert math.isinf(rate_test(falling, 1000).limit)

    def burst(rate: float) -> float:
        if rate > 0.1:
            raise NonFiniteLossError('not finite.', 'less')
        return 3.0

    exploding: Any = Fake(burst)
    assert 0.1 < rate_test(exploding, 1000).limit < 0.2


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for a moment only."""
    monkeypatch.setattr(doctor, 'SPEED_SECONDS', 0.0)
    monkeypatch.setattr(doctor, 'RATE_SECONDS', 0.2)
    monkeypatch.setattr(ratetest, 'MOST_WINDOWS', 40)


def findings(ms: ModelState) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in ms.doctor()}


@pytest.mark.parametrize(('given', 'name', 'remark', 'step'), [
    ({'learnrate': 900, 'optimizer': 'sgd', 'clip': 0}, 'learnrate', 'high', 'ms.sethyperparams(learnrate='),
    ({'learnrate': 1e-9, 'optimizer': 'sgd'}, 'learnrate', 'low', 'ms.sethyperparams(learnrate='),
    ({}, 'weights', 'has a recipe', "recipe='small'"),
    ({'optimizer': 'adamw'}, 'weights', 'by heart', 'ms.sethyperparams(dropout=0.3)'),
    ({}, 'lanes', 'few updates', 'ms.trainmodel(batchsize='),
    ({'trainfrac': 1.0}, 'validation', 'by heart', 'trainfrac=0.9'),
])  # fmt: skip
def test_it_finds_what_was_planted_and_its_advice_can_be_typed(
    make_run: MakeRun, given: dict[str, Any], name: str, remark: str, step: str
) -> None:
    ms = make_run(**given)
    diagnosis = ms.doctor()
    found = next(finding for finding in diagnosis if finding.name == name)
    assert remark in found.remark and step in found.next_step
    assert found.next_step in str(diagnosis)
    names = {each: getattr(charrnn, each) for each in charrnn.__all__} | {'ms': ms}
    exec(found.next_step, names)


def test_a_good_setting_is_left_alone(make_run: MakeRun) -> None:
    ms = make_run(text='the cat sat on a mat. ' * 700, optimizer='adamw', learnrate=0.005, dropout=0.1)
    train(ms, 30, batchsize=16)
    assert not findings(ms)['learnrate'].remark and not findings(ms)['weights'].remark.startswith('it can')


def test_it_looks_while_another_thread_trains(make_run: MakeRun) -> None:
    ms = make_run()
    handle = ms.trainmodel(10_000, 3, background=True, train_len=5, valid_len=1, print_every=0)
    assert findings(ms)['speed'].found
    assert handle.running
    handle.stop()


def test_half_updated_weights_are_not_measured(make_run: MakeRun) -> None:
    ms = make_run()
    learner_of(ms).torn = True
    with pytest.raises(TornWindowError):
        ms.doctor()


def test_of_a_directory_the_first_file_begins_again(tmp_path: Path) -> None:
    (tmp_path / 'parts').mkdir()
    (tmp_path / 'parts' / 'train.txt').write_text('the cat sat on a mat. ' * 40)
    tiny: dict[str, Any] = {'layers': 1, 'state_size': 4, 'seq_len': 8, 'device': 'cpu'}
    ms = ModelState.initfromsrcfile(tmp_path / 'parts', tmp_path / 'run', **tiny)
    found = findings(ms)['validation']
    assert found.begins and 'trainfrac=0.9' in found.next_step
    names: dict[str, Any] = {'ModelState': ModelState}
    exec(found.next_step, names)
    assert len(names['ms'].data.valid) == 88
