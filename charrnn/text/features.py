"""Features of a text that a unit may follow: a number for each character, which the text alone decides.

    quote     1 inside quotation marks, the opening one included
    line      the place in the line: 1, 2, 3, …; 0 for a line break
    upper     1 for an upper-case letter
    bracket   1 inside ( ), [ ] or { }, the opening one included
    indent    1 for white space that begins a line
    digit     1 for a digit

An empty line closes all quotation marks and brackets, so that one that is never closed marks no more than a paragraph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

QUOTES = frozenset('"“”„«»')
"""Marks of which each opens if none is open, and closes if one is: languages differ in which is which."""
BRACKETS = dict(zip('([{)]}', (1, 1, 1, -1, -1, -1), strict=True))


def quote(text: str) -> Iterator[float]:
    """Yield 1 inside quotation marks."""
    is_open, before = False, ''
    for char in text:
        if char in QUOTES:
            is_open = not is_open
        is_open = is_open and not (char == before == '\n')
        yield is_open
        before = char


def bracket(text: str) -> Iterator[float]:
    """Yield 1 inside brackets."""
    depth, before = 0, ''
    for char in text:
        depth = 0 if char == before == '\n' else max(0, depth + BRACKETS.get(char, 0))
        yield depth > 0
        before = char


def line(text: str) -> Iterator[float]:
    """Yield the place in the line."""
    place = 0
    for char in text:
        place = 0 if char == '\n' else place + 1
        yield place


def indent(text: str) -> Iterator[float]:
    """Yield 1 for white space that begins a line."""
    begins = True
    for char in text:
        yield begins and char.isspace() and char != '\n'
        begins = char == '\n' or (begins and char.isspace())


def upper(text: str) -> Iterator[float]:
    """Yield 1 for an upper-case letter."""
    return (char.isupper() for char in text)


def digit(text: str) -> Iterator[float]:
    """Yield 1 for a digit."""
    return (char.isdigit() for char in text)


FEATURES: dict[str, Callable[[str], Iterator[float]]] = {
    function.__name__: function for function in (quote, line, upper, bracket, indent, digit)
}
"""The features by name."""

_SYNONYMS = {
    'quote': 'quotation quotations speech dialogue',
    'line': 'newline linebreak line_break line_length position column',
    'upper': 'uppercase capital capitals caps',
    'bracket': 'parenthesis parentheses paren parens',
    'indent': 'indentation',
    'digit': 'number numbers numeric',
}
OTHER_FEATURES = {name: feature for feature, names in _SYNONYMS.items() for name in names.split()}
"""Other names for the features."""


def of_symbols(values: Sequence[float] | NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each symbol of a text the largest value of its characters.

    Parameters
    ----------
    values : one for each character
    places : (N, 2)     begin and end of each symbol; none is empty

    >>> of_symbols([0, 1, 0, 5, 2], np.array([[0, 2], [3, 4], [4, 5]])).tolist()
    [1.0, 5.0, 2.0]
    """
    largest = np.maximum.reduceat([*values, -np.inf], places.ravel())[::2]  # a place after the end needs a value there
    return np.asarray(largest, np.float64)
