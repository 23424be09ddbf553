"""Tokens: C and Python find the same words, which are those that the patterns of a word find in the whole text."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddwords import any_text, listed

from charrnn.text import tokens
from charrnn.text.punctuation import MARKED_WORD, PLAIN_WORD
from charrnn.text.tokens import distinct_in_python, distinct_words

needs_c = pytest.mark.skipif(tokens._in_c is None, reason='the C extension is not built here')


@given(any_text, st.booleans(), st.booleans())
def test_tokens_are_what_the_patterns_find(text: str, lower: bool, punctuation: bool) -> None:
    found = (MARKED_WORD if punctuation else PLAIN_WORD).findall(text.lower() if lower and not punctuation else text)
    words = [word.lower() if lower else word for word in found]
    assert listed(text, lower, punctuation) == ['<eos>' if word == '\n' else word for word in words]


def assert_same(text: str) -> None:
    """Raise unless C and Python find the same in a text."""
    (words, codes), (expected, places) = distinct_words(text), distinct_in_python(text)
    assert words == expected and codes.tolist() == places.tolist() and codes.dtype == np.int32


@needs_c
@given(st.text() | any_text)
def test_c_finds_the_same_words(text: str) -> None:
    assert_same(text)


@needs_c
def test_white_space_is_that_of_python() -> None:
    assert_same('a'.join(map(chr, range(sys.maxunicode + 1))))


@needs_c
@pytest.mark.parametrize('number', [1, 1023, 1024, 1025, 70_000])
def test_any_number_of_words_has_room(number: int) -> None:
    text = ' '.join([f'{"w" * (i % 40)}{i}' for i in range(number)] * 2)
    assert_same(text)
    assert len(distinct_words(text)[0]) == number


def test_a_text_too_long_for_c_is_read_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, 'MOST_IN_C', 3)
    monkeypatch.setattr(tokens, '_in_c', lambda text: pytest.fail('C was asked'))
    assert_same('a b a')


@needs_c
def test_c_refuses_what_is_not_bytes() -> None:
    assert tokens._in_c is not None
    with pytest.raises(TypeError):
        tokens._in_c('text')  # type: ignore[arg-type]
    for half in (b'a \xc2', b'a \xe2\x80', b'\xe3'):  # no character: an error, and nothing is read behind the end
        with pytest.raises(UnicodeDecodeError):
            tokens._in_c(half)
