"""Every benchmark runs, with tiny sizes."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from conftest import words

BENCHMARKS = Path(__file__).parents[1] / 'benchmarks'
SHARED = {'machine', 'plain', 'peers'}
TABLES = {
    'attention': ['causal: True', 'LSTMAttention', 'protocol'],
    'busy': ['| 1 | one thread | '],
    'compress': ['| ms.compress |', '| xz |', 'weights: '],
    'copies': ['| charrnn, copied | 0 | 2,000 | ', '| set of grams, look-up | '],
    'background': ['| 2x100, 2x8 |'],
    'defaults': ['ladder', 's of training'],
    'encoding': ['| charrnn, chars | 0 |', '| charrnn, words | 0 |', 'charrnn / plain: '],
    'long_text': ['| 0 MB | init | ', '| 0 MB | validation | '],
    'output_layer': ['| 10 | '],
    'overhead': ['| 2x100, 1x8 | pipe |', '| 2x100, 1x8 | terminal |', 'Not in the table'],
    'page': ['| 2x8 | ours, C |', '\nnode: '],
    'ranks': ['| 4x100, 2x8 | 1 | 0 |', '| 4x100, 2x8 | 2 | 0 |'],
    'scratch': ['| 1 | lists of lists, forward alone |', '| 16 | by hand, NumPy |'],
    'speed': ['| 2x10, 2x8 | ours, torch LSTM |', '| 2x8 | ours, NumPy | 1 |', '| torch | '],
    'speedrun': ['settings: layers=1', '| epoch | train |', '1.88 was not reached'],
    'steering': ['| 2x8 | plain |', '| 2x8 | topk=10 |', 'read: '],
    'tricks': ['| muon 0.007 | half a cosine | dropout=0.1, locked=True | '],
    'words': ['epoch 1: validation perplexity', 'peak memory, MiB: plain '],
}
"""Parts of what each prints."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / 'text.txt'
    path.write_text(words(30_000), encoding='utf-8')
    return path


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a benchmark as a script's folder would be imported from."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


def test_every_benchmark_is_run_here() -> None:
    assert {path.stem for path in BENCHMARKS.glob('*.py')} == TABLES.keys() | SHARED | {'gpu'}


@pytest.mark.parametrize('name', TABLES)
def test_a_benchmark(
    name: str, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmark = load(name, monkeypatch)
    with torch.random.fork_rng(devices=[]):  # a plain loop may draw from torch's global stream
        benchmark.main(['--quick'] if name == 'output_layer' else [str(source), '--quick'])
    shown = capsys.readouterr().out
    assert re.search(r'^machine: .+, torch \S+, \d+ threads, commit ', shown, re.MULTILINE)
    for part in TABLES[name]:
        assert part in shown


def test_the_help_is_the_docstring(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [*TABLES, 'gpu']:
        benchmark = load(name, monkeypatch)
        with pytest.raises(SystemExit):
            benchmark.main(['--help'])
        assert f'python benchmarks/{name}.py' in capsys.readouterr().out


def test_peers_that_are_not_installed_are_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speed = load('speed', monkeypatch)
    monkeypatch.delitem(sys.modules, 'peers', raising=False)
    monkeypatch.setitem(sys.modules, 'jax', None)
    with pytest.raises(SystemExit, match=r"--peers needs jax. Next: pip install '.\[peers\]'"):
        speed.main([str(source), '--quick', '--peers'])


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_the_benchmark_of_gpus_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = load('gpu', monkeypatch)
    with pytest.raises(SystemExit, match='needs a CUDA GPU, and torch .* finds none'):
        gpu.main(['nowhere.txt', '--quick'])


def test_the_table_of_gpus(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = load('gpu', monkeypatch)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    (row,) = gpu.rows(source, 'GRUEncode', [(2, 10, 8, 1)], windows=2, blocks=1, device=device)
    assert row.startswith('| 2x10, 1x8 | pipe | ')


@pytest.mark.parametrize(('average', 'mark'), [(0.1, ''), (1.96, ', BUSY: load average 2.0 before the run')])
def test_a_busy_machine_is_marked(monkeypatch: pytest.MonkeyPatch, average: float, mark: str) -> None:
    monkeypatch.setattr('os.getloadavg', lambda: (average, 0.0, 0.0))
    assert load('machine', monkeypatch).busy() == mark
