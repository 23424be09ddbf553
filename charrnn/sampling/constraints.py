"""Constraints: rules for a whole text, which the writer keeps by drawing again and going back.

Forbidden    none of some strings appears, also not across the end of the prime
Lines        each line matches a regular expression; a line that has just begun can still become a match
Novel        no long span stands in the training text
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import SamplingError, shown
from charrnn.sampling.writer import Stream
from charrnn.text.matches import places_of


class Forbidden:
    """None of these strings appears in the text, nor does one begin before the text and end in it.

    Of a State that was given as the prime, only the pending symbol is known, and of words the line before it.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self.strings = strings
        self._longest = max(map(len, strings))

    def allows(self, stream: Stream, new: str) -> bool:
        """Return False if the new text completes one of the strings."""
        text, end = stream.text, len(stream.text) - len(new)
        if end < self._longest:
            before = (stream.before or stream.chars.decode([stream.start.pending]))[-self._longest :]
            text, end = before + text, end + len(before)
        return not any(text.find(string, max(0, end - len(string) + 1)) >= 0 for string in self.strings)

    def __str__(self) -> str:
        return f'forbid={shown(list(self.strings))}'


class Lines:
    """Each line of the text matches a regular expression as a whole.

    A line that is not ended yet must be the beginning of a match.  A line ends at a line break or before a stop string.

    Parameters
    ----------
    pattern : str          as the package `regex` takes it, which knows beginnings of matches
    stops : sequence       of str
    """

    def __init__(self, pattern: str, stops: Sequence[str]) -> None:
        try:
            import regex
        except ImportError:
            raise SamplingError('pattern= needs the package regex.', 'at a shell: pip install regex') from None
        try:
            self._match: Callable[..., Any] = regex.compile(pattern).fullmatch
            self._match('')  # a pattern of bytes has no match in a text
        except (regex.error, TypeError) as error:
            raise SamplingError(
                f'pattern={shown(pattern)} is no pattern: {error}.', "pattern='.*', or another regular expression"
            ) from None
        self.pattern, self.stops = pattern, stops

    def allows(self, stream: Stream, new: str) -> bool:
        """Return False if a line that has just ended is no match, or the last one can no longer become one."""
        text = stream.text
        for stop in self.stops:
            if (place := text.find(stop, max(0, len(text) - len(new) - len(stop) + 1))) >= 0:
                return self._are_matches(text[:place], len(text) - len(new))
        if not self._are_matches(text[: text.rfind('\n')] if '\n' in new else '', len(text) - len(new), '\n' in new):
            return False
        return self._match(text[text.rfind('\n') + 1 :], partial=True) is not None

    def _are_matches(self, text: str, tried: int, any_ended: bool = True) -> bool:
        """Return True if all lines of `text` that end behind a place are matches."""
        if not any_ended:
            return True
        first = text.rfind('\n', 0, tried) + 1
        return all(self._match(line) is not None for line in text[first:].split('\n'))

    def __str__(self) -> str:
        return f'pattern={shown(self.pattern)}'


class Novel:
    """No span of more than `most` symbols stands in the training text.

    A longer span would hold a whole gram of half its length that ends at a multiple of that length.  So one gram in so
    many symbols is looked for in the training text, and nothing more is compared unless it stands there.

    Parameters
    ----------
    training : array of indices
    most : int
    """

    def __init__(self, training: NDArray[np.unsignedinteger], most: int) -> None:
        self._training, self.most = training, most
        self._gram = (most + 2) // 2
        self._places: Callable[[tuple[int, ...]], NDArray[np.int64]] = functools.lru_cache(64)(
            lambda gram: places_of(gram, training)
        )

    def allows(self, stream: Stream, new: str) -> bool:
        """Return False if the last most + 1 symbols stand in the training text."""
        first, end = len(stream.indices) - self.most - 1, len(stream.indices)
        if first < 0:
            return True
        gram_end = end - end % self._gram
        places = self._places(tuple(stream.indices[gram_end - self._gram : gram_end]))
        starts = places - (gram_end - self._gram - first)
        starts = starts[(starts >= 0) & (starts <= len(self._training) - self.most - 1)]
        for offset, symbol in enumerate(stream.indices[first:]):
            if not len(starts):
                return True
            starts = starts[self._training[starts + offset] == symbol]
        return not len(starts)

    def __str__(self) -> str:
        return f'novel={self.most}'
