import io
from pathlib import Path

import numpy as np
import pytest
from conftest import words
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn import HyperParamsError, SourceTextError, TrainingError
from charrnn.text import dataset
from charrnn.text.dataset import read_dataset, scan, split_size, write_dataset


def encoded(tmp_path: Path, content: bytes, trainfrac: float = 1.0, **given: object) -> dataset.Dataset:
    (tmp_path / 'text').write_bytes(content)
    folder = tmp_path / 'dataset'
    folder.mkdir(exist_ok=True)
    write_dataset(folder, tmp_path / 'text', trainfrac, 1, **given)  # type: ignore[arg-type]
    return read_dataset(folder, 'digest')


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
def test_a_text_comes_back_exactly(tmp_path: Path, text: str) -> None:
    data = encoded(tmp_path, text.encode())
    assert data.chars.decode(data.indices) == text


@settings(max_examples=30)
@given(text=st.text(st.characters(codec='utf-8'), min_size=1, max_size=300), chunk=st.integers(1, 7))
def test_pieces_may_end_anywhere(tmp_path_factory: pytest.TempPathFactory, text: str, chunk: int) -> None:
    """Also in the middle of a character."""
    path = tmp_path_factory.mktemp('pieces') / 'text'
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, 'CHUNK_BYTES', chunk)
        chars, size = scan(path)
        out = io.BytesIO()
        dataset.encode(path, chars, size, out)
    assert size == len(text)
    assert chars.decode(np.frombuffer(out.getvalue(), chars.dtype)) == text


def test_seventy_thousand_different_symbols(tmp_path: Path) -> None:
    text = ''.join(map(chr, [*range(0x100, 0xD800), *range(0x10000, 0x13C00)]))
    assert len(text) > 70_000
    data = encoded(tmp_path, text.encode())
    assert data.indices.dtype == np.uint32
    assert data.chars.decode(data.indices) == text


def test_another_encoding_on_request(tmp_path: Path) -> None:
    text = 'Мой дядя самых честных правил\n'
    for encoding in ('cp1251', 'koi8-r', 'utf-16', 'utf-32'):
        data = encoded(tmp_path, text.encode(encoding), encoding=encoding)
        assert data.chars.decode(data.indices) == text


@pytest.mark.parametrize('chunk', [1, 3, 4096])
def test_a_bad_byte_is_named_with_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(dataset, 'CHUNK_BYTES', chunk)
    (tmp_path / 'text').write_bytes('naïve '.encode() + b'\xff rest')
    with pytest.raises(SourceTextError, match=r'byte 0xFF at offset 7 '):
        scan(tmp_path / 'text')
    (tmp_path / 'text').write_bytes('cut é'.encode()[:-1])
    with pytest.raises(SourceTextError, match=r'byte 0xC3 at offset 4 '):
        scan(tmp_path / 'text')


def test_what_is_no_text_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / 'empty').touch()
    for name, why in [('empty', 'is empty'), ('.', 'is a directory'), ('missing', 'No such file')]:
        with pytest.raises(SourceTextError, match=why) as caught:
            scan(tmp_path / name)
        assert 'Next: ' in str(caught.value)
        assert isinstance(caught.value, OSError) and isinstance(caught.value, ValueError)
    for encoding in ('no-such-thing', 'hex', 'rot13'):
        with pytest.raises(HyperParamsError, match='no text encoding'):
            list(dataset.decoded_chunks(tmp_path / 'empty', encoding))


def test_a_text_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'text'
    path.write_text('abc')
    chars, size = scan(path)
    for changed in ('abcd', 'ab', 'abx'):
        path.write_text(changed)
        with pytest.raises(SourceTextError, match='changed while'):
            dataset.encode(path, chars, size, io.BytesIO())


def test_the_split_is_exact(tmp_path: Path) -> None:
    text = words(1001)
    data = encoded(tmp_path, text.encode(), trainfrac=0.9)
    assert len(data.train) == int(0.9 * 1001) == split_size(0.9, 1001)
    assert data.chars.decode(data.train) + data.chars.decode(data.valid) == text
    assert data.split('train') is not None
    with pytest.raises(HyperParamsError, match="no split 'test'"):
        data.split('test')
    with pytest.raises(TrainingError, match='no validation split'):
        encoded(tmp_path, text.encode(), trainfrac=1.0).split('valid')


def test_the_mapping_is_read_only_and_never_past_the_end_of_its_file(tmp_path: Path) -> None:
    data = encoded(tmp_path, b'abcabc')
    with pytest.raises(ValueError, match='read-only'):
        data.indices[0] = 1
    (tmp_path / 'dataset' / dataset.INDICES).write_bytes(b'\1\2')
    with pytest.raises(SourceTextError, match='holds 2 bytes where 6 were written'):
        read_dataset(tmp_path / 'dataset', '')
