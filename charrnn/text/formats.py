"""The formats of files that are no plain text, recognised by their first bytes, so that an error can name them."""

from __future__ import annotations

import codecs
import shlex
from pathlib import Path

from charrnn.errors import SourceTextError

HEAD = 4096
"""Bytes of the beginning of a file that are looked at."""

MARKS = (
    (b'\xff\xfe\x00\x00', 'utf-32'),
    (b'\x00\x00\xfe\xff', 'utf-32'),
    (b'\xff\xfe', 'utf-16'),
    (b'\xfe\xff', 'utf-16'),
)
"""Byte order marks, the longer ones first."""

_SAVE = 'save it as plain text (UTF-8) in the program that opens it'
FORMATS = (
    (b'\x1f\x8b', 'a gzip file', 'gzip -dk {}'),
    (b'\xfd7zXZ\x00', 'an xz file', 'xz -dk {}'),
    *((b'BZh%d1AY&SY' % level, 'a bzip2 file', 'bzip2 -dk {}') for level in range(1, 10)),
    (b'\x28\xb5\x2f\xfd', 'a zstd file', 'zstd -dk {}'),
    (b'PK\x03\x04', 'a zip file, as .docx, .odt, .xlsx and .epub files are', f'unpack it, or {_SAVE}'),
    (b'7z\xbc\xaf\x27\x1c', 'a 7z file', 'unpack it'),
    (b'Rar!\x1a\x07', 'a rar file', 'unpack it'),
    (b'%PDF-', 'a PDF file', 'pdftotext {}, or ' + _SAVE),
    (b'{\\rtf1', 'an RTF file', _SAVE),
    (b'\xd0\xcf\x11\xe0', 'an old Office file (.doc, .xls)', _SAVE),
    (b'\x89PNG', 'a PNG picture', 'a file with text'),
    (b'\xff\xd8\xff', 'a JPEG picture', 'a file with text'),
    (b'GIF87a', 'a GIF picture', 'a file with text'),
    (b'GIF89a', 'a GIF picture', 'a file with text'),
    (b'\x7fELF', 'a program', 'a file with text'),
    (b'SQLite format 3', 'an SQLite database', 'export its text into a file'),
)
"""First bytes, what they begin, and what to do with such a file; long enough that no text begins so by chance."""


def refuse_other_format(path: Path, head: bytes, encoding: str) -> None:
    """Raise SourceTextError if the first bytes of a file show that it is no plain text in `encoding`.

    Parameters
    ----------
    head : bytes    the first HEAD bytes, or the whole file if it is shorter
    """
    wide = codecs.lookup(encoding).name.startswith(('utf-16', 'utf-32'))
    found = next((name for mark, name in MARKS if head.startswith(mark)), '') or _width_without_mark(head)
    if found and not wide:
        raise SourceTextError(f'{str(path)!r} begins like {found.upper()} text.', f'encoding={found!r}')
    for begin, what, step in FORMATS:
        if head.startswith(begin):
            raise SourceTextError(
                f'{str(path)!r} is {what}, not a plain text.',
                step.format(shlex.quote(str(path))) + "; level='byte' reads it as it is",
            )


def _width_without_mark(head: bytes) -> str:
    """Return the encoding of text in two bytes for each character, which has NULs at every other place; else ''."""
    even, odd = head[0::2], head[1::2]
    if len(odd) >= 4:
        if odd.count(0) > len(odd) / 2 and even.count(0) < len(even) / 20:
            return 'utf-16-le'
        if even.count(0) > len(even) / 2 and odd.count(0) < len(odd) / 20:
            return 'utf-16-be'
    return ''
