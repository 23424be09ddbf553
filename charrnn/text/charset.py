"""CharSet: the immutable bijection between characters and indices.

Index 0 is U+FFFD, the unknown character; the characters of the text follow in the order of their code points, and
those of a text that is added later after them.
Index 0 always counts in ``len(chars)``, the model's vocabulary size V.  It is a symbol like any other only if the
text itself holds U+FFFD; otherwise displays and the uniform rung leave it out and sampling never draws it.

Characters are code points: no normalisation, no case folding, so that decode(encode(text)) is the text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import check_errors_argument
from charrnn.display.text import fitted
from charrnn.errors import CharSetError, SourceTextError
from charrnn.text.ahead import ahead
from charrnn.text.decoding import decoded_chunks
from charrnn.text.sources import Source
from charrnn.text.vocabulary import Decoder, Indices, Vocabulary, outside, refuse_surrogates

UNKNOWN = '\ufffd'
CODE_POINTS = 0x110000  # one more than the largest code point


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of `text`, shape (len(text),), without a Python loop."""
    return np.frombuffer(text.encode('utf-32-le', 'surrogatepass'), dtype='<u4')


def name_character(char: str) -> str:
    """Return a character as error messages name it: 'é' (U+00E9)."""
    shown = char if char.isprintable() and not unicodedata.combining(char) else char.encode('unicode_escape').decode()
    return f"'{shown}' (U+{ord(char):04X})"


