"""The history of a run: one row for each report and validation, append-only.

    start        the untrained loss, at position 0
    report       every print_every windows: the mean training loss since the last report
    round        the end of a round: its mean training loss and its validation
    validation   the end of an epoch inside a round, when `anneal` asks for it
    resume       what came after line `keep` of the file is superseded: training went on from an earlier moment

On disk each row is a line of JSON.  A line that cannot be read (torn by a power cut) counts as a line and is passed
over.  Reading never writes: after a load or a restore the resume row waits until there is something new to append.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

Row = Mapping[str, Any]


class History(Sequence[Row]):
    """The rows that are part of how the model came to be; superseded ones are on disk only.

    Parameters
    ----------
    lines : sequence of str    the file's lines, also unreadable ones
    """

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self._written = [_parse(line) for line in lines]  # one for each line of the file
        self._waiting: list[Row] = []
        self._live = _live_at(self._written, len(self._written))

    def __len__(self) -> int:
        return len(self._live)

    @overload
    def __getitem__(self, which: int) -> Row: ...
    @overload
    def __getitem__(self, which: slice) -> list[Row]: ...
    def __getitem__(self, which: int | slice) -> Row | list[Row]:
        return self._live[which]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._live)

    def __repr__(self) -> str:
        return f'<History of {len(self)} rows; ms.history[-1] is the newest, ms.history.column(name) one column>'

    def column(self, name: str, kind: str | None = None) -> list[Any]:
        """One value of every row that has it, of one kind of rows or of all."""
        rows = (row for row in self if kind in (None, row['kind']))
        return [row[name] for row in rows if row.get(name) is not None]

    def validations(self) -> list[tuple[int, float]]:
        """Round and loss of the newest validation and of all before it that scored as many symbols, oldest first."""
        scored = [row for row in self if row.get('valid_nats') is not None]
        return [(r['round'], r['valid_nats']) for r in scored if r['valid_symbols'] == scored[-1]['valid_symbols']]

    def validated(self, position: int, symbols: int) -> float | None:
        """The validation loss over all `symbols` of the split at exactly this position, if it was measured."""
        for row in reversed(self._live):
            if row.get('position') != position:
                break
            if symbols and row.get('valid_symbols') == symbols:
                nats: float | None = row['valid_nats']
                return nats
        return None

    @property
    def length(self) -> int:
        """How many lines the file will hold once what waits is written: what a checkpoint remembers."""
        return len(self._written) + len(self._waiting)

    def add(self, row: Row) -> None:
        """Append a row.  It waits to be written: see ``waiting_lines``."""
        self._waiting.append(row)
        self._live.append(row)

    def waiting_lines(self) -> list[str]:
        """The lines to append to the file: plain ASCII, so that a sample of any bytes can be written."""
        return [json.dumps(_finite(row)) for row in self._waiting]

    def mark_written(self) -> None:
        """What waited is in the file.  Not before: a full disk must not make us count lines that are not there."""
        self._written += self._waiting
        self._waiting = []

    def rewind(self, length: int) -> None:
        """Go back to the moment when the file held `length` lines: what came after is superseded."""
        self._live = _live_at(self._written, length)
        self._waiting = [{'kind': 'resume', 'keep': length}] if len(self._written) > length else []


def _parse(line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    return row if isinstance(row, dict) and isinstance(row.get('kind'), str) else {'kind': 'unreadable'}


def _live_at(rows: Sequence[Row], length: int) -> list[Row]:
    """The rows that counted when there were `length` lines.

    From the end backwards: what follows a resume row counts, then what counted when the lines that it kept were all.
    """
    pieces: list[Sequence[Row]] = []
    end = here = min(length, len(rows))
    while here > 0:
        here -= 1
        keep = rows[here].get('keep')
        if rows[here]['kind'] == 'resume' and isinstance(keep, int):
            pieces.append(rows[here + 1 : end])
            end = here = max(0, min(keep, here))
    pieces.append(rows[:end])
    return _readable([row for piece in reversed(pieces) for row in piece])


def _readable(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row['kind'] not in ('unreadable', 'resume')]


def _finite(row: Row) -> dict[str, Any]:
    """JSON knows no nan and no infinity: they are written as null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
