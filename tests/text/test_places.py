"""The places of symbols in a text: every symbol has one, and what stands there is what it spells."""

import random

import pytest
from oddwords import listed
from test_printing import odd_text

from charrnn.text.byteset import ByteSet
from charrnn.text.charset import CharSet
from charrnn.text.vocabulary import Vocabulary
from charrnn.text.wordset import WordSet


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('punctuation', [False, True])
def test_every_symbol_has_its_place(seed: int, punctuation: bool) -> None:
    text = odd_text(random.Random(seed)) + '\udc83'
    words = WordSet(listed(text, punctuation=punctuation), punctuation=punctuation)
    sets: list[Vocabulary[str] | ByteSet] = [CharSet(text), ByteSet(), words]
    for symbols in sets:
        places = symbols.places(text)
        assert len(places) == len(symbols.encode(text, errors='replace'))
        assert (places[:, 0] < places[:, 1]).all() and (places[1:, 0] >= places[:-1, 0]).all()
    found = [text[start:end] for start, end in words.places(text).tolist()]
    assert ['<eos>' if word == '\n' else word for word in found] == listed(text, punctuation=punctuation)
    of_bytes = ByteSet().places(text)[:, 0].tolist()
    for k, char in enumerate(text):
        assert of_bytes.count(k) == len(char.encode('utf-8', 'surrogateescape'))


def test_no_text_has_no_places() -> None:
    for symbols in (CharSet('a'), ByteSet(), WordSet(['a'])):
        assert symbols.places('').shape == (0, 2)
