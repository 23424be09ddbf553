"""ByteSet: the vocabulary of the 256 bytes, which takes any file as a text and has no unknown symbol."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import check_errors_argument
from charrnn.display.text import Text
from charrnn.errors import CharSetError
from charrnn.text.decoding import byte_chunks
from charrnn.text.sources import Source
from charrnn.text.vocabulary import Decoder, Indices, Vocabulary


class ByteSet(Vocabulary[bytes]):
    """Bytes and their indices: a byte is its own index.

    Text is encoded and decoded as UTF-8, so decode(encode(text)) is the text. Bytes that are not UTF-8 are decoded to
    U+FFFD; ``to_bytes`` returns the bytes as they are.

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

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteSet)

    def __hash__(self) -> int:
        return hash(ByteSet)

    def __repr__(self) -> str:
        return 'ByteSet()'

    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """Return the UTF-8 bytes of `text`, uint8.

        A file name, or text read with Python's errors='surrogateescape', gives the bytes that it was read from.

        Raises
        ------
        CharSetError    errors='strict', and half of a surrogate pair, which is no character; else it is U+FFFD
        """
        check_errors_argument(errors)
        try:
            data = text.encode('utf-8', 'surrogateescape')
        except UnicodeEncodeError as error:
            if errors == 'strict':
                wrong = f'U+{ord(text[error.start]):04X} at offset {error.start} is half of a surrogate pair'
                raise CharSetError(f'{wrong}, which is no character.', "errors='replace' reads it as U+FFFD") from None
            data = Text(text).encode()
        return np.frombuffer(data, dtype=np.uint8)

    def decode(self, indices: Iterable[int]) -> str:
        """Return the text that the bytes `indices` spell as UTF-8, with U+FFFD for those that are not UTF-8."""
        return self.to_bytes(indices).decode('utf-8', 'replace')

    def to_bytes(self, indices: Iterable[int]) -> bytes:
        """Return the bytes themselves."""
        return indices.astype(np.uint8).tobytes() if isinstance(indices, np.ndarray) else bytes(indices)

    def places(self, text: str) -> NDArray[np.int64]:
        """Return the begin and the end of the character of each byte, (number of bytes, 2).

        >>> ByteSet().places('aé').tolist()
        [[0, 1], [1, 2], [1, 2]]
        """
        lengths = [len(char.encode('utf-8', 'surrogateescape')) for char in text]
        return np.repeat(np.arange(len(text)), lengths)[:, None] + np.arange(2)

    def decoder(self) -> ByteDecoder:
        """Return a decoder that has been given no byte yet."""
        return ByteDecoder()

    @classmethod
    def pieces(cls, path: Path, source: Source) -> Iterator[bytes]:
        """Yield the bytes of a file in chunks."""
        return byte_chunks(path)

    @classmethod
    def scan(cls, source: Source, files: Sequence[Path]) -> tuple[Self, list[int]]:
        """Return the one ByteSet, and the number of bytes in each file."""
        return cls(), [sum(map(len, byte_chunks(path))) for path in files]

    def grown(self, source: Source) -> tuple[Self, int]:
        """Return this ByteSet, which has all bytes, and the number of bytes in a file."""
        return self, sum(map(len, byte_chunks(source.path)))

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
    """The text of bytes as UTF-8; an incomplete sequence at the end is shown as U+FFFD until it is complete.

    >>> decoder = ByteSet().decoder()
    >>> decoder.push(195)
    >>> decoder.text
    '\ufffd'
    >>> decoder.push(169)
    >>> decoder.text
    'é'
    """

    __slots__ = ('_complete',)

    def __init__(self) -> None:
        super().__init__()
        self._complete = codecs.getincrementaldecoder('utf-8')('replace')

    @property
    def text(self) -> str:
        """The text of all bytes so far."""
        incomplete, _ = self._complete.getstate()
        return super().text + incomplete.decode('utf-8', 'replace')

    def push(self, index: int) -> None:
        """Add a byte; raise ValueError if it is outside 0 … 255."""
        self._pieces.append(self._complete.decode(bytes([index])))
