import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn import CharSet, CharSetError

any_text = st.text(st.characters(codec='utf-8'), max_size=200)


@given(any_text)
def test_decode_undoes_encode(text: str) -> None:
    chars = CharSet(text)
    assert chars.decode(chars.encode(text)) == text
    assert chars.symbols == ''.join(sorted(set(text)))


@given(any_text)
def test_char_sets_are_equal_if_their_symbols_are(text: str) -> None:
    assert CharSet(text) == CharSet(text[::-1])
    assert hash(CharSet(text)) == hash(CharSet(text[::-1]))
    assert (CharSet(text) == CharSet(text + 'x')) == ('x' in text)


@pytest.mark.parametrize(
    ('size', 'dtype'), [(1, 'uint8'), (255, 'uint8'), (256, 'uint16'), (65_535, 'uint16'), (65_536, 'uint32')]
)
def test_indices_take_the_smallest_unsigned_type(size: int, dtype: str) -> None:
    """The vocabulary has one index more than there are symbols: 0, the unknown character."""
    text = ''.join(map(chr, [*range(0x20, 0xD800), *range(0xE000, 0xFFFD), *range(0x10000, 0x13000)]))[:size]
    chars = CharSet(text)
    assert len(chars) == size + 1
    assert chars.encode(text).dtype == dtype
    assert chars.decode(chars.encode(text)) == text


def test_the_unknown_character_is_index_0_and_a_symbol_only_if_the_text_holds_it() -> None:
    plain, holding = CharSet('ab'), CharSet('ab\ufffd')
    assert list(plain) == list(holding) == ['\ufffd', 'a', 'b']
    assert (plain.holds_unknown, holding.holds_unknown) == (False, True)
    assert '\ufffd' not in plain and '\ufffd' in holding
    assert holding.encode('\ufffda').tolist() == [0, 1]
    assert plain != holding


def test_a_foreign_character_is_named_with_its_offset() -> None:
    with pytest.raises(CharSetError) as caught:
        CharSet('abc').encode('abcabcabcabcé')
    assert str(caught.value) == (
        "'é' (U+00E9) at offset 12 is not among this model’s 3 characters.\n"
        "  Next: ms.chars shows them; errors='replace' reads it as U+FFFD."
    )
    with pytest.raises(CharSetError, match='U\\+FFFD'):
        CharSet('abc').encode('\ufffd')
    assert CharSet('abc').encode('aéc', errors='replace').tolist() == [1, 0, 3]
    assert CharSet('a\ufffd').encode('a\ufffdx', errors='replace').tolist() == [1, 0, 0]
    with pytest.raises(CharSetError, match="'x'"):
        CharSet('a\ufffd').encode('a\ufffdx')


@pytest.mark.parametrize('indices', [[-1], [3], [0, 1, 99]])
def test_an_index_outside_the_vocabulary_is_an_error(indices: list[int]) -> None:
    with pytest.raises(CharSetError, match='outside this vocabulary of 3'):
        CharSet('ab').decode(indices)


def test_it_is_immutable_and_its_repr_is_the_constructor_call() -> None:
    chars = CharSet("b'\na")
    assert eval(repr(chars)) == chars
    with pytest.raises(AttributeError):
        chars.symbols = 'x'  # type: ignore[misc]
    assert len(repr(CharSet(map(chr, range(1000, 9000))))) < 100
    assert chars.decode(np.array([], dtype=np.uint8)) == ''
    assert 'ab' not in chars and '' not in chars and 3 not in chars
    with pytest.raises(ValueError, match='errors='):
        chars.encode('a', errors='ignore')


def test_errors_survive_pickling() -> None:
    """A multiprocessing worker pickles its errors to send them."""
    error = pickle.loads(pickle.dumps(CharSetError('message', 'next')))
    assert str(error).startswith('message')
