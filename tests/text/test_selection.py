"""Several files, packed ones and the standard input are read as one text; errors and copies name the file."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import words

from charrnn import HyperParamsError, ModelState, SourceTextError, SweepError, WorkspaceError, sweep
from charrnn.session.run import run_of
from charrnn.text import folders
from charrnn.text.dataset import read_dataset
from charrnn.text.selection import selected
from charrnn.text.sources import LEVELS

A, B, D = (words(900)[part].strip() for part in (slice(500), slice(500, 700), slice(700, 900)))
PARTS = {'a.txt': f'{A}\n', 'b.txt': f'ж{B}', 'c.txt': '', 'd.txt': D}
WHOLE = f'{A}\nж{B}\n{D}'
TINY: dict[str, Any] = {'layers': 1, 'state_size': 4, 'seq_len': 8, 'device': 'cpu'}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files of a text in texts/, and the same text in one file, as the present directory."""
    monkeypatch.chdir(tmp_path)
    Path('texts').mkdir()
    for name, text in PARTS.items():
        Path('texts', name).write_bytes(text.encode())
    Path('texts', 'notes.md').write_text('not read')
    Path('whole.txt').write_bytes(WHOLE.encode())
    return tmp_path


def packed(path: Path) -> Path:
    target = Path(f'{path}.gz')
    target.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return target


LIST = [f'texts/{name}' for name in PARTS]
NAMED: dict[str, Any] = {
    'a list': LIST,
    'a tuple of paths': tuple(map(Path, LIST)),
    'a pattern': 'texts/*.txt',
    'a list of patterns': ['texts/[ab].txt', 'texts/[cd].txt'],
    'a folder': 'texts',
    'a path of a folder': Path('texts'),
}


@pytest.mark.parametrize('level', LEVELS)
@pytest.mark.parametrize('kind', NAMED)
def test_several_files_are_one_text(kind: str, level: str) -> None:
    one = ModelState.initfromsrcfile('whole.txt', 'one', level=level, **TINY)
    several = ModelState.initfromsrcfile(NAMED[kind], 'several', level=level, **TINY)
    assert np.array_equal(one.data.indices, several.data.indices) and one.chars == several.chars
    assert one.data.sizes == several.data.sizes and one.data.text('train') == several.data.text('train')
    data, names = several.data, list(PARTS)
    assert [Path(file.path).name for file in data.files] == names and len(data.starts) == len(names)
    for place, name in ((0, 'a.txt:0'), (data.starts[1], 'b.txt:0'), (data.starts[3] + 1, 'd.txt:1')):
        assert data.file_at(place) == name and not one.data.file_at(place)
    for start, name in zip(data.starts, names, strict=True):
        text = data.chars.decode(data.indices[start : start + 3].tolist()).lstrip('\n')
        assert PARTS[name].startswith(text[:2].strip()) or name == 'c.txt'
    assert not (Path('several') / 'dataset' / 'joined').exists()
    again = ModelState.load('several', device='cpu')
    assert again.data.starts == data.starts and again.data.srcfile == data.srcfile


@pytest.mark.parametrize('level', LEVELS)
def test_packed_files_and_the_standard_input_are_read_as_they_were(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ModelState.initfromsrcfile('whole.txt', 'one', level=level, **TINY)
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(WHOLE.encode())))
    given = ModelState.initfromsrcfile('-', 'given', level=level, **TINY)
    for path in Path('texts').glob('*.txt'):
        packed(path)
    several = ModelState.initfromsrcfile('texts', 'several', level=level, **TINY)
    single = ModelState.initfromsrcfile(packed(Path('whole.txt')), 'single', level=level, **TINY)
    for ms in (given, several, single):
        assert np.array_equal(one.data.indices, ms.data.indices) and one.data.text('valid') == ms.data.text('valid')
    assert several.data.file_at(several.data.starts[1]).startswith('b.txt.gz:0') and given.data.files == ()


