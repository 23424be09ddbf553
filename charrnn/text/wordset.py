"""WordSet: words between white space, and the end of a line as a word of its own.

    'the cat\\nsat'  ──►  the  cat  <eos>  sat  ──►  'the cat\\nsat'

The vocabulary holds the words of the training text alone: index 0 is `<unk>`, the unknown word; the others follow by
falling frequency (equal ones by code point).  Decoding puts one space between words and a line break for `<eos>`.
Decoding loses unknown words, other white space and, with `lower`, capitals; ``unspoken`` returns them, because an
honest score must pay for them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from charrnn.display.text import fitted
from charrnn.errors import CharSetError, shown
from charrnn.text.sources import Source, decoded_chunks, split_size
from charrnn.text.vocabulary import Decoder, Indices, Vocabulary, check_errors_argument, outside

UNKNOWN, END = '<unk>', '<eos>'
TOKEN = re.compile(r'\n|\S+')
BREAK = re.compile(r'\s')


def tokens_of(text: str) -> list[str]:
    """Return the words of a text, with `<eos>` for every line break."""
    return [END if token == '\n' else token for token in TOKEN.findall(text)]


@fitted
class WordSet(Vocabulary[str]):
    """Words and their indices.

    >>> words = WordSet(['<eos>', 'the', 'cat'])
    >>> words
    WordSet(['<eos>', 'the', 'cat'])
    >>> words.encode('the cat\\n').tolist()
    [2, 3, 1]
    >>> words.decode([2, 3, 1, 2])
    'the cat\\nthe'

    Parameters
    ----------
    words : iterable of str    the symbols, in the order of their indices from 1 on (`<unk>`, if it is among them, is 0)
    lower : bool               read a text in lower case
    """

    __slots__ = ('_index', '_words', 'holds_unknown', 'lower')

    level = 'word'

    def __init__(self, words: Iterable[str], lower: bool = False) -> None:
        given = list(dict.fromkeys(words))
        self.holds_unknown = UNKNOWN in given
        self.lower = lower
        self._words = [UNKNOWN, *(word for word in given if word != UNKNOWN)]
        self._index = {word: i for i, word in enumerate(self._words)}

    @property
    def symbols(self) -> Sequence[str]:
        """The words of the text; `<unk>` is among them only if the text holds it."""
        return self._words if self.holds_unknown else self._words[1:]

    @property
    def silent(self) -> int | None:
        """The index of `<unk>`, 0; None if the text itself holds `<unk>`."""
        return None if self.holds_unknown else 0

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __contains__(self, word: object) -> bool:
        return (word in self._index) and (word != UNKNOWN or self.holds_unknown)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordSet):
            return NotImplemented
        return (self._words, self.lower, self.holds_unknown) == (other._words, other.lower, other.holds_unknown)

    def __hash__(self) -> int:
        return hash((tuple(self._words), self.lower))

    def __repr__(self) -> str:
        if len(self) <= 20:
            return f'WordSet({list(self.symbols)!r}{", lower=True" if self.lower else ""})'
        return f'<WordSet of {len(self.symbols):,} words {self.symbols[0]!r} … {self.symbols[-1]!r}>'

    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """Return the index of every word and line break.

        Raises
        ------
        CharSetError    errors='strict', and a word is unknown
        """
        check_errors_argument(errors)
        words = tokens_of(text.lower() if self.lower else text)
        if errors == 'strict':
            unknown = next((word for word in words if word not in self), None)
            if unknown is not None:
                raise CharSetError(
                    f'{shown(unknown)} is not among this model’s {len(self.symbols):,} words.',
                    "ms.chars shows them; errors='replace' reads it as <unk>.",
                )
        get = self._index.get
        return np.fromiter((get(word, 0) for word in words), dtype=self.dtype, count=len(words))

    def decode(self, indices: Iterable[int]) -> str:
        """Return the text that `indices` spell: one space between words, a line break for `<eos>`."""
        decoder = self.decoder()
        decoder.feed(indices)
        return decoder.text

    def decode_after(self, text: str, indices: Iterable[int]) -> str:
        """Return the text that `indices` spell after `text`: with a space between, if `text` ends in a word."""
        decoder = self.decoder()
        decoder.feed(self.encode(text, errors='replace'))
        start = len(decoder.text)
        decoder.feed(indices)
        found = decoder.text[start:]
        return found.removeprefix(' ') if text[-1:].isspace() else found

    def decoder(self) -> WordDecoder:
        """Return a decoder that has been given no word yet."""
        return WordDecoder(self._words)

    def unspoken(self, text: str) -> Iterator[str]:
        """Yield what decode(encode(text)) loses, each as it must be spelled: a word, or white space."""
        position, before = 0, ''
        for found in TOKEN.finditer(text):
            token, gap = found[0], text[position : found.start()]
            expected = '' if before in ('', '\n') or token == '\n' else ' '
            # A text may begin in the middle of a line, after a word that is not in it.
            if gap != expected and not (before == '' and gap == ' '):
                yield gap
            read = END if token == '\n' else token.lower() if self.lower else token
            comes_back = read in self and (read == token or token == '\n')
            if not comes_back:
                yield token
            position, before = found.end(), token
        if text[position:] not in ('', ' '):
            yield text[position:]

    @classmethod
    def pieces(cls, path: Path, encoding: str) -> Iterator[str]:
        """Yield a text in pieces of whole lines or, in a very long line, of whole words."""
        rest = ''
        for text in decoded_chunks(path, encoding):
            rest += text
            cut = rest.rfind('\n') + 1
            if not cut and len(rest) > 2**20:
                cut = max((m.end() for m in BREAK.finditer(rest)), default=0)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
        if rest:
            yield rest

    @classmethod
    def scan(cls, source: Source, files: Sequence[Path]) -> tuple[Self, list[int]]:
        """Return the `vocab_size` most frequent words of the training text, `<unk>` counted, and the file sizes."""
        sizes = [
            sum(sum(1 for _ in TOKEN.finditer(piece)) for piece in cls.pieces(path, source.encoding)) for path in files
        ]
        left = split_size(source.trainfrac, sizes[0])
        counts: Counter[str] = Counter()
        for piece in cls.pieces(files[0], source.encoding):
            words = list(islice(tokens_of(piece.lower() if source.lower else piece), left))
            counts.update(words)
            left -= len(words)
            if not left:
                break
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        if source.vocab_size is not None:
            others = [word for word in ranked if word != UNKNOWN][: source.vocab_size - 1]
            ranked = [*([UNKNOWN] if UNKNOWN in counts else []), *others]
        return cls(ranked, source.lower), sizes

    def encode_piece(self, piece: str) -> Indices:
        """Return the indices of a piece; unknown words are 0."""
        return self.encode(piece, errors='replace')

    def facts(self) -> dict[str, Any]:
        """Return the words in order, and `lower`."""
        return {'words': list(self.symbols), 'lower': self.lower}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the WordSet that ``facts`` describes."""
        words, lower = facts['words'], facts['lower']
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or type(lower) is not bool:
            raise ValueError('words must be a list of str, and lower a bool')
        return cls(words, lower)


class WordDecoder(Decoder):
    """The text of word indices: one space between words, a line break for `<eos>`."""

    __slots__ = ('_gap', '_words')

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._words = words
        self._gap = ''  # what separates the next word from the text: nothing at the beginning of a line

    def push(self, index: int) -> None:
        """Add the word of an index; raise CharSetError if it is outside the vocabulary."""
        if not 0 <= index < len(self._words):
            raise outside(index, len(self._words))
        word = self._words[index]
        piece = '\n' if word == END else self._gap + word
        self._pieces.append(piece)
        self._gap = '' if piece == '\n' else ' '
