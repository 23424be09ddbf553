"""A text as symbols for a model by hand: bytes (256 codes) or the most frequent words, and the lanes that read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r'<unk>|\w+|[^\w\s]|\n')


class Bytes:
    """The 256 codes of UTF-8."""

    def __len__(self) -> int:
        return 256

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the codes of a text."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int64)

    def decode(self, indices: Sequence[int] | NDArray[np.int64]) -> str:
        """Return the text of codes; bytes that are not UTF-8 become U+FFFD."""
        return np.asarray(indices, np.uint8).tobytes().decode('utf-8', 'replace')


class Words:
    """The `most` most frequent words, punctuation marks and line breaks of a text.

    Index 0 stands for every other word.  It is not itself a word: '<unk>' in a text is a word like any other.
    """

    def __init__(self, text: str, most: int = 1000) -> None:
        self.words = [word for word, _ in Counter(WORD.findall(text)).most_common(most)]
        self._index = {word: place for place, word in enumerate(self.words, 1)}

    def __len__(self) -> int:
        return len(self.words) + 1

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the index of every word, 0 for a word outside the vocabulary."""
        return np.array([self._index.get(word, 0) for word in WORD.findall(text)], np.int64)

    def decode(self, indices: Sequence[int] | NDArray[np.int64]) -> str:
        """Return the words with spaces between them, an unknown one as □."""
        words = [self.words[index - 1] if index else '□' for index in indices]
        return ' '.join(words).replace(' \n ', '\n').replace('\n ', '\n').replace(' \n', '\n')


def windows(ids: NDArray[np.int64], lanes: int, length: int) -> Iterator[NDArray[np.int64]]:
    """Yield windows (length + 1, lanes) without end: lane k starts at k/lanes of the text and reads it as a ring."""
    n, position = len(ids), 0
    starts = np.arange(lanes) * n // lanes
    while True:
        yield ids[(position + starts + np.arange(length + 1)[:, None]) % n]
        position += length