@fitted
class CharSet(Vocabulary[str]):
    """Characters and their indices.

    >>> chars = CharSet('hello')
    >>> chars
    CharSet('ehlo')
    >>> chars.encode('hole')
    array([2, 4, 3, 1], dtype=uint8)
    >>> chars.decode([2, 4, 3, 1])
    'hole'
    >>> len(chars), len(chars.symbols)                 # index 0 is the unknown character
    (5, 4)

    Parameters
    ----------
    text : str or iterable of str     any text; its distinct characters are the symbols
    """

    __slots__ = ('_characters', '_symbols', '_to_index')

    level = 'char'

    _characters: str
    _symbols: str
    _to_index: Indices

    def __init__(self, text: str | Iterable[str]) -> None:
        self._take(''.join(sorted(set(''.join(text)))))

    @classmethod
    def in_order(cls, symbols: str) -> Self:
        """Return the CharSet whose indices follow the order of `symbols`, of which each occurs once.

        >>> CharSet.in_order('ba').encode('ab').tolist()
        [2, 1]
        """
        found = cls.__new__(cls)
        found._take(symbols)
        return found

    def _take(self, symbols: str) -> None:
        characters = UNKNOWN + symbols.replace(UNKNOWN, '')
        object.__setattr__(self, '_symbols', symbols)
        object.__setattr__(self, '_characters', characters)
        to_index = np.zeros(CODE_POINTS, self.dtype)  # 0, the unknown character, for every other code point
        to_index[code_points(characters)] = np.arange(len(characters))
        object.__setattr__(self, '_to_index', to_index)

    @property
    def symbols(self) -> str:
        """The characters of the text, in the order of their indices; U+FFFD is among them only if the text holds it."""
        return self._symbols

    @property
    def silent(self) -> int | None:
        """The index of U+FFFD, 0; None if the text itself holds U+FFFD."""
        return None if self.holds_unknown else 0

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f'a CharSet is immutable: cannot set {name!r}')

    def __len__(self) -> int:
        return len(self._characters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._characters)

    def __contains__(self, char: object) -> bool:
        return isinstance(char, str) and len(char) == 1 and char in self.symbols

    def __eq__(self, other: object) -> bool:
        return self.symbols == other.symbols if isinstance(other, CharSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.symbols)

    def __repr__(self) -> str:
        if len(self.symbols) <= 200:
            return f'CharSet({self.symbols!r})'
        return f'<CharSet of {len(self.symbols):,} characters {self.symbols[0]!r} … {self.symbols[-1]!r}>'

    @property
    def holds_unknown(self) -> bool:
        """True if the text itself holds U+FFFD, so that index 0 is a symbol like any other."""
        return UNKNOWN in self.symbols

    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """Return the index of every character.

        Parameters
        ----------
        text : str
        errors : 'strict' or 'replace'    an unknown character is an error, or becomes index 0 (U+FFFD)
        Returns
        -------
        unsigned integers, shape (len(text),)
        Raises
        ------
        CharSetError                      names the first unknown character and its offset
        """
        check_errors_argument(errors)
        points = code_points(text)
        indices: Indices = self._to_index[points]
        if errors == 'strict':
            unknown = np.flatnonzero(indices == 0) if not self.holds_unknown else self._foreign(indices, points)
            if unknown.size:
                offset = int(unknown[0])
                raise CharSetError(
                    f'{name_character(text[offset])} at offset {offset} is not among this model’s '
                    f'{len(self.symbols):,} characters.',
                    "ms.chars shows them; errors='replace' reads it as U+FFFD.",
                )
        return indices

    @staticmethod
    def _foreign(indices: Indices, points: NDArray[np.uint32]) -> NDArray[np.intp]:
        return np.flatnonzero((indices == 0) & (points != ord(UNKNOWN)))

    def decode(self, indices: Iterable[int]) -> str:
        """Return the text that `indices` spell; the inverse of encode.

        Raises
        ------
        CharSetError    an index outside 0 … len(chars) - 1
        """
        if not isinstance(indices, np.ndarray):
            indices = np.fromiter(indices, dtype=np.int64)
        if indices.size and not (indices.min() >= 0 and indices.max() < len(self)):
            wrong = int(indices.min() if indices.min() < 0 else indices.max())
            raise outside(wrong, len(self))
        return code_points(self._characters)[indices].tobytes().decode('utf-32-le', 'surrogatepass')

    def places(self, text: str) -> NDArray[np.int64]:
        """Return the begin and the end of each character, (len(text), 2).

        >>> CharSet('ab').places('ba').tolist()
        [[0, 1], [1, 2]]
        """
        return np.arange(len(text))[:, None] + np.arange(2)

    def decoder(self) -> CharDecoder:
        """Return a decoder that has been given no index yet."""
        return CharDecoder(self._characters)

    @classmethod
    def pieces(cls, path: Path, source: Source) -> Iterator[str]:
        """Yield the text of a file in chunks."""
        return decoded_chunks(path, source.encoding, source.errors)

    @classmethod
    def scan(cls, source: Source, files: Sequence[Path]) -> tuple[Self, list[int]]:
        """Return the characters of all files together, and the number of characters in each file."""
        seen = np.zeros(CODE_POINTS, dtype=bool)

        def see(text: str) -> int:  # several threads may set the same True
            points = code_points(text)
            if not seen[points].all():  # to look takes half as long as to set, and few pieces have a new one
                seen[points] = True
            return len(text)

        sizes = []
        for path in files:
            sizes.append(sum(size for _, size in ahead(see, cls.pieces(path, source))))
            refuse_surrogates(path, bool(seen[0xD800:0xE000].any()))
        return cls(map(chr, np.flatnonzero(seen))), sizes

    def grown(self, source: Source) -> tuple[Self, int]:
        """Return this CharSet with the new characters of a file after its own, and the file's number of characters."""
        other, (size,) = self.scan(source, [source.path])
        new = ''.join(char for char in other.symbols if char not in self.symbols)
        return (self.in_order(self.symbols + new) if new else self), size

    def boundary(self, text: bytes, at: int) -> int:
        """Return the first place of `text` from byte `at` on that is not inside a character."""
        while at < len(text) and text[at] & 0xC0 == 0x80:  # the second, third or fourth byte of a character
            at += 1
        return at

    def encode_piece(self, piece: str) -> Indices:
        """Return the indices of a piece of the text that was scanned."""
        indices = self.encode(piece, errors='replace')
        if not self.holds_unknown and not indices.all():
            raise SourceTextError('the source changed while it was being read.', 'the same call again')
        return indices

    def facts(self) -> dict[str, Any]:
        """Return the symbols."""
        return {'symbols': self.symbols}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the CharSet that ``facts`` describes."""
        if not isinstance(facts['symbols'], str):
            raise ValueError('symbols must be a str')
        if len(set(facts['symbols'])) < len(facts['symbols']):
            raise ValueError('a symbol occurs twice')
        return cls.in_order(facts['symbols'])


class CharDecoder(Decoder):
    """The text of character indices: each adds its character."""

    __slots__ = ('_characters',)

    def __init__(self, characters: str) -> None:
        super().__init__()
        self._characters = characters

    def push(self, index: int) -> None:
        """Add the character of an index; raise CharSetError if it is outside the vocabulary."""
        if not 0 <= index < len(self._characters):
            raise outside(index, len(self._characters))
        self._pieces.append(self._characters[index])
