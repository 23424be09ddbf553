"""The formats of files that are no plain text, recognised by their first bytes, so that an error can name them."""

from __future__ import annotations

import codecs
import shlex
import unicodedata
from pathlib import Path

from charrnn.errors import SourceTextError

HEAD = 4096
"""Bytes of the beginning of a file that are looked at."""

MARKS = (
    (b'\xff\xfe\x00\x00', 'utf-32', 'utf-32-le'),
    (b'\x00\x00\xfe\xff', 'utf-32', 'utf-32-be'),
    (b'\xff\xfe', 'utf-16', 'utf-16-le'),
    (b'\xfe\xff', 'utf-16', 'utf-16-be'),
)
"""Byte order marks, the longer ones first, and the two encodings that read such a file: without its mark, and with."""
WIDE = ('utf-32-le', 'utf-32-be', 'utf-16-le', 'utf-16-be')
ODD = 0.01
"""Share of characters that no text holds, from which on a file is tried in other encodings."""
LEAST = 32
"""Bytes that a file has at least if its characters are to say anything about its encoding."""
NO_TEXT = 0.1
"""Share of control characters among the bytes of a file, from which on it is no text in an encoding of single bytes."""

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
    (b'\x93NUMPY', 'a NumPy array', "array.tofile('bytes') and that file"),
    (b'II*\x00', 'a TIFF picture', 'a file with text'),
    (b'MM\x00*', 'a TIFF picture', 'a file with text'),
    (b'OggS\x00', 'a sound or film', 'a file with text'),
    (b'fLaC\x00', 'a sound', 'a file with text'),
    (b'ID3\x02', 'a sound', 'a file with text'),
    (b'ID3\x03', 'a sound', 'a file with text'),
    (b'ID3\x04', 'a sound', 'a file with text'),
    (b'PAR1\x15', 'a Parquet table', 'export its text into a file'),
    (b'\x89HDF\r\n', 'an HDF5 file', 'export its text into a file'),
)
"""First bytes, what they begin, and what to do with such a file; long enough that no text begins so by chance."""
INNER = (
    (257, b'ustar', 'a tar file', 'tar -xf {}'),
    (60, b'BOOKMOBI', 'a Kindle book', _SAVE),
    (8, b'WAVE', 'a sound', 'a file with text'),
    (8, b'WEBP', 'a picture', 'a file with text'),
    (8, b'AVI ', 'a film', 'a file with text'),
    (4, b'ftyp', 'a sound or film', 'a file with text'),
)
"""Bytes further in, with their place; they count only in a file that holds NULs."""


def refuse_other_format(path: Path, head: bytes, encoding: str) -> None:
    """Raise SourceTextError if the first bytes of a file show that it is no plain text in `encoding`.

    Parameters
    ----------
    head : bytes    the first HEAD bytes, or the whole file if it is shorter
    """
    name = codecs.lookup(encoding).name
    for mark, *readers in MARKS:
        if head.startswith(mark):
            if name in readers:
                return
            raise SourceTextError(f'{str(path)!r} begins like {readers[0].upper()} text.', f'encoding={readers[0]!r}')
    inner = INNER if b'\0' in head else ()
    for place, begin, what, step in (*((0, *known) for known in FORMATS), *inner):
        if head.startswith(begin, place):
            raise SourceTextError(
                f'{str(path)!r} is {what}, not a plain text.',
                step.format(shlex.quote(str(path))) + "; level='byte' reads it as it is",
            )
    _refuse_odd(path, head, name)


def _refuse_odd(path: Path, head: bytes, encoding: str) -> None:
    """Raise SourceTextError for a file that `encoding` reads as odd characters, if another reading is good or none is.

    White space has a NUL in each encoding of two or four bytes, and in no other.
    """
    has_nul, is_wide, odd = b'\0' in head, encoding.startswith(('utf-16', 'utf-32')), odd_share(head, encoding) > ODD
    if len(head) < LEAST or (not odd and (has_nul or not is_wide)):
        return
    others = [other for other in (WIDE if has_nul else ('utf-8',)) if _reads_well(head, other)]
    if others:
        raise SourceTextError(f'{str(path)!r} begins like {others[0].upper()} text.', f'encoding={others[0]!r}')
    if odd and is_wide and not has_nul:
        what = f'{str(path)!r} does not begin like {encoding} text.'
        raise SourceTextError(what, "encoding='utf-8', 'latin-1', ..., the encoding of the text")
    controls = sum(head.count(code) for code in range(32) if chr(code) not in USUAL_CONTROLS)
    if controls > NO_TEXT * len(head) and odd_share(head, 'utf-8') == 1:
        raise SourceTextError(
            f'{str(path)!r} is no plain text: {controls / len(head):.0%} of its first bytes are control characters.',
            "a file with text; level='byte' reads it as it is",
        )


def _reads_well(head: bytes, encoding: str) -> bool:
    """Return whether bytes read in `encoding` hold no odd character; in a wide one, white space must show the width."""
    if odd_share(head, encoding):
        return False
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    return encoding not in WIDE or text.count(' ') + text.count('\n') >= 2


USUAL_CONTROLS = '\t\n\v\f\r\x1b'
"""Control characters that texts do hold; the last begins the colours of a terminal."""


def odd_share(head: bytes, encoding: str) -> float:
    """Return the share of characters that no text holds: controls, and those without a meaning in Unicode.

    It is 1 if the bytes are not `encoding` at all; a character that the end of `head` cuts does not count.

    >>> [odd_share('Да\\n'.encode('utf-16-le'), encoding) for encoding in ('utf-16-le', 'utf-16-be', 'utf-8')]
    [0.0, 0.3333333333333333, 0.6666666666666666]
    """
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeError:
        return 1.0
    odd = sum(unicodedata.category(c) in ('Cc', 'Cn', 'Co') and c not in USUAL_CONTROLS for c in text)
    return odd / max(1, len(text))
