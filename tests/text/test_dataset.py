import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import words
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn import HyperParamsError, SourceTextError, TrainingError
from charrnn.text import dataset, decoding
from charrnn.text.dataset import Dataset, read_dataset
from charrnn.text.encoder import write_dataset
from charrnn.text.sources import Source, split_size


def read_back(folder: Path, digest: str) -> Dataset:
    return read_dataset(folder, json.loads((folder / 'dataset.json').read_text(encoding='utf-8')), digest)


def encoded(tmp_path: Path, content: bytes, trainfrac: float = 1.0, **given: Any) -> Dataset:
    (tmp_path / 'text').write_bytes(content)
    folder = tmp_path / 'dataset'
    folder.mkdir(exist_ok=True)
    write_dataset(folder, Source(tmp_path / 'text', trainfrac=trainfrac, **given), 1)
    return read_back(folder, 'digest')


@pytest.mark.parametrize(
    'text',
    [
        'a',
        'aaaa',
        '\0\0a\0',
        '\ufeffwith a mark',
        'one\r\ntwo\rthree\n',
        'Пушкин’s «ё»',
        '\U0001f600 beyond the BMP',
        'x\ufffdy',
    ],
)
def test_a_text_is_decoded_exactly(tmp_path: Path, text: str) -> None:
    data = encoded(tmp_path, text.encode())
    assert data.chars.decode(data.indices) == text


@settings(max_examples=30)
@given(text=st.text(st.characters(codec='utf-8'), min_size=1, max_size=300), chunk=st.integers(1, 7))
@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_pieces_may_end_anywhere(tmp_path_factory: pytest.TempPathFactory, level: str, text: str, chunk: int) -> None:
    """A chunk may end in the middle of a character."""
    folder = tmp_path_factory.mktemp('pieces')
    whole = encoded(folder, ('a ' + text).encode(), level=level)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, 'CHUNK_BYTES', chunk)
        pieces = encoded(folder, ('a ' + text).encode(), level=level)
    assert pieces.indices.tolist() == whole.indices.tolist()
    assert pieces.text('train') == ('a ' + text).encode()


def test_seventy_thousand_different_symbols(tmp_path: Path) -> None:
    text = ''.join(map(chr, [*range(0x100, 0xD800), *range(0x10000, 0x13C00)]))
    assert len(text) > 70_000
    data = encoded(tmp_path, text.encode())
    assert data.indices.dtype == np.uint32
    assert data.chars.decode(data.indices) == text


def test_other_encodings(tmp_path: Path) -> None:
    text = 'Мой дядя самых честных правил\n'
    for encoding in ('cp1251', 'koi8-r', 'utf-16', 'utf-32'):
        data = encoded(tmp_path, text.encode(encoding), encoding=encoding)
        assert data.chars.decode(data.indices) == text


