"""compress takes texts, bytes and files; decompress refuses what is not of this model, engine and version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from charrnn import CharRNNError, CompressionError, SamplingError, WorkspaceError
from charrnn.session import compression
from charrnn.session.compression import lanes_for
from charrnn.storage.compressed import MAGIC, Compressed, pack, unpack


def test_texts_bytes_and_files_are_taken(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    file = tmp_path / 't.txt'
    file.write_bytes(b'the cat\xff')
    data = ms.compress(file)
    assert data == ms.compress(b'the cat\xff')
    found = ms.decompress(data)
    assert found.bytes == b'the cat\xff' and found == 'the cat\ufffd'
    kept = tmp_path / 't.crnn'
    kept.write_bytes(data)
    assert ms.decompress(kept) == ms.decompress(bytearray(data)) == found  # type: ignore[arg-type]
    sample = ms.generatestring(20)
    assert ms.decompress(ms.compress(sample)) == sample
    monkeypatch.chdir(tmp_path)
    assert ms.decompress(ms.compress('no.txt')) == 'no.txt'


@pytest.mark.parametrize(
    ('verb', 'given', 'error', 'what', 'following'),
    [
        ('compress', 't.txt', SamplingError, "'t.txt' is a path, and a text", "ms.compress(Path('t.txt'))"),
        ('compress', Path('none'), WorkspaceError, "cannot read 'none'", 'check the path'),
        ('compress', Path(), WorkspaceError, "cannot read '.'", 'the path of a file'),
        ('compress', None, SamplingError, 'None is no text', "ms.compress('"),
        ('compress', 'a\ud800', CompressionError, 'offset 1 is half', "ms.compress(text.encode('utf-8', 'replace'))"),
        ('decompress', 't.crnn', CompressionError, "'t.crnn' is a path", "ms.decompress(Path('t.crnn'))"),
        ('decompress', 't.txt', CompressionError, 'is no text that ms.compress', 'the data that'),
        ('decompress', 'text', CompressionError, "'text' is no bytes", 'ms.compress(text) returns such bytes'),
        ('decompress', Path('t.txt'), CompressionError, 'is no text that ms.compress', 'the data that'),
        ('decompress', b'', CompressionError, 'the data are empty', 'the data that'),
        (
            'decompress',
            MAGIC[:-1] + b'\x07data',
            CompressionError,
            'of version 7, and this charrnn reads version 1',
            '',
        ),
        ('decompress', MAGIC[:-1], CompressionError, 'damaged or cut off', 'another copy'),
    ],
)
def test_what_cannot_be_taken_is_explained(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    verb: str, given: Any, error: type[CharRNNError], what: str, following: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ms = make_run()
    Path('t.txt').write_text('the cat')
    Path('t.crnn').write_bytes(ms.compress('the cat'))
    with pytest.raises(error) as caught:
        getattr(ms, verb)(given)
    assert what in caught.value.what and following in caught.value.next_step


def test_another_engine_is_refused_with_both_names(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CHARRNN_ENGINE', 'torch')
    ms = make_run()
    data = ms.compress('the cat')
    other = Compressed.of(data)
    with pytest.raises(CompressionError, match='by the engine native:avx9 on cpu, and this is torch on cpu') as caught:
        ms.decompress(replace(other, engine='native:avx9 on cpu with torch 1').to_bytes())
    assert 'CHARRNN_ENGINE=native:avx9' in caught.value.next_step
    with pytest.raises(CompressionError, match='rounded otherwise here.*1 threads.* there, torch on cpu with torch'):
        ms.decompress(replace(other, trial=other.trial ^ 1).to_bytes())


def test_data_of_a_stranger_end_in_an_error_soon(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """P17: sizes are checked against the data before memory or time is taken."""
    ms = make_run()
    good = Compressed.of(ms.compress('the cat, the mat, é'))
    for changes in (
        {'symbols': 2**62},
        {'symbols': 2**62, 'lanes': 16},
        {'symbols': 4096 * (len(good.code) + 1)},  # the code ends soon after
        {'symbols': 0},
        {'symbols': 1000, 'lanes': 1000},
        {'lanes': 0},
        {'text': b'12345678'},
        {'lost': b'no zlib'},
        {'lost': pack({10**6: 'x'})},
        {'lost': pack({37: 'x', 39: 'y'})},
        {'lost': b''},
        {'code': b''},
        {'code': b'\xff' * 40},
        {'engine': 'x' * 1000},
        {'model': 'GRUEncode\x1b[31m', 'weights': b'x' * 8},
    ):
        with pytest.raises(CompressionError) as caught:
            ms.decompress(replace(good, **changes).to_bytes())
        assert '\x1b' not in str(caught.value) and len(str(caught.value)) < 700
    assert ms.decompress(good.to_bytes()) == 'the cat, the mat, é'


def test_a_text_that_does_not_come_back_is_noticed(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    monkeypatch.setattr(compression, 'lost_parts', lambda chars, text: {})
    ms.compress('é')
    with pytest.raises(CompressionError):
        ms.compress('é', verify=True)


def test_lanes_come_with_the_length() -> None:
    assert [lanes_for(n, 65) for n in (0, 1, 11_999, 12_000, 50_000, 10**9)] == [1, 1, 1, 2, 8, 16]
    assert lanes_for(10**9, 300_000) == 2


def test_parts_are_packed_and_unpacked() -> None:
    parts = {0: '', 3: 'é', 300: ' \n', 301: '\udcff' * 200}
    assert unpack(pack(parts), 151) == parts
    for wrong in (b'x', pack(parts)[:-3]):
        with pytest.raises(ValueError):
            unpack(wrong, 151)
    with pytest.raises(ValueError):
        unpack(pack(parts), 150)
