"""The contract of a vocabulary: an immutable bijection between the symbols of a text and indices 0 … V - 1.

    level    class     a symbol is                                    where
    char     CharSet   a code point                                   charset.py
    byte     ByteSet   one of the 256 bytes of any file               byteset.py
    word     WordSet   a word between white space, or the line's end  wordset.py

A vocabulary reads a source in pieces, so that a text larger than memory can be encoded.
"""

from __future__ import annotations

import codecs
import contextlib
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import HyperParamsError, SourceTextError

Indices = NDArray[np.unsignedinteger]
Piece = TypeVar('Piece', str, bytes)
CHUNK_BYTES = 4 * 2**20


class Vocabulary(ABC, Generic[Piece]):
    """What text, training and sampling ask of a vocabulary."""

    __slots__ = ()

    level: ClassVar[str]
    """'char', 'byte' or 'word': what users type, and the unit of the loss."""

    @property
    @abstractmethod
    def symbols(self) -> Sequence[str]:
        """The symbols of the text: what displays count and the uniform rung chooses from."""

    @property
    @abstractmethod
    def silent(self) -> int | None:
        """The index that is no symbol of the text and is never emitted (the unknown one); None if there is none."""

    @abstractmethod
    def __len__(self) -> int:
        """V, the unknown symbol included."""

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest unsigned type that holds every index, little-endian: it goes to disk."""
        return np.dtype(np.uint8 if len(self) <= 2**8 else '<u2' if len(self) <= 2**16 else '<u4')

    @abstractmethod
    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """The index of every symbol, shape (number of symbols,)."""

    @abstractmethod
    def decode(self, indices: Iterable[int]) -> str:
        """The text that `indices` spell."""

    # ---- sources --------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def pieces(cls, path: Path, encoding: str) -> Iterator[Piece]:
        """A source, piece by piece; each piece is encoded by itself."""

    @classmethod
    @abstractmethod
    def scan(
        cls, files: Sequence[Path], trainfrac: float | None, encoding: str, **options: Any
    ) -> tuple[Self, list[int]]:
        """The vocabulary of the sources, and how many symbols each file has.

        With `trainfrac` the one file's first share trains; None means that the first file does.
        """

    @abstractmethod
    def encode_piece(self, piece: Piece) -> Indices:
        """The indices of a piece of a source."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What ``from_facts`` makes an equal vocabulary of, as JSON."""

    @classmethod
    @abstractmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """The inverse of ``facts``."""


def check_errors_argument(errors: str) -> None:
    """Raise HyperParamsError unless `errors` is 'strict' or 'replace'."""
    if errors not in ('strict', 'replace'):
        raise HyperParamsError(f'errors={errors!r} is unknown.', "errors='strict' or errors='replace'")


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[IO[bytes]]:
    """Open a source for reading bytes; every way this fails is a SourceTextError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceTextError(f'{str(path)!r} is not a regular file.', 'the path of one text file')
        with path.open('rb') as source:
            yield source
    except SourceTextError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, 'strerror', None) or str(error)
        raise SourceTextError(f'cannot read {str(path)!r}: {reason}.', 'check the path and its permissions') from None


def byte_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, in chunks."""
    with open_source(path) as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


def decoded_chunks(path: Path, encoding: str = 'utf-8') -> Iterator[str]:
    """The text of a file, chunk by chunk, decoded strictly and otherwise as it is.

    Raises
    ------
    SourceTextError    names the offset and the value of the first byte that is not `encoding`
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)('strict')
        if not isinstance(decoder.decode(b''), str):
            raise TypeError(encoding)
    except (LookupError, TypeError):  # unknown, or a codec of bytes to bytes or text to text
        raise HyperParamsError(
            f'encoding={encoding!r} is no text encoding.', "encoding='utf-8', 'latin-1', 'cp1251', ..."
        ) from None
    with open_source(path) as source:
        read = 0
        while True:
            chunk = source.read(CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                offset = read - pending + error.start
                raise SourceTextError(
                    f'{str(path)!r} is not {encoding} text: byte 0x{error.object[error.start]:02X} at offset '
                    f'{offset:,} ({error.reason}).',
                    "encoding='latin-1', 'cp1252', ... if the text has another encoding; level='byte' reads any file",
                ) from None
            except UnicodeError as error:  # utf-16 without its byte order mark, and the like
                raise SourceTextError(
                    f'{str(path)!r} is not {encoding} text: {error}.', 'the encoding the file was written in'
                ) from None
            read += len(chunk)
            if text:
                yield text
            if not chunk:
                return
