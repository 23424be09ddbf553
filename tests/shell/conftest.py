"""A folder with a run, for the tests of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRun


@pytest.fixture
def folder(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a run 'ws' and its text 'ws.txt', as the present directory."""
    make_run('ws', text='the cat sat on é mat.\nand the é ran\n' * 40)
    (tmp_path / 'space.json').write_text('{"learnrate": [0.01]}')
    (tmp_path / 'bad.txt').write_bytes(b'a bad byte: ' * 100 + b'\xff')
    monkeypatch.chdir(tmp_path)
    return tmp_path
