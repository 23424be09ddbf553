"""The commands compress and decompress give back a file, and write over none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from conftest import MakeRun

from charrnn import ModelState
from charrnn.shell.commands import run_command


@pytest.fixture
def folder(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_run('ws')
    monkeypatch.chdir(tmp_path)
    Path('t.txt').write_bytes('the cat sat,\r\nиж\xff'.encode() + b'\xff')
    return tmp_path


def test_a_file_comes_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = Path('t.txt').read_bytes()
    assert run_command(['compress', 'ws', 't.txt']) == 0
    data = Path('t.txt.crnn').read_bytes()
    assert capsys.readouterr().out == f't.txt.crnn: {len(data):,} bytes, of {len(whole)}\n'
    assert ModelState.load('ws').decompress(Path('t.txt.crnn')).bytes == whole
    assert run_command(['decompress', 'ws', 't.txt.crnn', '--output', 'back.txt']) == 0
    assert Path('back.txt').read_bytes() == whole
    Path('t.txt').unlink()
    assert run_command(['decompress', 'ws', 't.txt.crnn']) == 0
    assert Path('t.txt').read_bytes() == whole


@pytest.mark.parametrize(
    ('line', 'status', 'what', 'following'),
    [
        ('compress ws', 2, 'the following arguments are required: FILE', 'python -m charrnn compress ws FILE'),
        ('decompress ws', 2, 'the following arguments are required: FILE', 'python -m charrnn decompress ws FILE'),
        ('compress ws none.txt', 1, "cannot read 'none.txt'", 'check the path'),
        ('compress ws t.txt --output source.txt', 1, "'source.txt' is there", '--output source-2.txt'),
        ('compress ws t.txt --output no/t', 1, "cannot write 'no/", 'check'),
        ('decompress ws t.txt', 1, "is no text that ms.compress made", 'the data that compress has made'),
        ('compress ws t.txt --out x', 2, 'compress has no option --out', '--output x'),
        ('train ws --verify 1', 2, 'train has no option --verify', 'python -m charrnn compress ws FILE --verify'),
    ],
)  # fmt: skip
def test_errors_are_in_the_words_of_a_shell(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, status: int, what: str, following: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    assert run_command(shlex.split(line)) == status
    told = capsys.readouterr().err
    assert what in told and following in told.partition('Next: ')[2], told
    assert {path.name for path in folder.iterdir()} == before
