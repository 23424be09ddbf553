from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charrnn import HyperParamsError, SourceTextError
from charrnn.text import decoding
from charrnn.text.decoding import byte_chunks, decoded_chunks, replaced
from charrnn.text.sources import DEFAULT_TRAINFRAC, LEVELS, Source, source_files


@pytest.mark.parametrize(
    ('given', 'why', 'following'),
    [
        ({'level': 'syllable'}, "no level 'syllable'.", "level='char' or level='byte' or level='word'"),
        ({'level': ['word']}, 'no level', "level='char'"),
        ({'trainfrac': 0}, r'trainfrac=0 must be a finite number, more than 0 and at most 1', 'trainfrac=0.9'),
        ({'trainfrac': '0.5'}, "trainfrac='0.5'", 'trainfrac=0.5'),
        ({'level': 'word', 'vocab_size': 1}, 'vocab_size=1 must be a whole number, 2 or more', 'vocab_size=10000'),
        ({'level': 'word', 'vocab_size': 2.5}, 'vocab_size=2.5', ''),
        ({'level': 'word', 'lower': 1}, 'lower=1 is neither True nor False', 'lower=True'),
        ({'vocab_size': 99}, "vocab_size belongs to words, and level='char'", "level='word'"),
        ({'level': 'byte', 'lower': True}, "lower belongs to words, and level='byte'", "level='word'"),
    ],
)
def test_an_invalid_option_is_refused_when_the_source_is_made(given: dict[str, Any], why: str, following: str) -> None:
    with pytest.raises(HyperParamsError, match=f'{why}(.|\n)*\n  Next: {following}'):
        Source(Path('text'), **given)


def test_a_source_is_a_value_with_plain_numbers() -> None:
    given: dict[str, Any] = {'trainfrac': np.float64(0.5), 'vocab_size': np.int64(9)}
    source = Source(Path('text'), 'word', **given)
    assert type(source.trainfrac) is float and type(source.vocab_size) is int
    assert source == Source(Path('text'), 'word', trainfrac=0.5, vocab_size=9)
    assert eval(repr(source), {'Source': Source, type(source.path).__name__: Path}) == source
    assert [Source(Path('text'), level).trainfrac for level in LEVELS] == [DEFAULT_TRAINFRAC] * 3
    with pytest.raises(FrozenInstanceError):
        source.level = 'char'  # type: ignore[misc]


def test_a_directory_has_three_files_and_no_trainfrac(tmp_path: Path) -> None:
    source = Source(tmp_path)
    with pytest.raises(SourceTextError, match='no train.txt in it'):
        source_files(source)
    (tmp_path / 'train.txt').touch()
    (tmp_path / 'test.txt').touch()
    assert source_files(source) == [tmp_path / 'train.txt', None, tmp_path / 'test.txt']
    assert source_files(Source(tmp_path / 'train.txt', trainfrac=0.5)) == [tmp_path / 'train.txt']
    with pytest.raises(HyperParamsError, match='trainfrac=0.5 belongs to one file; the directory'):
        source_files(replace(source, trainfrac=0.5))


@pytest.mark.parametrize('chunk', [1, 3, 4096])
def test_a_bad_byte_is_named_with_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(decoding, 'CHUNK_BYTES', chunk)
    path = tmp_path / 'text'
    path.write_bytes('naïve '.encode() + b'\xff rest')
    assert b''.join(byte_chunks(path)) == path.read_bytes()
    with pytest.raises(SourceTextError, match=r'byte 0xFF at offset 7 '):
        list(decoded_chunks(path))
    path.write_bytes('cut é'.encode()[:-1])
    with pytest.raises(SourceTextError, match=r'byte 0xC3 at offset 4 '):
        list(decoded_chunks(path))


@pytest.mark.parametrize('chunk', [1, 7, 4096])
@pytest.mark.parametrize(
    ('encoding', 'content', 'text', 'number'),
    [
        ('utf-8', b'caf\xe9 \xff\xef\xbf\xbd na\xc3\xafve', 'caf\ufffd \ufffd\ufffd na\u00efve', 2),
        ('utf-8', 'cut \u65e5'.encode()[:-1], 'cut \ufffd', 1),
        ('ascii', b'na\xc3\xafve', 'na\ufffd\ufffdve', 2),
        ('shift_jis', '\u6c34 '.encode('shift_jis') + b'\xff', '\u6c34 \ufffd', 1),
        ('utf-16-le', 'ab\ufffd'.encode('utf-16-le') + b'c', 'ab\ufffd\ufffd', 1),
        ('latin-1', bytes(range(256)), bytes(range(256)).decode('latin-1'), 0),
    ],
)
def test_bad_bytes_are_replaced_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, encoding: str, content: bytes, text: str, number: int
) -> None:
    monkeypatch.setattr(decoding, 'CHUNK_BYTES', chunk)
    path = tmp_path / 'text'
    path.write_bytes(content)
    assert ''.join(decoded_chunks(path, encoding, 'replace')) == text
    assert replaced(path, encoding) == number
    assert (replaced(path, encoding, 0) > 0) == (number > 0)


@pytest.mark.parametrize(
    ('content', 'advised'),
    [
        (b'a text' * 1000 + b'\xff', 'its 1 bad place as U'),
        (b'a text' * 1000 + b'\xff\xfe \xff', 'its 3 bad places as U'),
        (b'a text' * 1000 + b'\xff' * 7, ''),
        (b'a short text \xff', 'its 1 bad place as U'),
        (b'a short text \xff\xff', ''),
    ],
)
def test_few_bad_bytes_are_advised_to_be_replaced(tmp_path: Path, content: bytes, advised: str) -> None:
    (tmp_path / 'text').write_bytes(content)
    with pytest.raises(SourceTextError) as caught:
        list(decoded_chunks(tmp_path / 'text'))
    step = caught.value.next_step
    assert advised in step if advised else 'replace' not in step
    assert "encoding='latin-1'" in step and "level='byte'" in step


@pytest.mark.parametrize('encoding', ['no-such-thing', 'hex', 'rot13', 3])
def test_an_encoding_that_is_not_for_text_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / 'text').touch()
    with pytest.raises(HyperParamsError, match=f'encoding={encoding!r} is not a text encoding'):
        list(decoded_chunks(tmp_path / 'text', encoding))
