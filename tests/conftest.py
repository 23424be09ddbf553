"""Tiny runs for every test: a text of some hundred characters, a model of a few units, on the CPU."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault('MPLBACKEND', 'agg')
os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch comes: at these sizes a second thread only waits

import torch
from torture import COUNTS

from charrnn import ModelState
from charrnn.models.cells import CELLS, LayerFunction, LayerWeights
from charrnn.models.engines import native

NATIVE_SETS = native.instruction_sets()
ENGINES = ['torch', *(['native'] if NATIVE_SETS else [])]
"""Those that the laws are tried with on this machine; tests/gpu tries cudnn."""


def recurrence(layer: LayerFunction, cell: str) -> Callable[..., tuple[torch.Tensor, ...]]:
    """Return an engine's layer as a function of named arrays, which gives the outputs and the last states."""

    def function(x: Any, h0: Any, w_in: Any, b_in: Any, w_h: Any, b_h: Any, c0: Any = None) -> tuple[torch.Tensor, ...]:
        states = [h0] if c0 is None else [h0, c0]
        outputs, last = layer(CELLS[cell], x, states, LayerWeights(w_in, b_in, w_h, b_h))
        return outputs, *last

    return function


MakeRun = Callable[..., ModelState]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The session that opens help() is run for real by test_public.py; as a doctest it would need its output."""
    items[:] = [
        item for item in items if item.name not in ('charrnn', 'charrnn.ModelState', 'charrnn.modelstate.ModelState')
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, number in COUNTS.items():
        terminalreporter.write_line(f'{number:>9,} {what}')


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours, no terminal, no device but the CPU: what is printed is the same everywhere."""
    for name in ('FORCE_COLOR', 'TTY_COMPATIBLE', 'PYTHONINSPECT'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('NO_COLOR', '1')
    monkeypatch.setenv('COLUMNS', '80')


def words(size: int, seed: int = 0) -> str:
    """A text that is neither random nor trivial: words drawn from a few, in lines."""
    draws = random.Random(seed)
    text = ''
    while len(text) < size:
        text += draws.choice(['the ', 'cat ', 'sat ', 'on ', 'a mat, ', 'and ', 'ran.\n'])
    return text[:size]


@pytest.fixture
def text() -> str:
    return words(700)


@pytest.fixture
def source(tmp_path: Path, text: str) -> Path:
    path = tmp_path / 'source.txt'
    path.write_bytes(text.encode())
    return path


@pytest.fixture
def make_run(tmp_path: Path, source: Path) -> MakeRun:
    """Begin a tiny run in a new directory: make_run(name='run', text=None, **arguments of initfromsrcfile)."""

    def make(name: str = 'run', *, text: str | None = None, **given: Any) -> ModelState:
        path = source
        if text is not None:
            path = tmp_path / f'{name}.txt'
            path.write_bytes(text.encode())
        tiny = {'layers': 2, 'state_size': 6, 'seq_len': 8, 'learnrate': 0.01, 'device': 'cpu'}
        return ModelState.initfromsrcfile(path, tmp_path / name, **{**tiny, **given})

    return make


def train(ms: ModelState, windows: int, **given: Any) -> None:
    """So many windows of 3 lanes, and little else."""
    ms.trainmodel(train_len=windows, **{'batchsize': 3, 'valid_len': 1, 'print_every': 0, **given})


def moment(ms: ModelState) -> dict[str, Any]:
    """Everything that training reads, as bytes and plain numbers: two equal moments are the same to the bit."""
    now = ms._run.learner.moment()
    tensors = {name: t.detach().contiguous().view(-1).numpy().tobytes() for name, t in now.tensors().items()}
    facts = {name: value for name, value in now.facts().items() if name not in ('seconds', 'round')}
    return {**tensors, **facts}


@pytest.fixture(autouse=True)
def untouched_torch_rng() -> Any:
    """Nothing in this library may draw from torch's global stream: every test checks it."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state()), 'torch’s global random stream was used'
