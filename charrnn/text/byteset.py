"""ByteSet: the vocabulary of the 256 bytes, which takes any file as a text and has no unknown symbol."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from charrnn.text.sources import Source, byte_chunks
from charrnn.text.vocabulary import Decoder, Indices, Vocabulary, check_errors_argument


class ByteSet(Vocabulary[bytes]):
    """Bytes and their indices: a byte is its own index.

    Text is encoded and decoded as UTF-8. Bytes that are not UTF-8 are decoded to lone surrogates (Python's
    'surrogateescape'), so that encode(decode(indices)) always returns the same indices.

    >>> ByteSet().encode('é').tolist()
    [195, 169]
    >>> ByteSet().decode([195, 169])
    'é'
    """

    __slots__ = ()

    level = 'byte'

    @property
    def symbols(self) -> Sequence[str]:
        """The 256 bytes, each as one character of Latin-1."""
        return bytes(range(256)).decode('latin-1')

    @property
    def silent(self) -> None:
        """None: every byte can be drawn."""

    def __len__(self) -> int:
        return 256

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteSet)

    def __hash__(self) -> int:
        return hash(ByteSet)

    def __repr__(self) -> str:
        return 'ByteSet()'

    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """Return the UTF-8 bytes of `text`, uint8; `errors` changes nothing, because every text can be encoded."""
        check_errors_argument(errors)
        return np.frombuffer(text.encode('utf-8', 'surrogateescape'), dtype=np.uint8)

    def decode(self, indices: Iterable[int]) -> str:
        """Return the text that the bytes `indices` spell as UTF-8."""
        data = indices.astype(np.uint8).tobytes() if isinstance(indices, np.ndarray) else bytes(indices)
        return data.decode('utf-8', 'surrogateescape')

    def decoder(self) -> ByteDecoder:
        """Return a decoder that has been given no byte yet."""
        return ByteDecoder()

    @classmethod
    def pieces(cls, path: Path, encoding: str) -> Iterator[bytes]:
        """Yield the bytes of a file in chunks."""
        return byte_chunks(path)

    @classmethod
    def scan(cls, source: Source, files: Sequence[Path]) -> tuple[Self, list[int]]:
        """Return the one ByteSet, and the number of bytes in each file."""
        return cls(), [sum(map(len, byte_chunks(path))) for path in files]

    def boundary(self, text: bytes, at: int) -> int:
        """Return `at`: no place is inside a byte."""
        return at

    def encode_piece(self, piece: bytes) -> Indices:
        """Return the bytes themselves."""
        return np.frombuffer(piece, dtype=np.uint8)

    def facts(self) -> dict[str, Any]:
        """Return an empty dict: there is one ByteSet."""
        return {}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the one ByteSet."""
        return cls()


class ByteDecoder(Decoder):
    """The text of bytes as UTF-8; an incomplete sequence at the end is shown as lone surrogates until it is complete.

    >>> decoder = ByteSet().decoder()
    >>> decoder.push(195)
    >>> decoder.text
    '\\udcc3'
    >>> decoder.push(169)
    >>> decoder.text
    'é'
    """

    __slots__ = ('_complete',)

    def __init__(self) -> None:
        super().__init__()
        self._complete = codecs.getincrementaldecoder('utf-8')('surrogateescape')

    @property
    def text(self) -> str:
        """The text of all bytes so far."""
        incomplete, _ = self._complete.getstate()
        return super().text + incomplete.decode('utf-8', 'surrogateescape')

    def push(self, index: int) -> None:
        """Add a byte; raise ValueError if it is outside 0 … 255."""
        self._pieces.append(self._complete.decode(bytes([index])))
