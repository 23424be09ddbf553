"""An append-only file of rows, one line of JSON each, with a row number and a CRC.

    {"row": 17, "kind": "report", ..., "crc": "1f0a33c2"}

`crc` is the CRC-32 of the line without the CRC.  Since each line has its row number, a line that was torn, changed,
lost or written twice does not renumber the others.  Lines of format 1 have neither: their row number is their place
in the file.
"""

from __future__ import annotations

import itertools
import json
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.errors import WorkspaceError
from charrnn.storage.durable import append_durably, cannot_read, cannot_write
from charrnn.storage.sealed import parse_json

Row = Mapping[str, Any]
MARK = b', "crc": "'


@dataclass
class Journal:
    """The rows of a file, and the lines that are damaged.

    Parameters
    ----------
    rows : dict            rows by their number
    damaged : list of int  numbers, counted from 1, of the lines that were changed or torn
    bare : int             number of rows without a CRC
    """

    rows: dict[int, Row] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    bare: int = 0

    def trouble(self, length: int) -> str:
        """Return what is wrong with a journal that should hold `length` rows; empty if nothing is."""
        missing = (number for number in range(length) if number not in self.rows)
        lost = length - sum(number < length for number in self.rows)
        parts = []
        if self.damaged:
            parts.append(f'line {_few(self.damaged, len(self.damaged))} was changed or cut off since it was written')
        if lost:
            parts.append(f'row {_few(missing, lost)} of {length} is missing')
        return ', '.join(parts)


def _few(numbers: Iterable[int], count: int) -> str:
    shown = ', '.join(map(str, itertools.islice(numbers, 3)))
    return shown + (f' (and {count - 3} more)' if count > 3 else '')


def as_line(number: int, row: Row) -> bytes:
    """Return the line of a row, in plain ASCII, so that a sample of any bytes can be written."""
    body = json.dumps({'row': number, **row}, allow_nan=False).encode()
    return b'%s%s%08x"}\n' % (body[:-1], MARK, zlib.crc32(body))


def read_journal(path: Path, is_sound: Callable[[Row], bool], *, bare: bool) -> Journal:
    """Return every row of a file; a missing file has none.

    Parameters
    ----------
    is_sound : callable    True if a row is valid; an invalid row counts as damaged
    bare : bool            the run has format 1: lines before the first one with a CRC need none
    Raises
    ------
    WorkspaceError         the file cannot be read
    """
    journal = Journal()
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # a link leads elsewhere, and reading a pipe would never end
            raise WorkspaceError('it is not a plain file', 'put it back, or delete it')
        lines = _settled(path).split(b'\n')
    except FileNotFoundError:
        return journal
    except WorkspaceError:
        raise
    except OSError as error:
        raise cannot_read(path, error) from error
    for place, line in enumerate(lines[:-1] if not lines[-1] else lines):
        found = _read_line(line, place if bare else None)
        if found and is_sound(found[1]):
            journal.rows[found[0]] = found[1]
            journal.bare += MARK not in line
        elif line:  # an empty line was made by hand, and holds nothing
            journal.damaged.append(place + 1)
        bare = bare and MARK not in line
    return journal


def _settled(path: Path) -> bytes:
    """Return the bytes of a file; read it again if another process may be in the middle of appending its last line."""
    content = path.read_bytes()
    if content and not content.endswith(b'\n'):
        time.sleep(0.05)  # an append shows page by page, and takes microseconds
        content = path.read_bytes()
    return content


def _read_line(line: bytes, bare_number: int | None) -> tuple[int, Row] | None:
    """Return number and row of a whole line, else None; a line without a CRC needs `bare_number`, and gets it."""
    body, mark, crc = line.rpartition(MARK)
    try:
        row = parse_json(body + b'}' if mark else line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    if mark:
        number = row.pop('row', None)
        whole = crc == b'%08x"}' % zlib.crc32(body + b'}') and type(number) is int and number >= 0
        return (number, row) if whole else None
    # A line with a number but without a CRC has lost its CRC.
    return (bare_number, row) if bare_number is not None and 'row' not in row else None


def append_rows(path: Path, rows: Mapping[int, Row]) -> None:
    """Append rows under their numbers and make them durable; remove a line that was cut off first.

    Raises
    ------
    WorkspaceError    the file cannot be written; the same rows may be appended again
    """
    data = b''.join(as_line(number, row) for number, row in rows.items())
    try:
        end, rest = _last_line(path)
        if rest and _read_line(rest, 0):  # only its line break is missing
            end, data = None, b'\n' + data
        append_durably(path, data, end)
    except OSError as error:
        raise cannot_write(path, error, f'{len(data):,} bytes') from error


def _last_line(path: Path) -> tuple[int | None, bytes]:
    """Return the end of the last whole line of a file, and the bytes behind it."""
    try:
        with path.open('rb') as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            if file.read(1) in (b'', b'\n'):
                return size, b''
        content = path.read_bytes()
        end = content.rfind(b'\n') + 1
        return end, content[end:]
    except FileNotFoundError:
        return 0, b''
