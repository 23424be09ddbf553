"""Several files, or the standard input, joined into one plain file, so that they are read as one text.

Between two files is one line break, also where a file ends without one; or what `joiner` says.  The copy is UTF-8, or
the bytes as they are, and is deleted when the text is encoded.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from charrnn.text.selection import STDIN
from charrnn.text.sources import Source, refuse_no_text
from charrnn.text.vocabulary import plain_chunks

JOINED, INPUT = 'joined', 'standard-input'


def as_one_file(source: Source, folder: Path) -> tuple[Source, list[int]]:
    """Return a source of one plain file with the text of all its files, and where each of them begins in that.

    Parameters
    ----------
    folder : Path      for the copy; a source of one file, or of a directory of splits, is returned as it is
    Returns
    -------
    source, places     in characters, or bytes
    Raises
    ------
    SourceTextError    a file cannot be read, is no text, or in another encoding: its name and the offset are told
    """
    if not source.files:
        return source, []
    copy, places = folder / JOINED, list[int]()
    place, begun, last = 0, False, b''
    with copy.open('wb') as out:
        for path in source.files:
            if begun:
                line_break = b'' if last == b'\n' else b'\n'
                gap = line_break if source.joiner is None else source.joiner.encode()
                out.write(gap)
                place, last = place + _size(source, gap), gap[-1:] or last
            places.append(place)
            each = _at_hand(path, folder)
            refuse_no_text(each, source)
            for data in plain_chunks(source, each):
                out.write(data)
                place, last, begun = place + _size(source, data), data[-1:], True
    (folder / INPUT).unlink(missing_ok=True)
    plain = replace(source, path=copy, files=(), joiner=None)
    return plain if source.level == 'byte' else replace(plain, encoding='utf-8', errors='strict'), places


def _at_hand(path: Path, folder: Path) -> Path:
    """Return a file; the standard input, which can be read once only, is written to one first."""
    if str(path) != STDIN:
        return path
    spooled = folder / INPUT
    with spooled.open('wb') as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return spooled


def _size(source: Source, data: bytes) -> int:
    """Return the size of a text in characters, or in bytes at that level."""
    return len(data) if source.level == 'byte' else len(data.decode())
