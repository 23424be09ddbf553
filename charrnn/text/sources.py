"""Source: a text to read, with the options for reading it; and functions that open and decode its files.

A source is one text file, whose first share trains and whose rest validates, or a directory with train.txt and, where
they exist, valid.txt and test.txt.  The text is taken as it is: strict decoding, ``newline=''`` (CRLF stays CRLF), and
a byte order mark counts as a character.  This module knows no vocabulary and no index.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

from charrnn.arguments import Check, check_errors_argument, real, truth, whole
from charrnn.errors import HyperParamsError, SourceTextError, shown
from charrnn.storage.durable import read_step
from charrnn.storage.nearby import in_this_folder, text_at_hand
from charrnn.text.folders import SPLITS, file_alike, file_of, meant_splits, renamings
from charrnn.text.formats import HEAD, refuse_other_format

LEVELS = ('char', 'byte', 'word')
DEFAULT_TRAINFRAC = 0.9
WORD_OPTIONS = {'vocab_size': None, 'lower': False, 'punctuation': False, 'mincount': 1}
"""The options for words, with their defaults."""
WORD_CHECKS: dict[str, Check] = {'vocab_size': whole(2), 'mincount': whole(1), 'lower': truth, 'punctuation': truth}
GOOD = {'vocab_size': 10_000, 'mincount': 2}
"""Values to suggest for options for words."""
CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Source:
    """A text to read, and the options for reading it, checked when the Source is made.

    Parameters
    ----------
    path : Path             one text file, or a directory with train.txt, valid.txt and test.txt
    level : str             'char', 'byte' or 'word': the unit that becomes a symbol
    encoding : str          of the files; not used for bytes
    trainfrac : float       the first int(trainfrac·size) symbols of one file train; a directory takes only the default
    vocab_size : int        for words: the most frequent words to keep, `<unk>` counted; None keeps all
    lower : bool            for words: read the text in lower case
    punctuation : bool      for words: each punctuation mark is a word of its own
    mincount : int          for words: keep words that the training text holds at least as many times
    errors : str            'strict', or 'replace': bytes that are not `encoding` become U+FFFD; not used for bytes
    shuffle_lines : bool    put the lines of one file in an order that the seed of the run gives, before it is split
    Raises
    ------
    HyperParamsError        an invalid value, or an option that would do nothing at this level
    """

    path: Path
    level: str = 'char'
    encoding: str = 'utf-8'
    trainfrac: float = DEFAULT_TRAINFRAC
    vocab_size: int | None = None
    lower: bool = False
    punctuation: bool = False
    mincount: int = 1
    errors: str = 'strict'
    shuffle_lines: bool = False

    def __post_init__(self) -> None:
        level, vocab_size = self.level, self.vocab_size
        if not isinstance(level, str) or level not in LEVELS:
            raise HyperParamsError(f'no level {shown(level)}.', ' or '.join(f'level={each!r}' for each in LEVELS))
        for name, check in WORD_CHECKS.items():
            if name != 'vocab_size' or vocab_size is not None:
                object.__setattr__(self, name, self._word_option(name, check))
        truth('shuffle_lines', self.shuffle_lines)
        given = [name for name in WORD_OPTIONS if getattr(self, name) != WORD_OPTIONS[name]]
        if level != 'word' and given:
            verb = 'belongs' if len(given) == 1 else 'belong'
            raise HyperParamsError(f'{" and ".join(given)} {verb} to words, and level={shown(level)}.', "level='word'")
        for name, usual in (('encoding', 'utf-8'), ('errors', 'strict')):
            if level == 'byte' and (value := getattr(self, name)) != usual:
                raise HyperParamsError(
                    f"level='byte' reads the bytes as they are: {name}={shown(value)} would do nothing.",
                    f'leave {name} out' + (", or level='char'" if self._reads_text() else ''),
                )
        check_errors_argument(self.errors)
        trainfrac = real(0, 1, open_low=True)('trainfrac', self.trainfrac, DEFAULT_TRAINFRAC)
        object.__setattr__(self, 'trainfrac', trainfrac)

    def _reads_text(self) -> bool:
        """Return True if the encoding and the treatment of errors are known."""
        with contextlib.suppress(HyperParamsError):
            check_errors_argument(self.errors)
            decoder_of(self.encoding)
            return True
        return False

    def _word_option(self, name: str, check: Check) -> object:
        """Return an option for words, checked; at other levels the error names the level too."""
        try:
            return check(name, getattr(self, name), GOOD.get(name))
        except HyperParamsError as error:
            if self.level == 'word':
                raise
            step = f"leave {name} out, or level='word', {error.next_step}"
            raise HyperParamsError(f'{error.what} It belongs to words, and level={shown(self.level)}.', step) from None

    def options(self) -> dict[str, Any]:
        """Return the options that are not the defaults, by name."""
        usual = {f.name: f.default for f in fields(self)}
        return {name: value for name, value in vars(self).items() if name != 'path' and value != usual[name]}


def split_size(trainfrac: float, size: int) -> int:
    """Return how many of `size` symbols train: the first ``int(trainfrac·size)``, as published results split a file."""
    return int(trainfrac * size)


def source_files(source: Source) -> list[Path | None]:
    """Return the one file of a source, or the three of a directory: train, valid, test, None for a missing one.

    Raises
    ------
    SourceTextError     a directory without train.txt
    HyperParamsError    a directory, and an option for one file
    """
    path = source.path
    try:
        if not path.is_dir():
            return [path]
        files = [file if (file := path / file_of(split)).exists() else None for split in SPLITS]
    except (OSError, ValueError):
        return [path]  # open_source will report the error
    if files[0] is None:
        raise SourceTextError(
            f'{str(path)!r} is a directory, and there is no train.txt in it.',
            renamings(meant_splits(path))
            or 'the path of one text file, or of a directory with train.txt, valid.txt and test.txt',
        )
    for name in ('trainfrac', 'shuffle_lines'):
        if name in (given := source.options()):
            raise HyperParamsError(
                f'{name}={given[name]} belongs to one file; the directory {str(path)!r} is taken as it is split.',
                f'the path of train.txt itself, or leave {name} out',
            )
    return files


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes; raise SourceTextError for every failure."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceTextError(f'{str(path)!r} is not a regular file.', 'the path of one text file')
        with path.open('rb') as file:
            yield file
    except SourceTextError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason, near = getattr(error, 'strerror', None) or str(error), None
        if isinstance(error, FileNotFoundError):
            reason += in_this_folder(str(path))
            near = str(alike) if (alike := file_alike(path)) else text_at_hand()
        step = f'srcfile={near!r}' if near else read_step(error)
        raise SourceTextError(f'cannot read {str(path)!r}: {reason}.', step) from None


def byte_chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file in chunks of CHUNK_BYTES."""
    with open_source(path) as file:
        while chunk := file.read(CHUNK_BYTES):
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


def refuse_no_text(path: Path, source: Source) -> None:
    """Raise SourceTextError if the beginning of a file shows that it is no text in the encoding of its source."""
    if source.level != 'byte':
        decoder_of(source.encoding)
        with open_source(path) as file:
            refuse_other_format(path, file.read(HEAD), source.encoding)


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
            if text:
                yield text
            if not chunk:
                return


FEW = 1000
"""Bad places are few if a text has at most one in so many bytes."""


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
