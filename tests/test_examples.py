"""Every example runs, with a tiny budget."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import words

EXAMPLES = Path(__file__).parents[1] / 'examples'
ARGUMENTS = {'demo.py': ['text.txt']}


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob('*.py')} == ARGUMENTS.keys()


@pytest.mark.parametrize('name', ARGUMENTS)
def test_an_example(name: str, tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(20_000))
    environment = {**os.environ, 'CHARRNN_DEMO_SECONDS': '2'}
    for again in (False, True):
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), *ARGUMENTS[name]],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert 'unigram' in done.stdout
        assert ('Continuing' in done.stdout) == again
