"""fsck and status: they say what is there, change nothing, and work while a process trains."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from conftest import MakeRun, train
from processes import child, is_killed
from torture import TORTURE, count

from charrnn import ModelState, WorkspaceError
from charrnn.__main__ import run_command
from charrnn.session.fsck import fsck
from charrnn.session.overview import status


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    ms = make_run()
    train(ms, 2, valid_len=0, print_every=1)
    train(ms, 2)
    ms.evaluate()
    return ms.curdir


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])


def files(root: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in root.rglob('*') if p.is_file()}


def test_a_good_run(run: Path) -> None:
    before = files(run)
    inspection = fsck(run)
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
    assert text.endswith(f'Every byte that has a checksum is as it was written.  Next: ModelState.load({str(run)!r})')
    assert files(run) == before


@pytest.mark.parametrize(
    ('name', 'state', 'said'),
    [
        ('checkpoints/000003/facts.json', 1, 'takes checkpoint 2, the newest good one.\n  For a damaged checkpoint:'),
        ('checkpoints/000001/tensors.safetensors', 1, 'takes checkpoint 3, the newest good one'),
        ('history.jsonl', 1, 'For the history: there is nothing to do'),
        ('ladder/ladder.json', 1, 'For the ladder: delete its folder'),
        ('dataset/indices.bin', 2, 'nothing here that can be loaded.  Next: a copy of the whole directory'),
    ],
)
def test_damage_is_named_and_so_is_what_to_do(run: Path, name: str, state: int, said: str) -> None:
    flip(run / name)
    inspection = fsck(run)
    text, found = str(inspection), inspection.status
    assert found == state and said in text
    (damaged,) = re.findall(r'^  DAMAGED  .*$', text, re.M)
    assert Path(name).name in damaged or 'line' in damaged
    if state == 1:
        with pytest.warns(UserWarning):
            ModelState.load(run, device='cpu')


def test_status_is_one_screen(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(run)
    assert run_command(['status', str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and lines[0] == f'{run}   GRUEncode 2x6'
    assert lines[1].startswith('  text     630 train + 70 valid characters of ')
    assert lines[2] == '  writer   no process is writing it'
    assert re.match(r'  newest   round \d s ago: epoch 0\.15, round 2, train \d\.\d{3} nats/char, ', lines[3])
    assert '  2      1   0.08' in lines[-3] and lines[-3].endswith('  best')
    assert files(run) == before
    assert run_command(['fsck', str(run)]) == 0


def test_both_work_while_a_run_is_written(run: Path) -> None:
    ms = ModelState.load(run, device='cpu')
    train(ms, 1)
    assert f'process {os.getpid()} on ' in status(run) and ') is writing it now' in status(run)
    assert fsck(run).status == 0
    train(ms, 1)


def test_half_a_run_is_shown_as_far_as_it_goes(run: Path, tmp_path: Path, make_run: MakeRun) -> None:
    for path in run.glob('checkpoints/*/manifest.json'):
        path.unlink()
    (run / 'history.jsonl').unlink()
    assert 'no readable checkpoint' in status(run) and 'no checkpoints yet' in status(run)
    assert fsck(run).status == 2
    with pytest.raises(WorkspaceError, match='there is no directory'):
        status(tmp_path / 'nothing')
    assert run_command(['fsck', str(tmp_path / 'nothing')]) == 2


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_no_false_alarm_while_another_process_saves_all_the_time(run: Path) -> None:
    def write(pipe: int) -> None:
        train(ModelState.load(run, device='cpu'), 10_000, save_minutes=0, print_every=1)

    looked = 0  # each look verifies every byte twice
    with child(write) as (process, _):
        try:
            end = time.monotonic() + (20 if TORTURE else 2)
            while time.monotonic() < end:
                inspection = fsck(run)
                text, state = str(inspection), inspection.status
                assert state == 0, text
                assert 'epoch' in status(run)
                loaded = ModelState.load(run, device='cpu')  # a warning would be an error
                looked += 1
            assert loaded.position > 48
        finally:
            os.kill(process, signal.SIGKILL)
            is_killed(process)
    for _ in range(looked):
        count('looks at a run that was being written')
    assert looked > 3
