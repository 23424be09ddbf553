"""The command fsck names every damage, changes nothing, and works while a process trains."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from conftest import files_below, train
from processes import child, is_killed
from torture import TORTURE, count

from charrnn import ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell.commands import run_command


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])


def test_a_good_run(curdir: Path) -> None:
    before = files_below(curdir)
    inspection = fsck(curdir)
    text, state = str(inspection), inspection.status
    assert state == 0
    assert re.findall(r'^  good  (.*?)(?:   *(.*))?$', text, re.M) == [
        ('dataset', ''),
        ('checkpoint 1', ''),
        ('checkpoint 2', 'best'),
        ('checkpoint 3', ''),
        ('history', '5 rows'),
        ('ladder', ''),
        ('writer.json', ''),
    ]
    assert text.endswith(
        f'Every byte that has a checksum is as it was written.  Next: ModelState.load({str(curdir)!r})'
    )
    assert files_below(curdir) == before


@pytest.mark.parametrize(
    ('name', 'state', 'said'),
    [
        ('checkpoints/000003/facts.json', 1, 'takes checkpoint 2, the newest good one.\n  For a damaged checkpoint:'),
        ('checkpoints/000001/tensors.safetensors', 1, 'takes checkpoint 3, the newest good one'),
        ('history.jsonl', 1, 'For the history: there is nothing to do'),
        ('ladder/ladder.json', 1, 'For the ladder: delete its folder'),
        ('dataset/indices.bin', 2, 'Nothing here can be loaded.  Next: a copy of the whole directory'),
    ],
)
def test_damage_is_named_with_the_next_step(curdir: Path, name: str, state: int, said: str) -> None:
    flip(curdir / name)
    inspection = fsck(curdir)
    text, found = str(inspection), inspection.status
    assert found == state and said in text
    (damaged,) = re.findall(r'^  DAMAGED  .*$', text, re.M)
    assert Path(name).name in damaged or 'line' in damaged
    if state == 1:
        with pytest.warns(UserWarning):
            ModelState.load(curdir, device='cpu')


def test_a_run_without_checkpoints_and_a_missing_directory_cannot_be_loaded(curdir: Path, tmp_path: Path) -> None:
    for path in curdir.glob('checkpoints/*/manifest.json'):
        path.unlink()
    (curdir / 'history.jsonl').unlink()
    assert fsck(curdir).status == 2
    assert run_command(['fsck', str(tmp_path / 'nothing')]) == 2


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_no_false_alarm_while_another_process_saves(curdir: Path) -> None:
    def write(pipe: int) -> None:
        train(ModelState.load(curdir, device='cpu'), 10_000, save_minutes=0, print_every=1)

    looked = 0  # each fsck verifies every byte twice
    with child(write) as (process, _):
        try:
            end = time.monotonic() + (20 if TORTURE else 2)
            while time.monotonic() < end:
                inspection = fsck(curdir)
                text, state = str(inspection), inspection.status
                assert state == 0, text
                assert 'epoch' in status(curdir)
                loaded = ModelState.load(curdir, device='cpu')  # a warning would be an error
                looked += 1
            assert loaded.position > 48
        finally:
            os.kill(process, signal.SIGKILL)
            is_killed(process)
    for _ in range(looked):
        count('looks at a run that was being written')
    assert looked > 3
