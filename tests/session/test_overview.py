"""The command status shows a run on one screen, and changes nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from conftest import files_below, train

from charrnn import ModelState, WorkspaceError
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell.commands import run_command


def test_status_is_one_screen(curdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_below(curdir)
    assert run_command(['status', str(curdir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and lines[0] == f'{curdir}   GRUEncode 2x6'
    assert lines[1].startswith('  text     630 train + 70 valid characters of ')
    assert lines[2] == '  writer   no process is writing it'
    assert re.match(r'  newest   round \d s ago: epoch 0\.15, round 2, train \d\.\d{3} nats/char, ', lines[3])
    assert '  2      1   0.08' in lines[-3] and lines[-3].endswith('  best')
    assert files_below(curdir) == before
    assert run_command(['fsck', str(curdir)]) == 0


def test_status_and_fsck_work_while_a_run_is_written(curdir: Path) -> None:
    ms = ModelState.load(curdir, device='cpu')
    train(ms, 1)
    assert f'process {os.getpid()} on ' in status(curdir) and ') is writing it now' in status(curdir)
    assert fsck(curdir).status == 0
    train(ms, 1)


def test_an_incomplete_run_is_shown_as_far_as_it_goes(curdir: Path, tmp_path: Path) -> None:
    for path in curdir.glob('checkpoints/*/manifest.json'):
        path.unlink()
    (curdir / 'history.jsonl').unlink()
    assert 'no readable checkpoint' in status(curdir) and 'no checkpoints yet' in status(curdir)
    with pytest.raises(WorkspaceError, match='there is no directory'):
        status(tmp_path / 'nothing')
