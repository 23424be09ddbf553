"""Every example runs, with a tiny budget."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import words

EXAMPLES = Path(__file__).parents[1] / 'examples'
STORIES = {
    'first_session.py': ['text.txt', '--quick'],
    'word_model.py': ['--data', 'text.txt', '--quick', '--epochs', '1'],
    'attention_poet.py': ['text.txt', '--quick', '--max-iters', '20'],
    'tuning_study.py': ['text.txt', '--quick', '--updates', '4'],
    'char_or_word.py': ['text.txt', '--quick', '--epochs', '0.1'],
}


def run(name: str, folder: Path, *arguments: str) -> str:
    here = {**os.environ, 'CHARRNN_DEMO_SECONDS': '2', 'MPLBACKEND': 'agg'}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder, env=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob('*.py')} == STORIES.keys() | {'demo.py', 'builtin_text.py'}


def test_the_demo(tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(20_000))
    for again in (False, True):
        shown = run('demo.py', tmp_path, 'text.txt')
        assert 'unigram' in shown
        assert ('Continuing' in shown) == again


@pytest.mark.parametrize('name', STORIES)
def test_a_story(name: str, tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(6_000))
    shown = run(name, tmp_path, *STORIES[name], '--plot', 'curves.png')
    assert 'unigram' in shown and 'below' in shown, 'it ends beside the ladder'
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')
    if name == 'tuning_study.py':
        lines = (tmp_path / 'experiment_logs.csv').read_text().splitlines()
        assert len(lines) == 7 and lines[0].startswith('layers,state_size,learnrate')
        assert '== what it comes to' in shown
    if name == 'attention_poet.py':
        assert 'checkcausal: True' in shown and 'it is a lie' in shown
    assert 'usage: ' in run(name, tmp_path, '--help')


def test_a_text_that_every_python_has(tmp_path: Path) -> None:
    shown = run('word_model.py', tmp_path, '--quick', '--epochs', '1', '--nhid', '8')
    assert 'nats a word' in shown
