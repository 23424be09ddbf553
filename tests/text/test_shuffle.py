"""Shuffled lines: the same lines in an order that the seed gives, at every level and in every encoding."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import words

from charrnn import HyperParamsError, SourceTextError
from charrnn.text import decoding
from charrnn.text.dataset import read_dataset
from charrnn.text.encoder import write_dataset
from charrnn.text.shuffle import shuffled_copy
from charrnn.text.sources import Source


def shuffled(tmp_path: Path, content: bytes, seed: int = 0, **given: Any) -> bytes:
    (tmp_path / 'text').write_bytes(content)
    copy = shuffled_copy(Source(tmp_path / 'text', shuffle_lines=True, **given), tmp_path / 'text', tmp_path, seed)
    return copy.read_bytes()


@pytest.mark.parametrize('chunk', [1, 5, 4096])
@pytest.mark.parametrize('end', ['', '\n'])
def test_the_lines_are_the_same_in_another_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, end: str
) -> None:
    monkeypatch.setattr(decoding, 'CHUNK_BYTES', chunk)
    text = '\n'.join(['', 'é', *map(str, range(40)), '', '\ufffd']) + end
    found = shuffled(tmp_path, text.encode()).decode()
    assert found != text and Counter(found) == Counter(text)
    assert Counter(found.removesuffix(end).split('\n')) == Counter(text.removesuffix(end).split('\n'))
    assert shuffled(tmp_path, text.encode()).decode() == found
    assert shuffled(tmp_path, text.encode(), 1).decode() != found
    assert shuffled(tmp_path, text.encode('utf-16'), encoding='utf-16').decode() == found
    assert shuffled(tmp_path, text.encode(), level='byte').decode() == found
    assert not (tmp_path / 'ordered').exists()


def test_a_text_without_lines_has_no_order(tmp_path: Path) -> None:
    for content in (b'one', b'one\n', b'\n', b'one\r two'):
        with pytest.raises(HyperParamsError, match='has one line: shuffle_lines=True would do nothing'):
            shuffled(tmp_path, content)
    with pytest.raises(SourceTextError, match='half of a surrogate pair'):
        shuffled(tmp_path, b'+2AA-\n+2AA-', encoding='utf-7')


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_dataset_of_shuffled_lines(tmp_path: Path, level: str) -> None:
    text = ''.join(sorted(words(900, seed).replace('\n', ' ') + '\n' for seed in range(20)))
    (tmp_path / 'text').write_text(text)
    folder = tmp_path / 'dataset'
    folder.mkdir()
    write_dataset(folder, Source(tmp_path / 'text', level, shuffle_lines=True), 1, 7)
    facts = json.loads((folder / 'dataset.json').read_text())
    data = read_dataset(folder, facts, '')
    found = (data.text('train') + data.text('valid')).decode()
    assert found != text and sorted(found.splitlines()) == text.splitlines()
    assert facts['shuffle_lines'] is True and data.options.get('shuffle_lines') is True
    kept = {path.name for path in folder.iterdir()}
    assert kept == {'dataset.json', 'indices.bin'} | ({'text.bin'} if level == 'word' else set())


def test_an_empty_text_is_empty(tmp_path: Path) -> None:
    (tmp_path / 'text').touch()
    with pytest.raises(SourceTextError, match="text' is empty"):
        write_dataset(tmp_path, Source(tmp_path / 'text', shuffle_lines=True), 1)


def test_a_line_that_begins_like_a_format_is_text(tmp_path: Path) -> None:
    (tmp_path / 'text').write_text('the formats:\n' + '%PDF-1.7 is one\n' * 9)
    write_dataset(tmp_path, Source(tmp_path / 'text', shuffle_lines=True), 1)
