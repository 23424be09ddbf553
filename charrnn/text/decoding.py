"""Files of text as bytes and as characters: opened, unpacked, decoded, chunk by chunk."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import importlib
import itertools
import math
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from charrnn.errors import HyperParamsError, SourceTextError, shown
from charrnn.storage.durable import read_step
from charrnn.storage.nearby import in_this_folder, text_at_hand
from charrnn.text.folders import file_alike

CHUNK_BYTES = 4 * 2**20
SURROGATE = re.compile('[\ud800-\udfff]')
_each_chunk: ContextVar[Callable[[], object]] = ContextVar('each_chunk', default=lambda: None)


@contextlib.contextmanager
def counted(each_chunk: Callable[[], object]) -> Iterator[None]:
    """Call a function after each chunk that is read in the block, for a progress bar."""
    token = _each_chunk.set(each_chunk)
    try:
        yield
    finally:
        _each_chunk.reset(token)


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file for reading bytes; raise SourceTextError for every failure."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceTextError(f'{str(path)!r} is not a regular file.', 'the path of one text file')
        with unpacked(path) as file:
            yield file
    except SourceTextError:
        raise
    except (EOFError, zlib.error) as error:  # of a gzip file
        raise SourceTextError(f'{str(path)!r} is damaged: {error}.', 'a whole copy of the file') from None
    except gzip.BadGzipFile:
        what = f'{str(path)!r} is not packed, as its name says.'
        raise SourceTextError(what, f'the same file as {path.with_suffix("").name!r}') from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason, near = getattr(error, 'strerror', None) or str(error), None
        if isinstance(error, FileNotFoundError):
            reason += in_this_folder(str(path))
            near = str(alike) if (alike := file_alike(path)) else text_at_hand()
        step = f'srcfile={near!r}' if near else read_step(error)
        raise SourceTextError(f'cannot read {str(path)!r}: {reason}.', step) from None


def unpacked(path: Path) -> IO[bytes] | gzip.GzipFile:
    """Open a file for reading bytes; those of one that is packed as its name says."""
    if path.suffix.lower() == '.gz':
        return gzip.open(path)
    if path.suffix.lower() != '.zst':
        return path.open('rb')
    try:
        zstandard = importlib.import_module('zstandard')
    except ImportError:
        what = f'{str(path)!r} is packed with zstd, and the package zstandard is not there.'
        raise SourceTextError(what, f'at a shell: pip install zstandard, or zstd -d {path}') from None
    with path.open('rb') as packed:
        if packed.read(4) != b'\x28\xb5\x2f\xfd':
            raise OSError(f'{path.name} is no zstd file')
    opened: IO[bytes] = zstandard.open(path, 'rb')
    return opened


def byte_chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file in chunks of CHUNK_BYTES."""
    with open_source(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            _each_chunk.get()()
            yield chunk


def decoder_of(encoding: str, errors: str = 'strict') -> codecs.IncrementalDecoder:
    """Return a decoder that has been given no byte yet.

    Raises
    ------
    HyperParamsError    an unknown encoding, or a codec that is not for text
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        if not isinstance(decoder.decode(b''), str):
            raise TypeError(encoding)
    except (LookupError, TypeError, ValueError):  # unknown, or a codec from bytes to bytes or from text to text
        raise HyperParamsError(
            f'encoding={shown(encoding)} is not a text encoding.', "encoding='utf-8', or leave it out"
        ) from None
    return decoder


def decoded_chunks(path: Path, encoding: str = 'utf-8', errors: str = 'strict') -> Iterator[str]:
    """Yield the text of a file chunk by chunk, decoded and otherwise unchanged.

    Raises
    ------
    HyperParamsError    an unknown encoding, or a codec that is not for text
    SourceTextError     errors='strict': names the offset and the value of the first byte that is not `encoding`
    """
    decoder = decoder_of(encoding, errors)
    with open_source(path) as file:
        read = 0
        while True:
            chunk = file.read(CHUNK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                offset = read - pending + error.start
                raise SourceTextError(
                    f'{str(path)!r} is not {encoding} text: byte 0x{error.object[error.start]:02X} at offset '
                    f'{offset:,} ({error.reason}).',
                    _few_replaced(path, encoding)
                    + "encoding='latin-1', 'cp1252', ..., the encoding of the text; level='byte' reads any file",
                ) from None
            except UnicodeError as error:  # for example utf-16 without its byte order mark
                raise SourceTextError(
                    f'{str(path)!r} is not {encoding} text: {error}.', 'encoding=..., the encoding of the file'
                ) from None
            read += len(chunk)
            if chunk:
                _each_chunk.get()()
            if text:
                yield text
            if not chunk:
                return


FEW = 1000
"""The bytes of a text for each bad place, at least, if its bad places are few."""


def replaced(path: Path, encoding: str, most: float = math.inf) -> int:
    """Return the number of places of a file that are not `encoding`, each U+FFFD with errors='replace'.

    The count ends above `most`.
    """
    replacing, ignoring = decoder_of(encoding, 'replace'), decoder_of(encoding, 'ignore')
    found = 0
    for chunk in itertools.chain(byte_chunks(path), [b'']):
        # A U+FFFD of the text itself is in both.
        found += replacing.decode(chunk, not chunk).count('\ufffd') - ignoring.decode(chunk, not chunk).count('\ufffd')
        if found > most:
            break
    return found


def _few_replaced(path: Path, encoding: str) -> str:
    """Return the advice to replace bad bytes if a file has few, else ''."""
    most = max(1, path.stat().st_size // FEW)
    found = replaced(path, encoding, most)
    return f"errors='replace' reads its {places(found)} as U+FFFD; or " if found <= most else ''


def places(number: int) -> str:
    """Return a number of bad places in words."""
    return f'{number:,} bad place{"s" if number > 1 else ""}'