def test_zstd_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    zstandard = pytest.importorskip('zstandard')
    Path('whole.txt.zst').write_bytes(zstandard.ZstdCompressor().compress(WHOLE.encode()))
    one = ModelState.initfromsrcfile('whole.txt', 'one', **TINY)
    assert np.array_equal(ModelState.initfromsrcfile('whole.txt.zst', 'packed', **TINY).data.indices, one.data.indices)
    monkeypatch.setitem(sys.modules, 'zstandard', None)
    with pytest.raises(SourceTextError, match=r'pip install zstandard, or zstd -d whole.txt.zst'):
        ModelState.initfromsrcfile('whole.txt.zst', 'none', **TINY)
    assert not Path('none').exists()


@pytest.mark.parametrize(('joiner', 'between'), [(None, '\n'), ('', ''), ('\n\n', '\n\n'), (' <end> ', ' <end> ')])
def test_what_stands_between_two_files(joiner: str | None, between: str) -> None:
    ms = ModelState.initfromsrcfile(['texts/b.txt', 'texts/d.txt'], 'run', trainfrac=1.0, joiner=joiner, **TINY)
    assert ms.data.text('train').decode() == PARTS['b.txt'] + between + PARTS['d.txt']
    assert ms.data.starts[1] == len(PARTS['b.txt'] + between)


def test_errors_name_the_file_and_the_offset() -> None:
    Path('texts/b.txt').write_bytes(b'fine\n' * 30 + b'\xff' * 3)
    with pytest.raises(SourceTextError, match=r"'texts/b.txt' is not utf-8 text: byte 0xFF at offset 150"):
        ModelState.initfromsrcfile('texts', 'run', **TINY)
    Path('texts/b.txt').write_bytes(b'%PDF-1.4 ' * 20)
    with pytest.raises(SourceTextError, match=r"'texts/b.txt' is a PDF file"):
        ModelState.initfromsrcfile('texts', 'run', **TINY)
    whole = gzip.compress(b'a line\n' * 1000)
    for damaged in (whole[:-9], whole[:30], b'no gzip at all', whole[:20] + b'\xff' * 20 + whole[40:]):
        Path('texts/b.txt.gz').write_bytes(damaged)
        with pytest.raises(SourceTextError, match=r'texts/b.txt.gz'):
            ModelState.initfromsrcfile(['texts/a.txt', 'texts/b.txt.gz'], 'run', **TINY)
    assert not Path('run').exists()


def test_what_names_no_file_is_refused() -> None:
    with pytest.raises(SourceTextError, match=r"no file fits the pattern 'poems/\*.txt' in the present folder"):
        ModelState.initfromsrcfile('poems/*.txt', 'run', **TINY)
    with pytest.raises(SourceTextError, match=r"cannot read 'texts/none.txt'"):
        ModelState.initfromsrcfile(['texts/a.txt', 'texts/none.txt'], 'run', **TINY)
    with pytest.raises(HyperParamsError, match=r"joiner='x' stands between the files of a text, and this is one"):
        ModelState.initfromsrcfile('whole.txt', 'run', joiner='x', **TINY)
    with pytest.raises(WorkspaceError, match='is a text, and a path is needed'):
        ModelState.initfromsrcfile(['a line', 'another line'], 'run', **TINY)
    for folder in ('empty', 'odd'):
        Path(folder).mkdir()
    Path('odd', 'text.md').write_text('text')
    for folder in ('empty', 'odd'):
        with pytest.raises(SourceTextError, match=r'is a directory, and there is no train.txt in it'):
            ModelState.initfromsrcfile(folder, 'run', **TINY)
    assert not Path('run').exists()


def test_a_pattern_of_one_file_is_that_file_and_a_directory_of_splits_stays_one() -> None:
    assert selected('who*.txt') == (Path('whole.txt'), ())
    for path in Path('texts').iterdir():
        path.unlink()
    Path('texts/train.txt').write_text(WHOLE, encoding='utf-8')
    assert selected('texts') == (Path('texts'), ())
    ms = ModelState.initfromsrcfile('texts', 'run', **TINY)
    assert ms.data.sizes[1:] == (0, 0) and not ms.data.starts


def test_a_copy_names_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    ms = ModelState.initfromsrcfile('texts', 'run', trainfrac=1.0, **TINY)
    text = PARTS['b.txt'][40:90]
    found = ms.copied(text)
    assert found.files and found.files[0].startswith(('a.txt:', 'b.txt:'))
    assert found.files[0] in repr(found)
    name, _, offset = found.files[0].partition(':')
    start, end, _ = found.spans[0]
    assert PARTS[name][int(offset.replace(',', '')) :].startswith(text[start:end])
    assert ModelState.initfromsrcfile('whole.txt', 'one', trainfrac=1.0, **TINY).copied(text).files == ()


