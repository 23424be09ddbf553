"""Dataset: a text file, encoded once into a read-only, memory-mapped array of indices.

    text file ──scan──► CharSet ──encode──► indices on disk ──map──► Dataset ──► train | valid

Both passes stream, so the size of the text is bounded by the disk, not by memory.  The text is taken as it is:
strict decoding, ``newline=''`` (CRLF stays CRLF), a byte order mark stays and counts as a character.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from charrnn.errors import HyperParamsError, SourceTextError, TrainingError
from charrnn.text.charset import CODE_POINTS, CharSet, Indices, code_points

CHUNK_BYTES = 4 * 2**20
INDICES, FACTS = 'indices.bin', 'dataset.json'


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[IO[bytes]]:
    """Open a source for reading bytes; every way this fails is a SourceTextError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = 'a directory' if path.is_dir() else 'not a regular file'
            raise SourceTextError(f'{str(path)!r} is {kind}.', 'the path of one text file')
        with path.open('rb') as source:
            yield source
    except SourceTextError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, 'strerror', None) or str(error)
        raise SourceTextError(f'cannot read {str(path)!r}: {reason}.', 'check the path and its permissions') from None


def decoded_chunks(path: Path, encoding: str = 'utf-8') -> Iterator[str]:
    """The text of a file, piece by piece.

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
                    "encoding='latin-1', 'cp1252', ... if the text has another encoding; a binary file is no text",
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


def scan(path: Path, encoding: str = 'utf-8') -> tuple[CharSet, int]:
    """First pass: the characters of a text and how many there are in all.

    Raises
    ------
    SourceTextError    the file is empty, unreadable or not text
    """
    seen = np.zeros(CODE_POINTS, dtype=bool)
    size = 0
    for text in decoded_chunks(path, encoding):
        seen[code_points(text)] = True
        size += len(text)
    if not size:
        raise SourceTextError(f'{str(path)!r} is empty.', 'a file with at least one window of text')
    if seen[0xD800:0xE000].any():  # utf-7 and the like can spell half a character
        raise SourceTextError(f'{str(path)!r} holds half of a surrogate pair.', 'the encoding the file was written in')
    return CharSet(map(chr, np.flatnonzero(seen))), size


def encode(path: Path, chars: CharSet, size: int, out: IO[bytes], encoding: str = 'utf-8') -> None:
    """Second pass: write the index of every character to `out`, as ``chars.dtype``.

    Raises
    ------
    SourceTextError    the file is no longer the one that was scanned
    """
    written = 0
    for text in decoded_chunks(path, encoding):
        indices = chars.encode(text, errors='replace')
        if not chars.holds_unknown and not indices.all():
            break
        out.write(indices.data)
        written += len(indices)
    if written != size:
        raise SourceTextError(f'{str(path)!r} changed while it was being read.', 'the same call again')


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """An encoded text and its split: the first symbols train, the rest validates.

    Parameters
    ----------
    indices : unsigned integers, shape (n_source,)     read-only
    train_size : int                                   n: the first so many are the training ring
    source : str                                       the file it was read from, for people
    chars : CharSet                                    its vocabulary
    digest : str                                       names exactly this encoding and split; '' until sealed
    """

    indices: Indices
    train_size: int
    source: str
    chars: CharSet
    digest: str = ''

    @property
    def train(self) -> Indices:
        """The training ring, shape (n,)."""
        return self.indices[: self.train_size]

    @property
    def valid(self) -> Indices:
        """The validation split, shape (n_source - n,); may be empty."""
        return self.indices[self.train_size :]

    def split(self, name: str) -> Indices:
        """The split called 'train' or 'valid'.

        Raises
        ------
        HyperParamsError    another name
        TrainingError       there is no validation split
        """
        if name not in ('train', 'valid'):
            raise HyperParamsError(f'no split {name!r}.', "evaluate('valid') or evaluate('train')")
        indices = self.train if name == 'train' else self.valid
        if not len(indices):
            raise TrainingError(
                'this run has no validation split: all of the text trains (trainfrac).',
                "evaluate('train'), or a new run with trainfrac=0.9",
            )
        return indices

    def __repr__(self) -> str:
        return f'<Dataset {self.source!r}: {len(self.train):,} train + {len(self.valid):,} valid symbols>'


def split_size(trainfrac: float, size: int) -> int:
    """How many symbols train: the first ``int(trainfrac·size)``, so that losses compare with what others publish."""
    return int(trainfrac * size)


def write_dataset(folder: Path, source: Path, trainfrac: float, seq_len: int, encoding: str = 'utf-8') -> None:
    """Encode a text file into an empty folder, in two streaming passes.

    Raises
    ------
    SourceTextError    the file is empty, unreadable or not text
    TrainingError      its training split is shorter than one window
    """
    chars, size = scan(source, encoding)
    train_size = split_size(trainfrac, size)
    if train_size < seq_len:
        raise TrainingError(
            f'{str(source)!r} has {size:,} characters, of which {train_size:,} train (trainfrac={trainfrac:g}): '
            f'fewer than one window of seq_len={seq_len}.',
            f'seq_len={train_size} or less, or a longer text' if train_size else 'a longer text, or trainfrac=1.0',
        )
    with (folder / INDICES).open('wb') as out:
        encode(source, chars, size, out, encoding)
    facts = {
        'size': size,
        'train_size': train_size,
        'dtype': chars.dtype.str,
        'symbols': chars.symbols,
        'level': 'char',
        'source': os.fsencode(source).decode('utf-8', 'replace'),
        'encoding': encoding,
    }
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding='utf-8', newline='\n')


def read_dataset(folder: Path, digest: str) -> Dataset:
    """The dataset that was written into `folder`, mapped read-only.

    Raises
    ------
    SourceTextError    the indices on disk are more or fewer than were written
    """
    facts = json.loads((folder / FACTS).read_text(encoding='utf-8'))
    chars, size = CharSet(facts['symbols']), facts['size']
    found, wanted = (folder / INDICES).stat().st_size, size * chars.dtype.itemsize
    if found != wanted:  # before mapping: reading a mapping past the end of its file kills the process
        raise SourceTextError(
            f'{str(folder / INDICES)!r} holds {found:,} bytes where {wanted:,} were written.',
            'a copy from a backup',
        )
    # A plain array over the mapping: np.memmap's own subclass makes every slice slower.
    indices = np.memmap(folder / INDICES, dtype=chars.dtype, mode='r', shape=(size,)).view(np.ndarray)
    return Dataset(indices, facts['train_size'], facts['source'], chars, digest)
