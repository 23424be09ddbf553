"""Source: a text to read, with the options for reading it; and functions that open and decode its files.

A source is one text, whose first share trains and whose rest validates, in one file or several (selection.py); or a
directory with train.txt and, where they exist, valid.txt and test.txt.  The text is taken as it is: strict decoding,
``newline=''`` (CRLF stays CRLF), and a byte order mark counts as a character.  A file whose name ends in .gz or .zst is
unpacked while it is read.  This module knows no vocabulary and no index.
"""

from __future__ import annotations

import contextlib
import glob
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from charrnn.arguments import Check, check_errors_argument, real, truth, whole
from charrnn.errors import HyperParamsError, SourceTextError, shown
from charrnn.text.decoding import SURROGATE, decoder_of, open_source
from charrnn.text.folders import SPLITS, file_of, meant_splits, renamings
from charrnn.text.formats import HEAD, refuse_other_format

LEVELS = ('char', 'byte', 'word')
DEFAULT_TRAINFRAC = 0.9
WORD_OPTIONS = {'vocab_size': None, 'lower': False, 'punctuation': False, 'mincount': 1}
"""The options for words, with their defaults."""
WORD_CHECKS: dict[str, Check] = {'vocab_size': whole(2), 'mincount': whole(1), 'lower': truth, 'punctuation': truth}
GOOD = {'vocab_size': 10_000, 'mincount': 2}
"""Values to suggest for options for words."""


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
    shuffle_lines : bool    put the lines of one text in an order that the seed of the run gives, before it is split
    files : tuple of Path   of a text in several files, in the order in which they are read
    joiner : str            what stands between two files; None: one line break
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
    files: tuple[Path, ...] = ()
    joiner: str | None = None

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
        is_text = isinstance(self.joiner, str) and not SURROGATE.search(self.joiner)
        if self.joiner is not None and not (is_text and self.files):
            what = 'stands between the files of a text, and this is one' if not self.files else 'is no text'
            raise HyperParamsError(f'joiner={shown(self.joiner)} {what}.', 'leave joiner out')
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
        return {
            name: value for name, value in vars(self).items() if name not in ('path', 'files') and value != usual[name]
        }

    @property
    def typed(self) -> str | list[str]:
        """The argument that names this source."""
        stands = glob.has_magic(str(self.path)) or self.path.is_dir() or len(self.files) < 2
        return str(self.path) if stands else list(map(str, self.files))

    @property
    def bytes(self) -> int:
        """The size of the files that train, as they are on the disk; 0 if that is not known."""
        try:
            files = self.files or [self.path / file_of('train') if self.path.is_dir() else self.path]
            return sum(path.stat().st_size for path in files)
        except (OSError, ValueError):  # the reader of the file will report the error
            return 0


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


def refuse_no_text(path: Path, source: Source) -> None:
    """Raise SourceTextError if the beginning of a file shows that it is no text in the encoding of its source."""
    if source.level != 'byte':
        decoder_of(source.encoding)
        with open_source(path) as file:
            refuse_other_format(path, file.read(HEAD), source.encoding)
