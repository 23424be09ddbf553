"""A source that changed after its run began is told once at load; everything else about it is silent."""

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from conftest import words
from foreign import seal_again

from charrnn import ModelState
from charrnn.session.beginnings import changed_source
from charrnn.session.trust import open_dataset
from charrnn.storage.workspace import Workspace
from charrnn.text import fingerprints
from charrnn.text.fingerprints import Fingerprint

SETTINGS: dict[str, Any] = {'layers': 1, 'state_size': 6, 'seq_len': 8}


def told(curdir: Path | str) -> list[str]:
    """Return the warnings of a load."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        ModelState.load(curdir, device='cpu')
    return [str(each.message) for each in found]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the text of a run 'run', in the present directory."""
    monkeypatch.chdir(tmp_path)
    path = Path('names.txt')
    path.write_text(words(700))
    ModelState.initfromsrcfile('names.txt', 'run', 'LSTM', level='word', lower=True, **SETTINGS)
    return path


def test_a_text_that_grew_is_told_in_one_line_whose_advice_works(names: Path) -> None:
    assert told('run') == []
    with names.open('a') as file:
        file.write('and more names')
    (line,) = told('run')
    what, _, step = line.partition('  Next: ')
    assert '\n' not in line and what == (
        "'names.txt' has changed since this run began (700 bytes then, 714 now). "
        'The run goes on with its own copy of the text.'
    )
    call = step.removesuffix(' begins a run on the new one')
    assert call == (
        "ModelState.initfromsrcfile('names.txt', 'run-2', level='word', lower=True, modeltype='LSTM', "
        'layers=1, state_size=6, seq_len=8)'
    )
    ms = eval(call)
    assert ms.data.text('train').endswith(b'ran.') or len(ms.data.indices) > 0
    assert told('run-2') == [] and len(told('run')) == 1
    Path('elsewhere').mkdir()
    os.chdir('elsewhere')
    assert str(names.name) in told('../run')[0] and f"'{Path.cwd().parent}/names.txt'" in told('../run')[0]


def test_what_is_no_change_of_the_text_is_silent(names: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(names, (1, 1))
    assert told('run') == [], 'the same bytes at another time'
    names.write_text(words(700).swapcase())
    assert '(700 bytes as then, but other ones)' in told('run')[0]
    monkeypatch.setattr(fingerprints, 'MOST_HASHED', 699)
    assert '(written again, with the same 700 bytes)' in told('run')[0]
    names.unlink()
    assert told('run') == []
    names.mkdir()
    assert told('run') == []


def test_a_directory_is_begun_again_as_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('parts').mkdir()
    for split in ('train', 'valid'):
        Path(f'parts/{split}.txt').write_text(words(300))
    ModelState.initfromsrcfile('parts', 'run', **SETTINGS)
    Path('parts/valid.txt').write_text('a new end')
    (line,) = told('run')
    assert "'parts/valid.txt' has changed" in line and "ModelState.initfromsrcfile('parts', 'run-2', layers" in line


def test_a_path_that_does_not_answer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def never(path: Path) -> tuple[int, int]:
        asked.append(path)
        time.sleep(1)
        return 9, 9

    monkeypatch.setattr(fingerprints, '_measure', never)
    monkeypatch.setattr(fingerprints, 'PATIENCE', 0.01)
    for path in ('//server/share/text', r'\\server\share\text', '/net/server/text', '/afs/cell/text', 'a\0b'):
        assert Fingerprint(path, 1, 1, '').change() == ''
    assert not asked
    assert Fingerprint('/disk/text', 1, 1, '').change() == '' and asked == [Path('/disk/text')]


@pytest.mark.parametrize(
    'files', [None, 3, 'x', [3], [{}], [{'path': 'x'}], [{'path': 3, 'bytes': 1, 'modified': 1, 'sha256': ''}],
              [{'path': 'x', 'bytes': 2**60, 'modified': 1, 'sha256': ''}], [{'path': 'x', 'bytes': True}]]
)  # fmt: skip
def test_old_and_odd_runs_load(names: Path, files: object) -> None:
    path = Path('run/dataset/dataset.json')
    facts = json.loads(path.read_text())
    assert [file['bytes'] for file in facts['files']] == [700]
    if files is None:
        del facts['files']
    else:
        facts['files'] = files
    path.write_text(json.dumps(facts))
    seal_again(path.parent)
    names.write_text('changed')
    assert Fingerprint.from_facts(files) == []
    data = open_dataset(Workspace(Path('run')))
    assert changed_source(data, 'run', {}) == '' and data.files == ()
