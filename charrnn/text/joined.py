"""Several files, or the standard input, joined into one plain file, so that they are read as one text.

Between two files is one line break, also where a file ends without one; or what `joiner` says.  The copy is UTF-8, or
the bytes as they are, and is deleted when the text is encoded.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from charrnn.text.decoding import byte_chunks, decoded_chunks
from charrnn.text.selection import STDIN
from charrnn.text.sources import Source, refuse_no_text

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
    place, begun, last = 0, False, ''
    with copy.open('wb') as out:
        for path in source.files:
            if begun:
                gap = source.joiner if source.joiner is not None else '' if last.endswith('\n') else '\n'
                out.write(gap.encode())
                place += len(gap) if source.level != 'byte' else len(gap.encode())
                last = gap[-1:] or last
            places.append(place)
            for size, end, data in _pieces(source, _at_hand(path, folder)):
                out.write(data)
                place, last, begun = place + size, end, True
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


def _pieces(source: Source, path: Path) -> Iterator[tuple[int, str, bytes]]:
    """Yield a file in pieces: the size of each in characters or bytes, its last character, and its bytes."""
    refuse_no_text(path, source)
    if source.level == 'byte':
        for data in byte_chunks(path):
            yield len(data), chr(data[-1]), data
        return
    chunks: Iterable[str] = decoded_chunks(path, source.encoding, source.errors)
    for text in chunks:
        yield len(text), text[-1], text.encode('utf-8', 'surrogatepass')
