"""The size of a text in every unit, and what a word model loses of it.

A char or byte model encodes a text without loss, so its loss is the whole cost.  A word model does not: decoding loses
unknown words, capitals (with `lower`), and white space other than one space or a line break.  What is lost is added to
the cost: it is spelled character by character, with an end mark, under the unigram of the training text's characters.
Where a spelled part does not stand for <unk>, its place is paid too: choosing k of n places costs log(n! / k! (n-k)!).
So a word model with a small vocabulary does not win by encoding all other words as <unk>.

A text is read in pieces, so that a split of any size takes little memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from charrnn.text.charset import CODE_POINTS, code_points
from charrnn.text.dataset import Dataset
from charrnn.text.decoding import CHUNK_BYTES, decoder_of
from charrnn.text.vocabulary import count_symbols
from charrnn.text.wordset import WordSet

MOST_BYTES = 64 * 2**20
"""The unigram of characters is fitted on this many bytes at the end of the training text."""


@dataclass(frozen=True)
class TextSize:
    """The size of a text in every unit.

    Parameters
    ----------
    bytes, chars : int       of the text as UTF-8
    words : int              strings between white space, plus line breaks; 0 for other white space alone
    spelling_nats : float    the cost of what a word vocabulary cannot encode; 0 for characters and bytes
    """

    bytes: int
    chars: int
    words: int
    spelling_nats: float


class Letters(NamedTuple):
    """The cost of spelling, in nats: of each code point, (CODE_POINTS,), and of an end mark."""

    costs: NDArray[np.float64]
    end: float

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64], ends: int) -> Self:
        """Return the cost that follows from how often the training text has each code point, and words that end.

        The alphabet is the characters of the training text with one added to each count, an end mark that is as
        frequent as words are, and one more symbol, of count 1, for all other code points; each of these costs
        log(1,114,112) more.
        """
        known = counts > 0
        total = counts.sum() + known.sum() + (ends + 1) + 1
        other = math.log(total) + math.log(CODE_POINTS)
        return cls(np.where(known, math.log(total) - np.log(counts + 1), other), math.log(total) - math.log(ends + 1))


def measure_text(
    text: bytes, data: Dataset, before: bytes = b'', letters: Callable[[], Letters] | None = None
) -> TextSize:
    """Return the size of a text for the vocabulary of `data`; see ``measure_pieces``."""
    return measure_pieces([text], data, before, letters)


def measure_pieces(
    pieces: Iterable[bytes], data: Dataset, before: bytes = b'', letters: Callable[[], Letters] | None = None
) -> TextSize:
    """Return the size of a text for the vocabulary of `data`; its training split gives the unigram of characters.

    Parameters
    ----------
    pieces : iterable      of UTF-8; for words each but the last ends a line, as those of ``Dataset.pieces`` do
    before : bytes         the last byte before the text in its source, if there is one: a space that parts a word
                           before the text from its first word comes back in decoding, and is free
    letters : callable     returns ``letters_of(data)``, if the caller keeps that
    """
    words = WordCount()
    spelling = Spelling(data.chars) if isinstance(data.chars, WordSet) else None
    size = chars = 0
    for text in _decoded(pieces, 'surrogateescape'):
        if spelling is not None:
            spelling.read(text, not size and before not in (b'', b'\n') and text[:1].isspace())
        words.read(text)
        size += len(text.encode('utf-8', 'surrogateescape'))
        chars += len(text)
    nats = 0.0 if spelling is None else spelling.nats(letters or (lambda: letters_of(data)))
    return TextSize(size, chars, words.total, nats)


def _decoded(pieces: Iterable[bytes], errors: str) -> Iterator[str]:
    """Yield the characters of UTF-8 that is cut anywhere."""
    decoder, last = decoder_of('utf-8', errors), b''
    for piece in pieces:
        yield decoder.decode(last)
        last = piece
    yield decoder.decode(last, final=True)


class WordCount:
    """The number of words and line breaks of a text that is read in pieces, cut anywhere."""

    def __init__(self) -> None:
        self.total, self._in_word = 0, False

    def read(self, text: str) -> None:
        """Count the next piece."""
        if text:
            goes_on = self._in_word and not text[0].isspace()
            self.total += len(text.split()) + text.count('\n') - goes_on
            self._in_word = not text[-1].isspace()


def letters_of(data: Dataset) -> Letters:
    """Return the cost of spelling, from the training text of `data`."""
    return Letters.of_counts(*letter_counts(data))


def letter_counts(data: Dataset) -> tuple[NDArray[np.int64], int]:
    """Return how often the training text has each code point, (CODE_POINTS,), and how many words and line breaks."""
    training, counts, words = data.text('train', MOST_BYTES), np.zeros(CODE_POINTS, np.int64), WordCount()
    for text in _decoded((training[at : at + CHUNK_BYTES] for at in range(0, len(training), CHUNK_BYTES)), 'replace'):
        counts += count_symbols(code_points(text), CODE_POINTS)
        words.read(text)
    return counts, words.total


class Spelling:
    """The parts of a text that a word vocabulary cannot encode, read in pieces of whole lines.

    Which places are spelled is paid for too, given their number: among the white spaces, the symbols with index 0, and
    the other symbols.  For index 0 that is nothing, unless the vocabulary itself holds <unk>.
    """

    def __init__(self, words: WordSet) -> None:
        self.words = words
        self._points: list[NDArray[np.uint32]] = []
        self._parts = 0
        self._places, self._chosen = np.array([1, 0, 0]), np.zeros(3, np.int64)  # a place after the last word

    def read(self, text: str, continues: bool = False) -> None:
        """Read the next lines; the first may continue one: a word stands before it."""
        is_unknown = self.words.encode(text, errors='replace') == 0
        unknown = int(is_unknown.sum())
        self._places += [len(is_unknown), unknown, len(is_unknown) - unknown]
        if spelled := list(self.words.spelled(text, continues)):
            places = np.array([place for place, _ in spelled])
            symbols = is_unknown[places[places % 2 == 1] // 2]  # for each spelled symbol, True if its index is 0
            self._chosen += [int((places % 2 == 0).sum()), int(symbols.sum()), int((~symbols).sum())]
            self._points.append(code_points(''.join(part for _, part in spelled)))
            self._parts += len(spelled)

    def nats(self, letters: Callable[[], Letters]) -> float:
        """Return the cost, in nats; `letters` is called if anything was spelled."""
        if not self._parts:
            return 0.0
        costs, end = letters()
        spelled = sum(float(costs[points].sum()) for points in self._points)
        return spelled + end * self._parts + sum(map(_log_choices, self._places.tolist(), self._chosen.tolist()))


def _log_choices(n: int, k: int) -> float:
    """Return the logarithm of the number of ways to choose k of n places."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