def test_a_copy_from_no_known_file_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(WHOLE.encode())))
    ms = ModelState.initfromsrcfile('-', 'run', **TINY)
    found = ms.copied(WHOLE[100:160])
    assert found.share == 1 and found.files == () and f'{found.spans[0].offset:,}' in repr(found)
    facts = json.loads(Path('run/dataset/dataset.json').read_text(encoding='utf-8'))
    for name in ('files', 'starts', 'srcfile'):  # as older versions wrote it
        del facts[name]
    assert read_dataset(Path('run/dataset'), facts, '').file_at(3) == ''


def test_a_folder_of_any_number_of_texts_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, 'MOST_FILES', 2)
    Path('texts', '.hidden.txt').write_text('hidden')
    assert [path.name for path in selected('texts')[1]] == list(PARTS)


def test_half_a_character_is_told_with_its_file() -> None:
    Path('texts/b.txt').write_bytes(b'fine, +2AA- and so on\n' * 9)
    with pytest.raises(SourceTextError, match=r"'texts/b.txt' holds half of a surrogate pair"):
        ModelState.initfromsrcfile(['texts/a.txt', 'texts/b.txt'], 'run', encoding='utf-7', **TINY)
    with pytest.raises(HyperParamsError, match='joiner=.* is no text'):
        ModelState.initfromsrcfile('texts', 'run', joiner='\ud800', **TINY)


def test_a_changed_file_is_named_with_a_call_that_works() -> None:
    ModelState.initfromsrcfile(['texts/a.txt', 'texts/d.txt'], 'run', joiner='\n\n', **TINY)
    with Path('texts/d.txt').open('a') as file:
        file.write('more')
    with pytest.warns(UserWarning, match=r"'texts/d.txt' has changed") as told:
        ModelState.load('run', device='cpu')
    call = str(told[0].message).partition('Next: ')[2].removesuffix(' begins a run on the new one')
    begun = eval(call, {'ModelState': ModelState})
    assert begun.data.text('valid').endswith(b'more') and begun.data.options['joiner'] == '\n\n'


@pytest.mark.parametrize('change', [
    {'starts': [0, -1, 3, 4]}, {'starts': 'x'}, {'starts': [0, 2]}, {'starts': [9, 5, 3, 1]}, {'srcfile': {}},
    {'srcfile': [1]},
])  # fmt: skip
def test_a_strangers_facts_name_no_file(change: dict[str, Any]) -> None:
    ms = ModelState.initfromsrcfile('texts', 'run', **TINY)
    facts = json.loads(Path('run/dataset/dataset.json').read_text(encoding='utf-8'))
    data = read_dataset(Path('run/dataset'), facts | change, '')
    assert data.file_at(3) == '' or 'srcfile' in change
    assert np.array_equal(data.indices, run_of(ms).data.indices)


def test_a_sweep_and_an_addition_take_several_files() -> None:
    ms = ModelState.initfromsrcfile('whole.txt', 'run', **TINY)
    before = ms.data.train_size
    ms.addsource('texts/*.txt')
    assert ms.data.train_size == before + len(WHOLE)
    pytest.importorskip('optuna')
    found = sweep('texts', 'sweep', {'learnrate': [0.01]}, trials=1, rounds=1, batchsize=2, quiet=True, **TINY)
    assert len(found) == 1
    for folder in ('one', 'two'):
        Path(folder).mkdir()
        Path(folder, 'same.txt').write_text(words(300), encoding='utf-8')
    again: dict[str, Any] = {'trials': 1, 'rounds': 1, 'batchsize': 2, 'quiet': True, **TINY}
    sweep(['one/same.txt', 'two/same.txt'], 'same', {'learnrate': [0.01]}, **again)
    Path('one', 'same.txt').write_text(words(310), encoding='utf-8')
    with pytest.raises(SweepError):
        sweep(['one/same.txt', 'two/same.txt'], 'same', {'learnrate': [0.01]}, **again)
