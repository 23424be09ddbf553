"""ByteSet: the 256 bytes. Any file is a text at this level, and there is no unknown symbol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from charrnn.text.vocabulary import Indices, Vocabulary, byte_chunks, check_errors_argument


class ByteSet(Vocabulary[bytes]):
    """Bytes and their indices: a byte is its own index.

    Text goes in and comes out as UTF-8. What is no UTF-8 comes out as lone surrogates (Python's 'surrogateescape'),
    so that encode(decode(indices)) is always the same indices.

    >>> ByteSet().encode('é').tolist()
    [195, 169]
    >>> ByteSet().decode([195, 169])
    'é'
    """

    __slots__ = ()

    level = 'byte'

    @property
    def symbols(self) -> Sequence[str]:
        """All 256, each as one character of Latin-1."""
        return bytes(range(256)).decode('latin-1')

    @property
    def silent(self) -> None:
        """Every byte may come."""

    def __len__(self) -> int:
        return 256

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteSet)

    def __hash__(self) -> int:
        return hash(ByteSet)

    def __repr__(self) -> str:
        return 'ByteSet()'

    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """The UTF-8 bytes of `text`, uint8; `errors` is accepted and changes nothing: no text is foreign."""
        check_errors_argument(errors)
        return np.frombuffer(text.encode('utf-8', 'surrogateescape'), dtype=np.uint8)

    def decode(self, indices: Iterable[int]) -> str:
        """The text that the bytes `indices` spell as UTF-8."""
        data = indices.astype(np.uint8).tobytes() if isinstance(indices, np.ndarray) else bytes(indices)
        return data.decode('utf-8', 'surrogateescape')

    @classmethod
    def pieces(cls, path: Path, encoding: str) -> Iterator[bytes]:
        """The bytes of a file."""
        return byte_chunks(path)

    @classmethod
    def scan(
        cls, files: Sequence[Path], trainfrac: float | None, encoding: str, **options: Any
    ) -> tuple[Self, list[int]]:
        """The one vocabulary, and how many bytes each file has."""
        return cls(), [sum(map(len, byte_chunks(path))) for path in files]

    def encode_piece(self, piece: bytes) -> Indices:
        """The bytes themselves."""
        return np.frombuffer(piece, dtype=np.uint8)

    def facts(self) -> dict[str, Any]:
        """Nothing: there is one ByteSet."""
        return {}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """The one ByteSet."""
        return cls()
