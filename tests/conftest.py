"""Tiny runs for every test: a text of some hundred characters, a model of a few units, on the CPU."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault('MPLBACKEND', 'agg')
os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch comes: at these sizes a second thread only waits

import torch
from torture import COUNTS, count

from charrnn import ModelState
from charrnn.models import MODELTYPES
from charrnn.models.cells import CELLS, LayerFunction, LayerWeights
from charrnn.models.engines import native
from charrnn.session.run import run_of
from charrnn.training.learner import Learner

NATIVE_SETS = native.instruction_sets()
ENGINES = ['torch', *(['native'] if NATIVE_SETS else [])]
"""The engines that the laws are tried with on this machine; tests/gpu tries cudnn."""


def recurrence(layer: LayerFunction, cell: str) -> Callable[..., tuple[torch.Tensor, ...]]:
    """Return an engine's layer as a function of named arrays, which gives the outputs and the last states."""

    def function(x: Any, h0: Any, w_in: Any, b_in: Any, w_h: Any, b_h: Any, c0: Any = None) -> tuple[torch.Tensor, ...]:
        states = [h0] if c0 is None else [h0, c0]
        outputs, last = layer(CELLS[cell], x, states, LayerWeights(w_in, b_in, w_h, b_h))
        return outputs, *last

    return function


MakeRun = Callable[..., ModelState]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop the doctest of the session that opens help(): test_public.py runs it; a doctest would need its output."""
    items[:] = [
        item for item in items if item.name not in ('charrnn', 'charrnn.ModelState', 'charrnn.modelstate.ModelState')
    ]


class CountsOfWorkers:
    """The hooks of pytest-xdist that bring each worker's counts to the process that prints them."""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, 'workeroutput'):
            session.config.workeroutput['counts'] = COUNTS

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for what, number in getattr(node, 'workeroutput', {}).get('counts', {}).items():
            count(what, number)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(CountsOfWorkers())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, number in COUNTS.items():
        terminalreporter.write_line(f'{number:>9,} {what}')


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove colours and terminals from the environment, so that output is the same everywhere."""
    for name in ('FORCE_COLOR', 'TTY_COMPATIBLE', 'PYTHONINSPECT'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('NO_COLOR', '1')
    monkeypatch.setenv('COLUMNS', '80')


def words(size: int, seed: int = 0) -> str:
    """Return `size` characters of words drawn from a small set, in lines."""
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


@pytest.fixture
def run(make_run: MakeRun) -> ModelState:
    """Return a run after three rounds of six windows, each with two reports and a whole validation."""
    ms = make_run()
    for _ in range(3):
        train(ms, 6, print_every=3, valid_len=0)
    return ms


def train(ms: ModelState, windows: int, **given: Any) -> None:
    """Train a number of windows of 3 lanes, with one window of validation and no report."""
    ms.trainmodel(train_len=windows, **{'batchsize': 3, 'valid_len': 1, 'print_every': 0, **given})


def learner_of(ms: ModelState) -> Learner:
    """Return the learner of a ModelState: its model, its optimizer, its lanes."""
    return run_of(ms).learner


def files_below(root: Path) -> dict[Path, bytes]:
    """Return the content of every file below a folder."""
    return {path: path.read_bytes() for path in root.rglob('*') if path.is_file()}


def moment(ms: ModelState) -> dict[str, Any]:
    """Return everything that training reads, as bytes and plain numbers: equal moments are the same to the bit."""
    now = learner_of(ms).moment()
    tensors = {name: t.detach().contiguous().view(-1).numpy().tobytes() for name, t in now.tensors().items()}
    facts = {name: value for name, value in now.facts().items() if name not in ('seconds', 'round')}
    return {**tensors, **facts}


@pytest.fixture(autouse=True)
def own_model_types() -> Iterator[None]:
    """Forget the model types that a test registers."""
    before = dict(MODELTYPES)
    yield
    MODELTYPES.clear()
    MODELTYPES.update(before)


@pytest.fixture(autouse=True)
def untouched_torch_rng() -> Any:
    """Check in every test that the library draws nothing from torch's global random stream."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state()), 'torch’s global random stream was used'
