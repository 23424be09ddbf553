"""The history of a run: one row for each report and validation, append-only.

    start        the untrained loss, at position 0
    report       every print_every windows: the mean training loss since the last report
    round        the end of a round: its mean training loss and its validation
    validation   the end of an epoch inside a round, when `anneal` asks for it
    change       hyperparameters that ms.sethyperparams changed: `changed` has the old and the new value of each
    resume       the rows from number `keep` on are superseded: training went on from an earlier moment

Every row has a number, which only grows.  Reading never writes: after a load or a restore the resume row waits until
there is a new row to append.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from charrnn.display.tables import Column, Table, Tabular, write_csv
from charrnn.display.text import Text

Row = Mapping[str, Any]


COLUMNS = (
    'kind',
    'round',
    'epoch',
    'position',
    'seconds',
    'learnrate',
    'train_nats',
    'valid_nats',
    'valid_stderr',
    'valid_symbols',
    'bits',
    'grad_norm',
    'windows',
    'chars_per_second',
    'changed',
    'sample',
)
"""The history of words has bits_per_word for 'bits' and words_per_second for 'chars_per_second'; bytes likewise."""
SHOWN_COLUMNS = {
    'kind': Column('kind'),
    'round': Column('round', 'd', '>'),
    'epoch': Column('epoch', '.2f', '>'),
    'train_nats': Column('train', '.4f', '>'),
    'valid_nats': Column('valid', '.4f', '>'),
    'bits': Column('bits', '.4f', '>'),
    'learnrate': Column('learnrate', '.3g', '>'),
    'grad_norm': Column('gradient', '.3g', '>'),
    'chars_per_second': Column('', ',.0f', '>'),
}
"""The columns of the table at the prompt; the head of the last one depends on the level."""
SHOWN_ROWS = 20
"""The number of rows that the prompt shows, the newest."""


class History(Tabular, Sequence[Row]):
    """The rows that led to the present model; superseded rows are on disk only.

    Parameters
    ----------
    written : mapping of int to row    the rows of the file, by number; some may be missing
    level : str                        'char', 'byte' or 'word': the unit of the losses, and in the names of columns
    """

    def __init__(self, written: Mapping[int, Row] | None = None, level: str = 'char') -> None:
        self.level = level
        self._names = {'bits': f'bits_per_{level}', 'chars_per_second': f'{level}s_per_second'}
        self._written = dict(written or {})
        self._waiting: dict[int, Row] = {}
        self.length = max(self._written, default=-1) + 1
        """The number of the next row; a checkpoint records it."""
        self._live = self._shown(_live_at(self._written, self.length))

    def __len__(self) -> int:
        return len(self._live)

    @overload
    def __getitem__(self, which: int) -> Row: ...
    @overload
    def __getitem__(self, which: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, which: str) -> list[Any]: ...
    def __getitem__(self, which: int | slice | str) -> Row | list[Row] | list[Any]:
        """Return a row by its place, or a column by its name, with None for each row that lacks the value."""
        if isinstance(which, str):
            if which not in self.columns:
                raise KeyError(f'no column {which!r}; there are {", ".join(self.columns)}')
            return [row.get(which) for row in self._live]
        return self._live[which]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(self._names.get(name, name) for name in COLUMNS)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._live)

    def table(self) -> Table:
        """Return the newest rows as a table."""
        *columns, speed = SHOWN_COLUMNS.values()
        shown = self._live[-SHOWN_ROWS:]
        names = [self._names.get(name, name) for name in SHOWN_COLUMNS]
        earlier = len(self) - len(shown)
        return Table(
            [*columns, replace(speed, head=f'{self.level}s/s')],
            [(row['kind'][:10], *(row.get(name) for name in names[1:])) for row in shown],
            before=f'… {earlier:,} earlier rows' if earlier else '',
            after="ms.history['valid_nats'] is a column, .columns names them, .to_csv(path) saves",
        )

    def to_csv(self, path: str | Path) -> None:
        """Write all rows and columns as comma-separated values, after a line of names; a sample is one cell."""
        write_csv(path, self.columns, ([row.get(name) for name in self.columns] for row in self))

    def column(self, name: str, kind: str | None = None) -> list[Any]:
        """Return one value of every row that has it; `kind` limits this to rows of one kind."""
        rows = (row for row in self if kind in (None, row['kind']))
        return [row[name] for row in rows if row.get(name) is not None]

    def validations(self) -> list[tuple[int, float]]:
        """Return round and loss of each validation that scored as many symbols as the newest one, oldest first."""
        scored = [row['valid_symbols'] for row in self if row.get('valid_nats') is not None]
        return self._whole(scored[-1]) if scored else []

    def _whole(self, symbols: int) -> list[tuple[int, float]]:
        scored = [row for row in self if row.get('valid_nats') is not None and row['valid_symbols'] == symbols]
        return [(row['round'], row['valid_nats']) for row in scored]

    def best(self, symbols: int) -> float | None:
        """Return the lowest validation loss over all `symbols` of the split, or None if there is none."""
        return min((nats for _, nats in self._whole(symbols)), default=None)

    def validated(self, position: int, symbols: int) -> float | None:
        """Return the validation loss over all `symbols` of the split at this position, or None if there is none."""
        for row in reversed(self._live):
            if row.get('position') != position:
                break
            if symbols and row.get('valid_symbols') == symbols:
                nats: float | None = row['valid_nats']
                return nats
        return None

    def add(self, row: Row) -> None:
        """Append a row; it is in ``waiting`` until ``mark_written``."""
        row = _finite(row)  # the values that will be read again from the file
        self._wait(row)
        self._live += self._shown([row])

    def _shown(self, rows: list[Row]) -> list[Row]:
        """Return the rows of the file with the names of their units, and the bits of their validation."""
        names, bits = self._names, self._names['bits']
        return [
            {
                **{names.get(name, name): value for name, value in row.items()},
                **({'sample': Text(row['sample'])} if 'sample' in row else {}),
                bits: _bits(row.get('valid_nats')),
            }
            for row in rows
        ]

    def _wait(self, row: Row) -> None:
        self._waiting[self.length] = row
        self.length += 1

    def waiting(self) -> dict[int, Row]:
        """Return the rows to append to the file, by number."""
        return dict(self._waiting)

    def mark_written(self) -> None:
        """Record that the waiting rows are in the file now."""
        self._written |= self._waiting
        self._waiting = {}

    def frozen(self) -> History:
        """Return a copy of this history to which no row is added when one is added here."""
        found = copy.copy(self)
        found._written, found._waiting, found._live = {**self._written}, {**self._waiting}, [*self._live]
        return found

    def copied(self) -> History:
        """Return a history of the same rows for another run: all of them are in ``waiting``."""
        found = History(level=self.level)
        for row in _live_at({**self._written, **self._waiting}, self.length):
            found.add(row)
        return found

    def is_past(self, length: int) -> bool:
        """Return True if the rows live at `length` are the first of those that are live now."""
        rows = {**self._written, **self._waiting}
        then, now = _live_at(rows, length), _live_at(rows, self.length)
        return all(a is b for a, b in itertools.zip_longest(then, now[: len(then)]))

    def rewind(self, length: int) -> None:
        """Go back to the moment when there were `length` rows; all later rows are superseded."""
        self._live = self._shown(_live_at(self._written, length))
        self._waiting = {}
        # Numbers of rows that the file has lost are not used again: new rows would be taken for the lost ones.
        self.length = max(length, max(self._written, default=-1) + 1)
        if self.length > length:
            self._wait({'kind': 'resume', 'keep': length})


NUMBERS = ('round', 'epoch', 'position', 'seconds', 'learnrate')
MEASURED = ('train_nats', 'valid_nats', 'valid_stderr', 'grad_norm', 'windows', 'chars_per_second')


def is_sound(row: Row) -> bool:
    """Return True if a row from disk has every column this module reads, in the right type."""

    def number(name: str, *, needed: bool) -> bool:
        value = row.get(name)
        if value is None:
            return not needed
        return type(value) in (int, float) and abs(value) < 2.0**1023  # JSON's 1e999 becomes an infinity

    if row.get('kind') == 'resume':
        return isinstance(row.get('keep'), int) and row['keep'] >= 0
    return (
        isinstance(row.get('kind'), str)
        and row['kind'].isidentifier()  # it is printed as it is
        and all(number(name, needed=True) for name in NUMBERS)
        and all(number(name, needed=False) for name in MEASURED)
        and number('valid_symbols', needed=row.get('valid_nats') is not None)
        and isinstance(row.get('sample', ''), str)
        and type(row['round']) is int
    )


def _live_at(rows: Mapping[int, Row], length: int) -> list[Row]:
    """Return the rows that were not superseded when there were `length` rows."""
    live = []
    for number in sorted(rows, reverse=True):  # backwards, so that a resume row comes before the rows that it skips
        if number >= length:
            continue
        row = rows[number]
        if row['kind'] == 'resume':
            length = min(number, row['keep'])
        else:
            live.append(row)
    return live[::-1]


def _bits(nats: float | None) -> float | None:
    return None if nats is None else nats / math.log(2)


def _finite(row: Row) -> dict[str, Any]:
    """Return a row with None for nan and infinities, which JSON lacks."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