def test_an_invalid_source_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / 'empty').touch()
    (tmp_path / 'folder').mkdir()
    for name, why in [('empty', 'is empty'), ('folder', 'no train.txt in it'), ('missing', 'No such file')]:
        with pytest.raises(SourceTextError, match=why) as caught:
            write_dataset(tmp_path / 'folder', Source(tmp_path / name), 1)
        assert 'Next: ' in str(caught.value)
        assert isinstance(caught.value, OSError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_text_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    kind = dataset.VOCABULARIES[level]
    scan = kind.scan
    for changed in ('abc d', 'abc', 'abx'):
        (tmp_path / 'text').write_text('ab c')

        def then_change(source: Source, files: list[Path]) -> object:
            found = scan(source, files)
            files[0].write_text(changed)  # noqa: B023
            return found

        monkeypatch.setattr(kind, 'scan', then_change)
        (tmp_path / changed).mkdir()
        if level == 'word' and changed != 'abc':
            continue  # the same number of words as before; a new one is an unknown word
        with pytest.raises(SourceTextError, match='changed while'):
            write_dataset(tmp_path / changed, Source(tmp_path / 'text', level), 1)


def test_the_split_is_exact(tmp_path: Path) -> None:
    text = words(1001)
    data = encoded(tmp_path, text.encode(), trainfrac=0.9)
    assert len(data.train) == int(0.9 * 1001) == split_size(0.9, 1001)
    assert data.chars.decode(data.train) + data.chars.decode(data.valid) == text
    assert data.split('train') is not None
    with pytest.raises(HyperParamsError, match="no split 'other'"):
        data.split('other')
    with pytest.raises(TrainingError, match='no validation split'):
        encoded(tmp_path, text.encode(), trainfrac=1.0).split('valid')


def test_the_mapping_is_read_only_and_never_past_the_end_of_its_file(tmp_path: Path) -> None:
    data = encoded(tmp_path, b'abcabc')
    with pytest.raises(ValueError, match='read-only'):
        data.indices[0] = 1
    (tmp_path / 'dataset' / dataset.INDICES).write_bytes(b'\1\2')
    with pytest.raises(SourceTextError, match='holds 2 bytes where 6 were written'):
        read_back(tmp_path / 'dataset', '')


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
@pytest.mark.parametrize('trainfrac', [0.5, 0.77, 1.0])
def test_the_text_of_every_split_is_kept(tmp_path: Path, level: str, trainfrac: float) -> None:
    text = 'one  two\tthree\r\n\nfour é five' * 3
    data = encoded(tmp_path, text.encode(), trainfrac=trainfrac, level=level)
    parts = [data.text('train')] + ([data.text('valid')] if trainfrac < 1 else [])
    assert b''.join(parts) == text.encode()
    assert data.text('train', 5) == parts[0][-5:]
    assert len(data.train) == int(trainfrac * sum(data.sizes))


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_directory_is_taken_as_it_is_split(tmp_path: Path, level: str) -> None:
    source, folder = tmp_path / 'source', tmp_path / 'dataset'
    source.mkdir()
    folder.mkdir()
    texts = {'train': 'the cat sat\n' * 5 + 'at last\n', 'valid': 'a new cat\n', 'test': 'the end\n'}
    for name, text in texts.items():
        (source / f'{name}.txt').write_text(text)
    write_dataset(folder, Source(source, level), 1)
    data = read_back(folder, '')
    for name, text in texts.items():
        assert data.text(name) == text.encode()
        decoded = data.chars.decode(data.split(name))
        assert (
            decoded == text
            if level != 'word'
            else decoded == text.replace('a new', '<unk> <unk>').replace('end', '<unk>')
        )
    (source / 'valid.txt').unlink()
    write_dataset(folder, Source(source, level), 1)
    data = read_back(folder, '')
    assert data.sizes[1] == 0 and data.text('test') == b'the end\n'


def test_options_for_words_are_kept_only_where_they_are_given(tmp_path: Path) -> None:
    path = tmp_path / 'text.txt'
    path.write_text('the cat, the dog, the cat.\n' * 9)
    plain, marked = tmp_path / 'plain', tmp_path / 'marked'
    for folder, source in (
        (plain, Source(path, 'word')),
        (marked, Source(path, 'word', trainfrac=0.53, punctuation=True, mincount=9)),
    ):
        folder.mkdir()
        write_dataset(folder, source, 2)
    facts = json.loads((plain / 'dataset.json').read_text())
    assert 'mincount' not in facts and facts['vocabulary'].keys() == {'words', 'lower'}
    assert read_dataset(plain, facts, '').options == {'level': 'word'}
    facts = json.loads((marked / 'dataset.json').read_text())
    assert facts['mincount'] == 9 and facts['vocabulary']['words_and_marks'] == ['the', ',', 'cat']
    data = read_dataset(marked, facts, '')
    assert data.options == {'level': 'word', 'trainfrac': 0.53, 'punctuation': True, 'mincount': 9}
    assert read_dataset(marked, {**facts, 'trainfrac': 'x'}, '').options == {}
    assert (data.text('train') + data.text('valid')).decode() == path.read_text()
    for name in ('train', 'valid'):
        assert data.chars.encode(data.text(name).decode(), 'replace').tolist() == data.split(name).tolist()
    for wrong in (
        {'mincount': 0},
        {'mincount': 'x'},
        {'byte_sizes': None},
        {'byte_sizes': [sum(facts['byte_sizes']), 0, 0]},
    ):
        with pytest.raises(SourceTextError, match='does not describe a dataset'):
            read_dataset(marked, {**facts, **wrong}, '')
