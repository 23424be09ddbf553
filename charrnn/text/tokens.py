"""Tokens: the words and line breaks of a text, each distinct one once, and which of them stands at each place.

    'the cat\\nthe dog'  ──►  ['the', 'cat', '<eos>', 'dog']  and  [0, 1, 2, 0, 3]

What a word becomes is asked once for each distinct word, so that a long text costs one pass in C (c/words.c; without a
compiler in Python) and one look at each word that it holds.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from charrnn.text.punctuation import MARKED_WORD

END = '<eos>'
Codes = NDArray[np.int32]
MOST_IN_C = 2**29 - 1
"""Characters of a text that C reads at once, at most: it counts bytes in 32 bits, and a character has up to four."""

_in_c: Callable[[bytes], tuple[list[str], bytes]] | None
try:
    _in_c = importlib.import_module('charrnn.text._words').distinct
except ImportError:
    _in_c = None


def distinct_words(text: str) -> tuple[list[str], Codes]:
    r"""Return the distinct words of a text, in the order in which they are seen first, and the place of each word.

    A word is what stands between white space, and each line break.

    >>> distinct_words('a b\na')
    (['a', 'b', '\n'], array([0, 1, 2, 0], dtype=int32))
    """
    if _in_c is None or len(text) > MOST_IN_C:
        return distinct_in_python(text)
    words, codes = _in_c(text.encode('utf-8', 'surrogatepass'))
    return words, np.frombuffer(codes, np.int32)


def distinct_in_python(text: str) -> tuple[list[str], Codes]:
    """Return what ``distinct_words`` does, without C."""
    places: defaultdict[str, int] = defaultdict()
    places.default_factory = places.__len__  # a word that is not there yet gets the next number
    lines = chain.from_iterable((*line.split(), '\n') for line in text.split('\n'))
    codes = np.fromiter(map(places.__getitem__, lines), np.int32)[:-1]  # no line break ends the last line
    return [*places][: codes.max(initial=-1) + 1], codes


def tokens_of(text: str, lower: bool = False, punctuation: bool = False) -> tuple[list[str], Codes]:
    r"""Return the tokens of a text, and for each place of the text the place of its token in the list.

    Parameters
    ----------
    lower : bool          in lower case
    punctuation : bool    each mark of punctuation is a token of its own, see punctuation.py
    Returns
    -------
    tokens : list of str               `<eos>` for a line break; a token may be in the list more than once
    codes : (number of tokens,)

    >>> tokens_of('a, b\n', punctuation=True)
    (['a', ',', 'b', '<eos>'], array([0, 1, 2, 3], dtype=int32))
    """
    words, codes = distinct_words(text)
    if punctuation:
        parts = [marked(word) for word in words]
        words, codes = [*chain.from_iterable(parts)], _each_part(codes, [*map(len, parts)])
    if lower:
        words = [word.lower() for word in words]
    return [END if word == '\n' else word for word in words], codes


@lru_cache(2**16)  # a long text is read in pieces, and most words are in several of them
def marked(word: str) -> list[str]:
    """Return the words and marks of a string without white space."""
    return MARKED_WORD.findall(word)


def _each_part(codes: Codes, parts: list[int]) -> Codes:
    """Return the places of the parts of each word, if word i has parts[i] parts, and all parts stand in one list."""
    sizes = np.array(parts, np.int64)
    firsts, here = (np.cumsum(sizes) - sizes)[codes], sizes[codes]
    return (np.repeat(firsts - (np.cumsum(here) - here), here) + np.arange(here.sum())).astype(np.int32)
