"""Indices and lost parts give back every text."""

from __future__ import annotations

from typing import Any

import pytest

from charrnn import ByteSet, CharSet, WordSet
from charrnn.text.spelling import lost_parts, whole_text
from charrnn.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ('chars', 'text', 'parts'),
    [
        (CharSet('abc'), 'axb\ufffd', {3: 'x'}),
        (CharSet('abc\ufffd'), 'a\ufffdx', {5: 'x'}),
        (CharSet('abc'), 'abc', {}),
        (CharSet('abc'), '', {}),
        (ByteSet(), 'é\udcff', {}),
        (WordSet(['<eos>', 'the', 'cat']), 'the  Cat\n ', {2: '  ', 3: 'Cat', 6: ' '}),
        (WordSet(['the', 'cat']), ' \n', {0: ' ', 1: '\n'}),
        (WordSet(['the', 'cat']), '  ', {0: '  '}),
        (WordSet(['<eos>', 'the', '<unk>']), 'the <unk> x', {5: 'x'}),
        (WordSet(['the', ','], punctuation=True), 'the , the', {2: ' '}),
    ],
)
def test_a_text_comes_back(chars: Vocabulary[Any], text: str, parts: dict[int, str]) -> None:
    assert lost_parts(chars, text) == parts
    indices = chars.encode(text, errors='replace')
    assert whole_text(chars, indices, parts) == text.encode('utf-8', 'surrogateescape')
