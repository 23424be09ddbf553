from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn import ByteSet, CharSetError, WordSet
from charrnn.text.sources import Source
from charrnn.text.wordset import tokens_of

any_text = st.text(st.sampled_from('ab é\n\t \r'), max_size=60)


@given(any_text)
def test_a_text_of_known_words_is_decoded_except_for_white_space(text: str) -> None:
    words = WordSet(tokens_of(text))
    decoded = words.decode(words.encode(text))
    assert tokens_of(decoded) == tokens_of(text)
    assert words.decode(words.encode(decoded)) == decoded


@given(any_text, st.sets(st.sampled_from(['a', 'b', 'ab', 'é'])), st.booleans())
def test_a_text_without_unspoken_parts_is_decoded_exactly(text: str, known: set[str], lower: bool) -> None:
    """If decode does not return the text, unspoken yields something, except for a space at either end of the text."""
    words = WordSet(['<eos>', *sorted(known)], lower=lower)
    comes_back = words.decode(words.encode(text, errors='replace')) == text
    assert comes_back or list(words.unspoken(text)) or text.startswith(' ') or text.endswith(' ')
    if not list(words.unspoken(text)) and not text.startswith(' ') and not text.endswith(' '):
        assert comes_back


def test_unspoken_words_and_white_space() -> None:
    words = WordSet(['<eos>', 'the', 'cat', 'sat'])
    assert list(words.unspoken('the cat sat\nthe cat\n')) == []
    assert list(words.unspoken('the dog sat')) == ['dog']
    assert list(words.unspoken('the  cat\tsat \nthe')) == ['  ', '\t', ' ']
    assert list(WordSet(['<eos>', 'the'], lower=True).unspoken('The the\n')) == ['The']
    assert list(WordSet(['<eos>', '<unk>']).unspoken('<unk>\n')) == []
    assert list(WordSet(['<eos>', 'a']).unspoken('<unk>\n')) == ['<unk>']


def test_the_most_frequent_words_of_the_training_text_are_kept(tmp_path: Path) -> None:
    path = tmp_path / 'text'
    path.write_text('b a b c\nb a d e\n' + 'new ' * 8)
    words, sizes = WordSet.scan(Source(path, 'word', trainfrac=0.5), [path])
    assert sizes == [18] and list(words.symbols) == ['b', 'a', '<eos>', 'c', 'd', 'e']
    few, _ = WordSet.scan(Source(path, 'word', trainfrac=0.5, vocab_size=3), [path])
    assert list(few) == ['<unk>', 'b', 'a'] and len(few) == 3
    assert few.encode('c b', errors='replace').tolist() == [0, 1]
    assert list(few.unspoken('b\n')) == ['\n'], 'a line break outside the vocabulary must be spelled'


def test_words_are_values() -> None:
    words = WordSet(['<eos>', 'the'])
    assert eval(repr(words)) == words and WordSet.from_facts(words.facts()) == words
    assert words.silent == 0 and WordSet(['<unk>', 'a']).silent is None
    assert 'the' in words and '<unk>' not in words and list(words.symbols) == ['<eos>', 'the']
    with pytest.raises(CharSetError, match="'dog' is not among this model’s 2 words"):
        words.encode('the dog')
    with pytest.raises(CharSetError, match='outside'):
        words.decode([3])
    assert words.encode('').tolist() == [] and words.decode([]) == ''


@given(any_text, st.lists(st.integers(1, 3), max_size=5))
def test_words_go_on_after_a_text_as_text(text: str, indices: list[int]) -> None:
    words = WordSet(['<eos>', 'ab', 'é'])
    before = words.encode(text, errors='replace').tolist()
    whole = text + words.decode_after(text, indices)
    assert words.encode(whole, errors='replace').tolist() == before + indices, 'no word is glued to another'
    assert words.decode_after('', indices) == words.decode(indices)


@pytest.mark.parametrize(
    ('text', 'following'),
    [('The', ' cat'), ('The ', 'cat'), ('The\n', 'cat'), ('The\t', 'cat'), ('The\u2003', 'cat'), ('', 'cat')],
)
def test_a_space_comes_between_two_words_only(text: str, following: str) -> None:
    words = WordSet(['<eos>', 'the', 'cat'], lower=True)
    assert words.decode_after(text, [3]) == following
    assert words.decode_after(text, [1, 3]) == '\ncat'


@given(st.lists(st.integers(0, 255)))
def test_bytes_are_kept_beside_their_text(values: list[int]) -> None:
    chars, data = ByteSet(), bytes(values)
    assert chars.decode(values) == data.decode('utf-8', 'replace')
    assert chars.to_bytes(values) == chars.to_bytes(np.array(values, np.int64)) == data
    text = chars.decode(values)
    assert chars.decode(chars.encode(text)) == text
    assert chars.encode(data.decode('utf-8', 'surrogateescape')).tolist() == values, 'a text read by surrogateescape'


def test_half_of_a_surrogate_pair_is_no_character() -> None:
    with pytest.raises(CharSetError, match='U\\+D800 at offset 1 is half of a surrogate pair'):
        ByteSet().encode('a\ud800')
    assert ByteSet().encode('a\ud800', errors='replace').tolist() == [97, 0xEF, 0xBF, 0xBD]


def test_there_is_one_byte_set() -> None:
    assert ByteSet() == ByteSet() and len(ByteSet()) == len(ByteSet().symbols) == 256 and ByteSet().silent is None
