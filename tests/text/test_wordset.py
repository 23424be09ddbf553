"""Words: what encoding and decoding lose is known to the last part, and no text is read as another one."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oddwords import any_text, listed
from torture import TORTURE, count

from charrnn import ByteSet, CharSet, CharSetError, HyperParamsError, SourceTextError, WordSet
from charrnn.text.punctuation import Spacing
from charrnn.text.sources import Source


@st.composite
def any_words(draw: st.DrawFn) -> WordSet:
    """Return a vocabulary with some of the words of some text."""
    lower, punctuation = draw(st.booleans()), draw(st.booleans())
    known = listed(draw(any_text), lower, punctuation)
    return WordSet(draw(st.lists(st.sampled_from(['<eos>', '<unk>', 'a', *known]))), lower, punctuation)


def restore(words: WordSet, indices: list[int], spelled: dict[int, str], continues: bool) -> str:
    """Return the text that indices and spelled parts stand for: the inverse of encode and spelled, written plainly."""
    known, text, spacing = list(words), '', Spacing(words.punctuation, continues)
    for i, index in enumerate(indices):
        word = spelled.get(2 * i + 1, '\n' if known[index] == '<eos>' else known[index])
        gap = spacing.before(word)
        text += spelled.get(2 * i, gap) + word
    return text + spelled.get(2 * len(indices), '')


def lost(words: WordSet, text: str) -> list[str]:
    """Return the parts that decode(encode(text)) loses."""
    return [part for _, part in words.spelled(text)]


def assert_nothing_is_lost(words: WordSet, text: str, continues: bool = False) -> None:
    """Raise unless indices and spelled parts give back the text, and nothing is spelled that decoding gives back."""
    indices, spelled = words.encode(text, errors='replace').tolist(), list(words.spelled(text, continues))
    assert restore(words, indices, dict(spelled), continues) == text
    comes_back, parts = words.decode(indices) == text, lost(words, text)
    assert comes_back or parts
    if words.holds_unknown or '<unk>' not in text:  # else an <unk> of the text is spelled like each unknown word
        assert not (comes_back and parts)
    if not continues:
        assert restore(words, indices, {}, False) == words.decode(indices)


@settings(max_examples=20_000 if TORTURE else 200, deadline=None)
@given(any_words(), any_text, st.booleans())
def test_indices_and_spelled_parts_give_back_every_text(words: WordSet, text: str, continues: bool) -> None:
    assert_nothing_is_lost(words, text, continues)
    count('texts that indices and spelled parts gave back')


@given(any_text)
def test_a_text_of_known_words_is_decoded_except_for_white_space(text: str) -> None:
    text = text.replace('<eos>', '')
    words = WordSet(listed(text))
    decoded = words.decode(words.encode(text))
    assert listed(decoded) == listed(text)
    assert words.decode(words.encode(decoded)) == decoded


@pytest.mark.parametrize(
    'text',
    [
        'the cat, the dog; and (so) on.',
        'She said: "don’t go!" and "stay..."',
        "It's well-known: 3.14 or 1,000 at 10:30 in the U.S.A!",
        'yes--no, and/or, either—or; 50% of $9 #1',
        '“Go,” he said. ‘Why?’… «Warum?»',
        'a [b] {c} (“d”), "e".\n"f" g\n"h\n"i" ¿qué? ¡sí!',
        'the <unk>, and <unk>.\n',
    ],
)
def test_punctuation_comes_back_by_rule(text: str) -> None:
    words = WordSet(listed(text, punctuation=True), punctuation=True)
    assert words.decode(words.encode(text)) == text and not lost(words, text)


def test_marks_are_words_of_their_own() -> None:
    text = 'Don’t stop, "well-known" Mr. X--stay (3.14)! e\u0301té हिन्दी। <eos> <unk>'
    shown = 'Don’t|stop|,|"|well-known|"|Mr|.|X|--|stay|(|3.14|)|!|e\u0301té|हिन्दी|।|<|eos|>|<unk>'
    assert listed(text, punctuation=True) == shown.split('|')
    words = WordSet(['<eos>', 'a', ',', '-'], punctuation=True)
    assert list(words.spelled('a , a\n')) == [(2, ' ')], 'a space before a comma is paid'
    assert list(words.spelled('a,a')) == [(1, 'a,a')], 'an unknown word'
    assert [part for _, part in words.spelled('a- a')] == [''], 'an absent space is paid'


@settings(max_examples=20_000 if TORTURE else 100, deadline=None)
@given(any_text, st.data())
def test_drawn_words_are_read_again_as_the_same_words(text: str, data: st.DataObject) -> None:
    """A sample is scored again as the words that were drawn, whatever stands next to one another."""
    words = WordSet(listed(text + '\n - -- ---- a', punctuation=True), punctuation=True)
    indices = data.draw(st.lists(st.integers(0 if words.holds_unknown else 1, len(words) - 1), max_size=20))
    assert words.encode(words.decode(indices)).tolist() == indices
    count('lists of words and marks that were decoded and read again')


def test_words_seen_seldom_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / 'text'
    path.write_text('b a b c\nb a d e\n' + 'new ' * 8)
    words, _ = WordSet.scan(Source(path, 'word', trainfrac=0.5, mincount=2), [path])
    assert list(words.symbols) == ['b', 'a'], 'of the training text alone; ties do not matter'
    one, _ = WordSet.scan(Source(path, 'word', trainfrac=0.5, mincount=2, vocab_size=2), [path])
    assert list(one.symbols) == ['b']
    with pytest.raises(HyperParamsError, match='seen more than 3 times') as caught:
        WordSet.scan(Source(path, 'word', trainfrac=0.5, mincount=4), [path])
    assert 'Next: mincount=3' in str(caught.value)


@pytest.mark.parametrize('level', ['char', 'byte'])
@pytest.mark.parametrize(
    ('option', 'value'), [('punctuation', True), ('mincount', 2), ('lower', True), ('vocab_size', 9)]
)
def test_options_for_words_are_refused_at_other_levels(level: str, option: str, value: Any) -> None:
    with pytest.raises(HyperParamsError, match=f'{option} belongs to words, and level={level!r}'):
        Source(Path('text'), level, **{option: value})
    assert getattr(Source(Path('text'), 'word', **{option: value}), option) == value


@pytest.mark.parametrize(
    'facts', [{'punctuation': 1}, {'punctuation': True}, {'words_and_marks': 'a'}, {'words': []}, {'lower': 0}]
)
def test_facts_of_a_stranger_are_checked(facts: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        WordSet.from_facts({'words': ['a'], 'lower': False, 'punctuation': 'words_and_marks' in facts, **facts})


def test_options_that_are_not_given_leave_no_trace_in_the_facts() -> None:
    assert WordSet(['a']).facts() == {'words': ['a'], 'lower': False}
    marked = WordSet(['a', ','], punctuation=True)
    assert marked.facts() == {'words_and_marks': ['a', ','], 'lower': False, 'punctuation': True}
    assert WordSet.from_facts(marked.facts()) == marked == eval(repr(marked)) != WordSet(['a', ','])
    with pytest.raises(KeyError):
        marked.facts()['words']  # read by every charrnn that does not know the option, which thus refuses the run


@pytest.mark.parametrize('lower', [False, True])
def test_a_word_for_the_end_of_a_line_in_the_text_itself_is_paid(lower: bool) -> None:
    """The text's own <eos> has the index of a line break, and decodes to one."""
    words = WordSet(['<eos>', 'a', 'b'], lower=lower)
    assert words.decode(words.encode('a <eos> b')) == 'a\nb'
    assert list(words.spelled('a <eos> b')) == [(3, '<eos>')]


