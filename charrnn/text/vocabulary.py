"""The contract of a vocabulary: an immutable bijection between the symbols of a text and indices 0 … V - 1.

    level    class     a symbol is                                         defined in
    char     CharSet   a code point                                        charset.py
    byte     ByteSet   one of the 256 bytes of any file                    byteset.py
    word     WordSet   a word between white space, or the end of a line    wordset.py

A vocabulary reads a source in pieces, so that a text larger than memory can be encoded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharSetError, SourceTextError
from charrnn.text.decoding import SURROGATE, byte_chunks, decoded_chunks
from charrnn.text.sources import Source

Indices = NDArray[np.unsignedinteger]
Piece = TypeVar('Piece', str, bytes)


class Vocabulary(ABC, Generic[Piece]):
    """The symbols of a text and their indices, as the dataset, training and sampling use them."""

    __slots__ = ()

    level: ClassVar[str]
    """'char', 'byte' or 'word': what users type, and the unit of the loss."""

    @property
    @abstractmethod
    def symbols(self) -> Sequence[str]:
        """The symbols of the text: displays count them, and the uniform rung chooses from them."""

    @property
    @abstractmethod
    def silent(self) -> int | None:
        """The index of the unknown symbol, which is never drawn; None if every index is a symbol of the text."""

    @abstractmethod
    def __len__(self) -> int:
        """Return V, the unknown symbol included."""

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest unsigned type that holds every index, little-endian because it goes to disk."""
        return np.dtype(np.uint8 if len(self) <= 2**8 else '<u2' if len(self) <= 2**16 else '<u4')

    @abstractmethod
    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """Return the index of every symbol, shape (number of symbols,)."""

    @abstractmethod
    def decode(self, indices: Iterable[int]) -> str:
        """Return the text that `indices` spell."""

    def decode_after(self, text: str, indices: Iterable[int]) -> str:
        """Return the text that `indices` spell as it goes on after `text`: with the space between two words."""
        decoder = self.decoder_after(text)
        decoder.feed(indices)
        return decoder.text

    @abstractmethod
    def places(self, text: str) -> NDArray[np.int64]:
        """Return the begin and the end in a text of each of its symbols, (number of symbols, 2), in characters.

        The bytes of one character share its place; white space between words belongs to no symbol.
        """

    def to_bytes(self, indices: Iterable[int]) -> bytes:
        """Return the text that `indices` spell as UTF-8; of bytes, the bytes as they are."""
        return self.decode(indices).encode('utf-8', 'surrogateescape')

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return a Decoder that has been given no index yet."""

    def decoder_after(self, text: str) -> Decoder:
        """Return a Decoder whose text goes on after `text`: with the space between two words."""
        return self.decoder()

    # ---- sources --------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def pieces(cls, path: Path, source: Source) -> Iterator[Piece]:
        """Yield a file of a source piece by piece; each piece can be encoded alone."""

    @classmethod
    @abstractmethod
    def scan(cls, source: Source, files: Sequence[Path]) -> tuple[Self, list[int]]:
        """Return the vocabulary of a source, and the number of symbols in each of its files.

        The first ``split_size(source.trainfrac, size)`` symbols of the first file train.
        """

    @abstractmethod
    def grown(self, source: Source) -> tuple[Self, int]:
        """Return this vocabulary with the new symbols of a file after its own, and the symbols that the file has."""

    def goes_on(self, other: Self) -> bool:
        """Return True if this vocabulary begins with all symbols of another one, under the same indices."""
        return [*other] == [*self][: len(other)]

    @abstractmethod
    def __iter__(self) -> Iterator[str]:
        """Yield the symbol of each index."""

    @abstractmethod
    def boundary(self, text: bytes, at: int) -> int:
        """Return the first place of `text` (UTF-8) from byte `at` on between two symbols, or before the first.

        The place after the last symbol counts as the end of the text.
        """

    @abstractmethod
    def encode_piece(self, piece: Piece) -> Indices:
        """Return the indices of a piece of a source that was scanned."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return JSON from which ``from_facts`` makes an equal vocabulary."""

    @classmethod
    @abstractmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the vocabulary that ``facts`` describes."""


class Decoder(ABC):
    """The text of indices that are pushed one by one: ``text == vocabulary.decode(all of them)`` at every moment.

    ``push`` decodes the new index only (and of an incomplete UTF-8 sequence the bytes before it, at most three).
    ``text`` joins the pieces that were pushed since it was read last.
    """

    __slots__ = ('_pieces',)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text of all indices so far."""
        text = ''.join(self._pieces)
        self._pieces = [text]
        return text

    def take(self) -> str:
        """Return the text since this was called last, up to the last whole character, and forget it."""
        text = ''.join(self._pieces)
        self._pieces = []
        return text

    @abstractmethod
    def push(self, index: int) -> None:
        """Add an index; raise, as decode does, if it is outside the vocabulary."""

    def feed(self, indices: Iterable[int]) -> None:
        """Push every index."""
        for index in indices:
            self.push(index)


def refuse_surrogates(path: Path, found: bool) -> None:
    """Raise SourceTextError if half of a surrogate pair was found; some encodings, such as utf-7, can spell one."""
    if found:
        raise SourceTextError(
            f'{str(path)!r} holds half of a surrogate pair.', 'encoding=..., the encoding of the file'
        )


def plain_chunks(source: Source, path: Path) -> Iterator[bytes]:
    """Yield the text of a file as UTF-8, or the bytes as they are, in chunks that end between two characters.

    Raises
    ------
    SourceTextError    it is not in the encoding of the source, or has half of a surrogate pair
    """
    if source.level == 'byte':
        yield from byte_chunks(path)
        return
    for text in decoded_chunks(path, source.encoding, source.errors):
        refuse_surrogates(path, bool(SURROGATE.search(text)))
        yield text.encode()


COUNTED_AT_ONCE = 2**22
"""Symbols per call of bincount, which copies its input to eight bytes per symbol."""


def count_symbols(indices: Indices, vocab_size: int) -> NDArray[np.int64]:
    """Return the number of times that each index occurs, shape (V,)."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for start in range(0, len(indices), COUNTED_AT_ONCE):
        counts += np.bincount(indices[start : start + COUNTED_AT_ONCE], minlength=vocab_size)
    return counts


def outside(index: int, size: int) -> CharSetError:
    """Return the error for an index outside a vocabulary of `size`."""
    return CharSetError(f'index {index} is outside this vocabulary of {size:,}.', 'decode what encode returned')


def excerpt(chars: Vocabulary[Any], indices: Indices) -> str:
    """Return the first symbols of a text as an example that the vocabulary can encode; '' if they are none."""
    text = chars.decode(indices[: 2 if chars.level == 'word' else 8])
    return '' if errors_for(chars, text) else text


def errors_for(chars: Vocabulary[Any], given: Any) -> str:
    """Return the argument without which a text, or a list of texts, cannot be read; '' if none is needed."""
    try:
        for text in [given] if isinstance(given, str) else given:
            chars.encode(text)
    except CharSetError:
        return ", errors='replace'"
    return ''
