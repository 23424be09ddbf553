"""Every number among the settings at every door: refused with an explanation, or a run that trains, saves and loads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun, moment, train
from torture import TORTURE, count

from charrnn import CharRNNError, HyperParams, ModelState
from charrnn.models import device
from charrnn.shell.commands import run_command

NUMBERS = [f.name for f in fields(HyperParams) if type(f.default) in (int, float)]
VALUES: list[Any] = [
    0, -1, 1, 2, 3, 10**6, 10**12, 10**30, 10**400, 2**53 - 1, 2**63,
    0.0, -0.0, 0.5, 1.0, 2.0, 5e-324, 1e-40, 3e38, 3.4e38, 1e39, 1e308, math.inf, -math.inf, math.nan,
    Decimal('0.5'), Decimal(2), Decimal('1e39'), Decimal('1e999999'), Decimal('NaN'), Decimal('sNaN'), Decimal('-0'),
    Fraction(1, 3), Fraction(2), Fraction(10**400), Fraction(1, 10**400), True, False, None, '', '2', '1e3', 2j, [2],
    np.int8(2), np.int64(2), np.uint64(2**64 - 1), np.float16(0.5), np.float32(0.5), np.float64(2), np.float64('nan'),
    np.float16('inf'), np.longdouble('1e4000'), np.bool_(True), np.array(2), np.array([2, 3]), torch.tensor(2),
    torch.tensor(0.5), torch.tensor([2, 3]),
]  # fmt: skip
PART = 37
"""Step between the cases that ./check tries at each door: a prime, so that every value and setting has its turn."""
CASES = [(name, value) for name in NUMBERS for value in VALUES]


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no case take much memory or time on a large machine."""
    monkeypatch.setattr(device, 'memory_bytes', lambda: 2 * 10**7)


def sample(cases: list[Any], door: int) -> Iterator[Any]:
    """Yield the cases to try at a door: all of them, or in ./check a part that differs from door to door."""
    yield from cases if TORTURE else cases[door::PART]


def explained(request: Callable[[], Any]) -> tuple[Any, bool]:
    """Return the result of a request and True, or None and False if it was refused with an explanation."""
    try:
        return request(), True
    except CharRNNError as error:
        assert error.next_step and len(str(error)) < 600, error
        return None, False


def assert_usable(ms: ModelState) -> None:
    """Assert that a run trains a window or says why not, and that all it has saved is read."""
    assert HyperParams(**ms.hyper.facts()) == ms.hyper
    repr(ms), repr(ms.hyper)
    _, trained = explained(lambda: train(ms, 1, quiet=True))
    now, path = moment(ms), ms.curdir
    if trained:
        del ms
        assert moment(ModelState.load(path, device='cpu')) == now
    count(f'odd numbers that begin or go on: {"trained" if trained else "not a finite window"}')


def optimizers(name: str) -> list[dict[str, Any]]:
    return [{}] if name == 'decay' else [{'optimizer': each} for each in ('rmsprop', 'sgd', 'adamw', 'muon')]


def test_at_the_beginning_of_a_run(make_run: MakeRun) -> None:
    for number, (name, value) in enumerate(sample(CASES, 0)):
        for other in optimizers(name) if TORTURE else optimizers(name)[:1]:
            given = {'modeltype': 'LSTMAttention' if name == 'memory' else 'LSTM', **other, name: value}
            ms, begun = explained(partial(make_run, f'run{number}-{len(given)}{other.get("optimizer", "")}', **given))
            if begun:
                assert_usable(ms)
            else:
                count('odd numbers refused at the beginning of a run')


def test_in_the_course_of_a_run(make_run: MakeRun) -> None:
    ms = make_run(modeltype='LSTMAttention')
    for number, (name, value) in enumerate(sample(CASES, 5)):
        before = ms.hyper
        _, changed = explained(partial(ms.sethyperparams, **{name: value}))
        if changed:
            ms.newcheckpoint()
            assert_usable(ms)
            ms = make_run(f'run{number}', modeltype='LSTMAttention')
        else:
            assert ms.hyper == before
            count('odd numbers refused in the course of a run')


def test_in_the_shell(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (name, value) in enumerate(sample(CASES, 11)):
        place = str(tmp_path / f'shell{number}')
        tiny = [f'--{each}=8' for each in ('state-size', 'seq-len') if each != name.replace('_', '-')]
        capsys.readouterr()
        status = run_command(['init', str(source), place, f'--{name.replace("_", "-")}={value}', '--device=cpu', *tiny])
        said = capsys.readouterr().err
        if status:
            assert 'Next: ' in said and 'Traceback' not in said, said
            count('odd numbers refused in the shell')
        else:
            assert_usable(ModelState.load(place, device='cpu'))