def test_the_space_after_a_word_before_the_text_is_free() -> None:
    words = WordSet(['<eos>', 'a'])
    assert list(words.spelled(' a', continues=True)) == list(words.spelled('a')) == []
    assert lost(words, ' a') == [' '] and lost(words, 'a ') == [' ']
    assert lost(words, ' \n a') == [' ', ' '] and lost(words, ' ') == [' ']


def test_lower_case_leaves_the_words_where_they_are() -> None:
    """No character becomes white space or loses it, so a text in lower case has the same words."""
    everything = ''.join(map(chr, range(0x110000)))
    assert re.findall(r'\s', everything) == re.findall(r'\s', everything.lower())
    words = WordSet(['i\u0307', 'ας', 'ασ.α'], lower=True)
    assert words.encode('İ ΑΣ ΑΣ.Α').tolist() == [1, 2, 3] and lost(words, 'İ ΑΣ') == ['İ', 'ΑΣ']


@pytest.mark.parametrize('level', [CharSet, WordSet])
def test_half_a_character_is_refused(tmp_path: Path, level: type[Any]) -> None:
    path = tmp_path / 'text'
    path.write_bytes(b'a \\ud83d b')
    with pytest.raises(SourceTextError, match='half of a surrogate pair'):
        level.scan(Source(path, level.level, encoding='unicode_escape'), [path])


def test_spelled_words_and_white_space() -> None:
    words = WordSet(['<eos>', 'the', 'cat', 'sat'])
    assert lost(words, 'the cat sat\nthe cat\n') == []
    assert lost(words, 'the dog sat') == ['dog']
    assert lost(words, 'the  cat\tsat \nthe') == ['  ', '\t', ' ']
    assert lost(WordSet(['<eos>', 'the'], lower=True), 'The the\n') == ['The']
    assert lost(WordSet(['<eos>', '<unk>']), '<unk>\n') == []
    assert lost(WordSet(['<eos>', 'a']), '<unk>\n') == ['<unk>']


def test_the_most_frequent_words_of_the_training_text_are_kept(tmp_path: Path) -> None:
    path = tmp_path / 'text'
    path.write_text('b a b c\nb a d e\n' + 'new ' * 8)
    words, sizes = WordSet.scan(Source(path, 'word', trainfrac=0.5), [path])
    assert sizes == [18] and list(words.symbols) == ['b', 'a', '<eos>', 'c', 'd', 'e']
    few, _ = WordSet.scan(Source(path, 'word', trainfrac=0.5, vocab_size=3), [path])
    assert list(few) == ['<unk>', 'b', 'a'] and len(few) == 3
    assert few.encode('c b', errors='replace').tolist() == [0, 1]
    assert lost(few, 'b\n') == ['\n'], 'a line break outside the vocabulary must be spelled'


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


@example('<eos>', [2])  # typed as a word, it is no line break
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
