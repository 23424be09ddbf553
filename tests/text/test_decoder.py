"""Law: after every index, at every level, the text of a decoder equals decode(all indices so far)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn import ByteSet, CharSet, CharSetError, WordSet
from charrnn.text.byteset import ByteDecoder
from charrnn.text.vocabulary import Vocabulary

VOCABULARIES: list[Vocabulary[Any]] = [
    CharSet('ab\n é\U0001f600'),
    CharSet('a\ufffd\ud83d\ude00'),
    ByteSet(),
    WordSet(['<eos>', 'the', 'cat']),
    WordSet(['the', '\n', '', '<unk>', ' '], lower=True),
    WordSet(['<eos>', 'a', '"', '(', ',', '--', '-', '/', ''], punctuation=True),
]
UTF8 = [0x61, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xED, 0xA0, 0x80, 0xF0, 0x9F, 0x98, 0x80, 0xF4, 0x90, 0xE0, 0xC0, 0xFF]
some_bytes = st.one_of(
    st.lists(st.integers(0, 255), max_size=40),
    st.lists(st.sampled_from(UTF8), max_size=40),
    st.text().map(lambda text: list(text.encode('utf-8', 'surrogatepass'))),
)


def assert_follows(chars: Vocabulary[Any], indices: list[int]) -> None:
    decoder, unread = chars.decoder(), chars.decoder()
    assert decoder.text == ''
    for n, index in enumerate(indices, 1):
        decoder.push(index)
        unread.push(index)
        assert decoder.text == chars.decode(indices[:n]) == decoder.text
    assert unread.text == chars.decode(indices)


@pytest.mark.parametrize('chars', VOCABULARIES, ids=repr)
@given(data=st.data())
def test_a_decoder_follows_decode(chars: Vocabulary[Any], data: st.DataObject) -> None:
    assert_follows(chars, data.draw(st.lists(st.integers(0, len(chars) - 1), max_size=40)))


@given(some_bytes)
@example([0xF0, 0x9F, 0x98, 0x80, 0xF0, 0x9F, 0x98, 0x61])
@example([0xED, 0xA0, 0x80, 0xE2, 0x82])
def test_a_decoder_follows_decode_in_and_out_of_utf_8(values: list[int]) -> None:
    assert_follows(ByteSet(), values)


@given(st.lists(st.integers(0, 3), max_size=40))
def test_words_are_spelled_with_one_space_and_a_line_break(indices: list[int]) -> None:
    """WordSet.decode is built on the decoder, so the rule is written a second time here."""
    lines = [
        ' '.join(['<unk>', '', 'the', 'cat'][i] for i in line)
        for line in np.split(np.array(indices, int), np.flatnonzero(np.array(indices, int) == 1))
    ]
    text = '\n'.join(line.removeprefix(' ') for line in lines)
    assert WordSet(['<eos>', 'the', 'cat']).decode(indices) == text


@pytest.mark.parametrize('chars', VOCABULARIES, ids=repr)
def test_an_index_outside_the_vocabulary_changes_nothing(chars: Vocabulary[Any]) -> None:
    decoder = chars.decoder()
    decoder.feed(np.arange(3, dtype=np.uint8))
    before = decoder.text
    for wrong in (-1, len(chars)):
        with pytest.raises(ValueError if isinstance(chars, ByteSet) else CharSetError):
            decoder.push(wrong)
    assert decoder.text == before == chars.decode(np.arange(3, dtype=np.uint8))


@pytest.mark.parametrize('chars', VOCABULARIES, ids=repr)
def test_a_push_does_not_decode_the_text_again(monkeypatch: pytest.MonkeyPatch, chars: Vocabulary[Any]) -> None:
    indices = [1, 2] * 3
    whole, decoder = chars.decode(indices), chars.decoder()
    monkeypatch.setattr(type(chars), 'decode', None)
    for index in indices:
        decoder.push(index)
        assert whole.startswith(decoder.text) and len(decoder._pieces) == 1
    assert decoder.text == whole


@given(some_bytes)
def test_at_most_three_bytes_are_decoded_again(values: list[int]) -> None:
    decoder = ByteDecoder()
    for value in values:
        decoder.push(value)
        assert len(decoder._complete.getstate()[0]) <= 3
