"""Law 14: a compressed text comes back, and its size is its score."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torture import TORTURE

from charrnn import CompressionError, ModelState
from charrnn.models import MODELTYPES
from charrnn.sampling.coder import lengths_of
from charrnn.session import compression
from charrnn.storage.compressed import Compressed

LEVELS = ('char', 'byte', 'word')
SOURCE = words(300) + 'é и <unk> the,  cat\r\n\t"end"\n' + words(500, 1)


@pytest.fixture
def runs(make_run: MakeRun) -> list[ModelState]:
    """Return a run of each level, and of words that are few, in lower case and with marks of their own."""
    found = [make_run(level, text=SOURCE, level=level) for level in LEVELS]
    return [*found, make_run('few', text=SOURCE, level='word', vocab_size=5, lower=True, punctuation=True)]


def bits_of(ms: ModelState, text: str) -> float:
    """Return the score of a text in bits, of each of its lanes by itself."""
    ids = ms.chars.encode(text)
    lengths = lengths_of(len(ids), Compressed.of(ms.compress(text)).lanes)
    starts = np.cumsum(lengths) - lengths
    parts = [ms.chars.decode(ids[start : start + n]) for start, n in zip(starts, lengths, strict=True)]
    return sum(one.total for one in ms.score(parts)) / math.log(2)


def assert_size_is_score(ms: ModelState, text: str) -> None:
    code, bits = 8 * len(Compressed.of(ms.compress(text)).code), bits_of(ms, text)
    assert abs(code - bits) <= 0.001 * bits + 64


@pytest.mark.parametrize('modeltype', MODELTYPES)
@pytest.mark.parametrize('level', LEVELS)
def test_the_size_of_a_text_is_its_score(make_run: MakeRun, modeltype: str, level: str) -> None:
    ms = make_run(modeltype=modeltype, level=level)
    train(ms, 20)
    text = ms.chars.decode(ms.data.train[:200])
    assert_size_is_score(ms, text)
    assert ms.decompress(ms.compress(text)) == text


def test_a_text_that_is_known_by_heart_costs_next_to_nothing(make_run: MakeRun) -> None:
    ms = make_run(text='ab' * 400)
    train(ms, 100)
    with torch.no_grad():
        learner_of(ms).model.readout_weight.mul_(20)
    text = 'ba' * 2500  # the first symbol of the training text is read first
    data = ms.compress(text)
    assert bits_of(ms, text) < 1
    assert len(Compressed.of(data).code) <= 8
    assert ms.decompress(data) == text


def test_lanes_are_coded_side_by_side(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, 'LANE', 50)
    ms = make_run()
    train(ms, 20)
    for size, lanes in ((99, 1), (100, 2), (157, 2), (513, 8)):
        text = words(size, 5)
        assert Compressed.of(ms.compress(text)).lanes == lanes
        assert_size_is_score(ms, text)
        assert ms.decompress(ms.compress(text)) == text


TEXTS = ('', ' ', '\n', '\t\r\n  ', 'the', ' the  cat \n', 'Ждать', '\ufffd\x00', 'CAT (the) "x" <eos><unk>\n', '😀é')
PIECES = st.sampled_from(['the ', 'cat', '\n', ' ', '  ', '.', '"', 'THE ', '<unk>', '<eos>', '\r', '\ufffd', 'ж'])


@settings(
    max_examples=300 if TORTURE else 10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=not TORTURE,
)
@given(st.lists(PIECES | st.characters(exclude_categories=['Cs']), max_size=40).map(''.join), st.binary(max_size=30))
def test_every_text_comes_back(runs: list[ModelState], text: str, data: bytes) -> None:
    for ms in runs:
        assert ms.decompress(ms.compress(text)) == text
        assert ms.decompress(ms.compress(data)).bytes == data


def test_odd_texts_come_back(runs: list[ModelState]) -> None:
    for ms in runs:
        for text in TEXTS:
            assert ms.decompress(ms.compress(text, verify=True)) == text


def test_half_of_a_surrogate_pair_is_refused(runs: list[ModelState]) -> None:
    for ms in runs:
        with pytest.raises(CompressionError, match=r'U\+DC80 at offset 3 is half of a surrogate pair'):
            ms.compress('the\udc80')


def test_a_changed_byte_is_found(make_run: MakeRun) -> None:
    ms = make_run()
    data = ms.compress('the cat sat, the Mat')
    for place in range(len(data)):
        for bit in (1, 0x80):
            wrong = bytearray(data)
            wrong[place] ^= bit
            with pytest.raises(CompressionError):
                ms.decompress(bytes(wrong))
    for length in range(len(data)):
        with pytest.raises(CompressionError):
            ms.decompress(data[:length])
    with pytest.raises(CompressionError, match='damaged'):
        ms.decompress(data + b'\0')


def test_the_number_of_threads_changes_nothing(make_run: MakeRun) -> None:
    ms = make_run(modeltype='GRUResize', state_size=40)
    threads = torch.get_num_threads()
    text = words(300)
    try:
        torch.set_num_threads(1)
        data = ms.compress(text)
        torch.set_num_threads(3)
        assert ms.decompress(data) == text
    finally:
        torch.set_num_threads(threads)


def test_other_weights_are_refused_with_both_names(make_run: MakeRun) -> None:
    ms = make_run()
    data = ms.compress('the cat')
    train(ms, 3)
    with pytest.raises(CompressionError, match=r"GRUEncode at 0 symbols.*GRUEncode of 'run' at 24 symbols: other weig"):
        ms.decompress(data)
    other = make_run('other', text=SOURCE)
    with pytest.raises(CompressionError, match='another vocabulary'):
        other.decompress(data)
    assert learner_of(ms).position == 24
