"""The parts of a text that its indices lose: unknown symbols, and what the words of a vocabulary leave out.

Indices and lost parts together give back every text, whatever the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from charrnn.text.charset import UNKNOWN, CharSet
from charrnn.text.punctuation import Spacing
from charrnn.text.tokens import END
from charrnn.text.vocabulary import Indices, Vocabulary
from charrnn.text.wordset import WordSet


def lost_parts(chars: Vocabulary[Any], text: str) -> dict[int, str]:
    """Return each part of a text that ``decode(encode(text))`` loses, by its place.

    The places are those of ``WordSet.spelled``: 2·i for the white space before symbol i, 2·i + 1 for the symbol itself,
    2·n for the end of the text.
    """
    if isinstance(chars, WordSet):
        return dict(chars.spelled(text))
    if isinstance(chars, CharSet):
        unknown = np.flatnonzero(chars.encode(text, errors='replace') == 0).tolist()
        return {2 * i + 1: text[i] for i in unknown if text[i] != UNKNOWN}
    return {}


def whole_text(chars: Vocabulary[Any], indices: Indices, parts: Mapping[int, str]) -> bytes:
    """Return the text of which `indices` and lost parts are given, as UTF-8; the inverse of ``lost_parts``."""
    if not parts:
        return chars.to_bytes(indices)
    if not isinstance(chars, WordSet):
        symbols = list(chars.decode(indices))
        for place, part in parts.items():
            symbols[place // 2] = part
        return ''.join(symbols).encode('utf-8', 'surrogateescape')
    known, spacing, found = list(chars), Spacing(chars.punctuation), list[str]()
    for i, index in enumerate(indices.tolist()):
        word = parts.get(2 * i + 1, '\n' if known[index] == END else known[index])
        gap = spacing.before(word)
        found += [parts.get(2 * i, gap), word]
    return ''.join([*found, parts.get(2 * len(indices), '')]).encode('utf-8', 'surrogateescape')
