"""The spans that a text shares with a training text are those that a search of every substring finds."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torture import TORTURE, count

from charrnn.text import matches
from charrnn.text.matches import SEPARATOR, Span, blocks, common_lines, common_spans, gram_and_step, places_of


def plain_spans(text: bytes, training: bytes, least: int) -> list[Span]:
    """Return the spans, by trying each substring of the text."""
    found, reach = list[Span](), 0
    for start in range(len(text) - least + 1):
        end = start + least
        if text[start:end] not in training:
            continue
        while end < len(text) and text[start : end + 1] in training:
            end += 1
        if end > reach:
            found.append(Span(start, end, training.find(text[start:end])))
            reach = end
    return found


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a training text over a small alphabet, and a text with pieces of it."""
    symbols = st.integers(0, draw(st.sampled_from([0, 1, 2, 4])))
    training = bytes(draw(st.lists(symbols, max_size=150)))
    pieces = st.tuples(st.integers(0, 150), st.integers(1, 60)).map(lambda cut: training[cut[0] : sum(cut)])
    return b''.join(draw(st.lists(st.lists(symbols, max_size=20).map(bytes) | pieces, max_size=6))), training


@settings(max_examples=20_000 if TORTURE else 200, deadline=None)
@given(
    pairs(),
    st.sampled_from([1, 2, 3, 4, 5, 8, 20, 70, 100]),
    st.sampled_from([1, 2, 7, 2**17]),
    st.sampled_from([1, 5]),
)
def test_the_spans_are_those_of_a_plain_search(both: tuple[bytes, bytes], least: int, block: int, at_once: int) -> None:
    text, training = both
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, 'BLOCK', block)
        patch.setattr(matches, 'PAIRS', at_once)
        called: list[None] = []
        found = common_spans(
            np.frombuffer(text, np.uint8).astype(np.int64),
            np.frombuffer(training, np.uint8),
            least,
            lambda: called.append(None),
        )
        assert len(called) == blocks(len(training), least)
    assert found == plain_spans(text, training, least)
    count('pairs of texts whose common spans are those of a plain search')


@pytest.mark.parametrize('dtype', ['u1', '<u2', '<u4'])
def test_a_copy_across_the_edge_of_a_block_in_a_mapped_text(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matches, 'BLOCK', 5)
    draws = np.random.default_rng(0)
    training = np.memmap(tmp_path / 'indices.bin', dtype, 'w+', shape=(2000,))
    training[:] = draws.integers(0, 250, 2000)
    for offset in range(0, 1900, 7):
        text = np.concatenate([[251], training[offset : offset + 30], [251], training[5:26], [252]]).astype(np.int64)
        found = common_spans(text, training, 20)
        assert (1, 31, offset) in found and found[-1] == (32, 53, 5)


def plain_lines(text: list[int], training: list[int], longest: int) -> set[tuple[int, int]]:
    """Return the begin and end of each whole line that the two share; 0 is the line break."""

    def lines(symbols: list[int]) -> list[tuple[int, int]]:
        cuts = [-1, *(i for i, symbol in enumerate(symbols) if symbol in (0, SEPARATOR)), len(symbols)]
        return [(a + 1, b) for a, b in itertools.pairwise(cuts) if 0 < b - a - 1 <= longest]

    known = [training[a:b] for a, b in lines(training)]
    return {(a, b) for a, b in lines(text) if text[a:b] in known}


@settings(max_examples=5000 if TORTURE else 200, deadline=None)
@given(
    pairs(), st.sampled_from(['u1', '<u2', '<u4']), st.sampled_from([1, 3, 12, 40]), st.sampled_from([1, 7, 30, 2**16])
)
def test_the_lines_are_those_of_a_plain_search(both: tuple[bytes, bytes], dtype: str, longest: int, block: int) -> None:
    text, training = list(both[0]), np.array(list(both[1]), dtype)
    text = [SEPARATOR if i % 50 == 49 else -1 if i % 70 == 69 else symbol for i, symbol in enumerate(text)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, 'LINE_BLOCK', block)
        found = common_lines(np.array(text, np.int64), training, 0, longest)
    plain = plain_lines(text, training.tolist(), longest)
    for start, end, offset in found:
        assert text[start:end] == training[offset : offset + end - start].tolist()
        line = text[start:end] if text[end - 1] else text[start : end - 1]
        first = next(
            i
            for i in range(len(training))
            if (i, i + len(line)) in {(a, b) for a, b in plain_lines(training.tolist(), line, longest)}
        )
        assert offset == first
    assert {(start, end - (text[end - 1] == 0)) for start, end, _ in found} == plain
    count('pairs of texts whose common lines are those of a plain search')


def test_long_lines_that_differ_in_the_middle_are_not_equal() -> None:
    training = np.frombuffer(b'beginning_a_the end\nbeginning_b_the end\n', np.uint8)
    text = np.frombuffer(b'beginning_b_the end\nbeginning_c_the end\n', np.uint8).astype(np.int64)
    assert common_lines(text, training, 10, 30) == [(0, 20, 20)]


def test_a_foreign_symbol_ends_a_span() -> None:
    training = np.arange(50, dtype=np.uint8)
    text = np.concatenate([np.arange(20), [-1], np.arange(21, 50)])
    assert common_spans(text, training, 10) == [(0, 20, 0), (21, 50, 21)]
    assert common_spans(np.full(30, -1), np.zeros(99, np.uint8), 2) == []


def test_equal_hashes_are_no_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, 'hashes', lambda grams: np.zeros(len(grams), np.uint64))
    draws = np.random.default_rng(1)
    training, text = draws.integers(0, 3, 300).astype(np.uint8), draws.integers(0, 3, 60)
    assert common_spans(text, training, 5) == plain_spans(text.astype(np.uint8).tobytes(), training.tobytes(), 5)


def test_every_match_covers_a_gram_at_an_anchor() -> None:
    for least in range(1, 200):
        gram, step = gram_and_step(least)
        assert 1 <= step <= gram <= 32 and gram + step - 1 <= least


def test_a_text_that_repeats_itself_costs_no_more() -> None:
    zeros = np.zeros(200_000, np.uint8)
    assert common_spans(zeros[:2000].astype(np.int64), zeros, 20) == [(0, 2000, 0)]


def test_the_offset_is_that_of_the_first_of_several_occurrences_at_one_anchor() -> None:
    training = np.frombuffer(b'x' + b'ab' * 50, np.uint8)
    assert common_spans(np.frombuffer(b'ab' * 12, np.uint8).astype(np.int64), training, 20) == [(0, 24, 1)]


@pytest.mark.parametrize('filler', range(12))
def test_a_span_that_begins_before_a_longer_one_is_found_after_it(filler: int) -> None:
    text = np.arange(1, 41)
    training = np.concatenate([text[5:], np.zeros(filler), text[:30]]).astype(np.uint8)
    assert common_spans(text, training, 20) == [(0, 30, 35 + filler), (5, 40, 0)]


@pytest.mark.parametrize('dtype', ['u1', '<u2', '<u4'])
def test_the_places_of_a_gram_are_all_of_them(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, 'PIECE', 7)
    training = np.random.default_rng(2).integers(0, 3, 400).astype(dtype)
    for gram in ([1], [0, 0], [2, 1, 0], [0] * 5):
        found = [i for i in range(len(training)) if training[i : i + len(gram)].tolist() == gram]
        assert places_of(gram, training).tolist() == found
    assert len(places_of([7], training)) == 0
