"""The history of a run: one row for each report and validation, append-only.

    start        the untrained loss, at position 0
    report       every print_every windows: the mean training loss since the last report
    round        the end of a round: its mean training loss and its validation
    validation   the end of an epoch inside a round, when `anneal` asks for it
    change       hyperparameters that ms.sethyperparams changed: `changed` has the old and the new value of each
    resume       what came from row `keep` on is superseded: training went on from an earlier moment

Every row has a number, which only grows.  Reading never writes: after a load or a restore the resume row waits until
there is something new to append.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

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
"""Of words, 'bits' is bits_per_word and 'chars_per_second' words_per_second: names say the unit."""
FORMS = {
    'round': 'd',
    'epoch': '.2f',
    'train_nats': '.4f',
    'valid_nats': '.4f',
    'bits': '.4f',
    'learnrate': '.3g',
    'grad_norm': '.3g',
    'chars_per_second': ',.0f',
}
LINE = '{:<10} {:>5} {:>7} {:>8} {:>8} {:>7} {:>9} {:>8} {:>9}'
SHOWN = 20
"""How many of the newest rows the prompt shows."""


class History(Sequence[Row]):
    """The rows that are part of how the model came to be; superseded ones are on disk only.

    Parameters
    ----------
    written : mapping of int to row    what the file holds, by number; some may be missing
    level : str                        'char', 'byte' or 'word': what a loss is per, and in the names of columns
    """

    def __init__(self, written: Mapping[int, Row] | None = None, level: str = 'char') -> None:
        self.level = level
        self._names = {'bits': f'bits_per_{level}', 'chars_per_second': f'{level}s_per_second'}
        self._written = dict(written or {})
        self._waiting: dict[int, Row] = {}
        self.length = max(self._written, default=-1) + 1
        """The number of the next row: what a checkpoint remembers."""
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
        """A row by its place, or a column by its name: a value for each row, None where it has none."""
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

    def __repr__(self) -> str:
        heads = ('kind', 'round', 'epoch', 'train', 'valid', 'bits', 'learnrate', 'gradient', f'{self.level}s/s')
        shown = self._live[-SHOWN:]
        cells = ([_cell(row.get(self._names.get(name, name)), form) for name, form in FORMS.items()] for row in shown)
        lines = [LINE.format(*heads)]
        if earlier := len(self) - len(shown):
            lines.append(f'… {earlier:,} earlier rows')
        lines += [LINE.format(row['kind'][:10], *rest) for row, rest in zip(shown, cells, strict=True)]
        lines.append("ms.history['valid_nats'] is a column, .columns names them, .to_csv(path) saves")
        return '\n'.join(lines)

    def to_csv(self, path: str | Path) -> None:
        """Write every row and every column as comma-separated values, with a line of names; a sample is one cell."""
        text = io.StringIO(newline='')
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows(['' if row.get(name) is None else row[name] for name in self.columns] for row in self)
        Path(path).write_text(text.getvalue(), encoding='utf-8', errors='backslashreplace', newline='')

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

    def add(self, row: Row) -> None:
        """Append a row.  It waits to be written: see ``waiting``."""
        row = _finite(row)  # as it will be read again
        self._wait(row)
        self._live += self._shown([row])

    def _shown(self, rows: list[Row]) -> list[Row]:
        """The rows of the file under the names of their units, with the bits of their validation: what one quotes."""
        names, bits = self._names, self._names['bits']
        return [
            {**{names.get(name, name): value for name, value in row.items()}, bits: _bits(row.get('valid_nats'))}
            for row in rows
        ]

    def _wait(self, row: Row) -> None:
        self._waiting[self.length] = row
        self.length += 1

    def waiting(self) -> dict[int, Row]:
        """The rows to append to the file, by number."""
        return dict(self._waiting)

    def mark_written(self) -> None:
        """What waited is in the file."""
        self._written |= self._waiting
        self._waiting = {}

    def rewind(self, length: int) -> None:
        """Go back to the moment when there were `length` rows: what came after is superseded."""
        self._live = self._shown(_live_at(self._written, length))
        self._waiting = {}
        # Rows that the file has lost keep their numbers, or else new ones would pass for them.
        self.length = max(length, max(self._written, default=-1) + 1)
        if self.length > length:
            self._wait({'kind': 'resume', 'keep': length})


NUMBERS = ('round', 'epoch', 'position', 'seconds', 'learnrate')
MEASURED = ('train_nats', 'valid_nats', 'valid_stderr', 'grad_norm', 'windows', 'chars_per_second')


def is_sound(row: Row) -> bool:
    """Whether a row that somebody wrote has what is read of it."""

    def number(name: str, *, needed: bool) -> bool:
        value = row.get(name)
        if value is None:
            return not needed
        return type(value) in (int, float) and abs(value) < 2.0**1023  # JSON's 1e999 is an infinity

    if row.get('kind') == 'resume':
        return isinstance(row.get('keep'), int) and row['keep'] >= 0
    return (
        isinstance(row.get('kind'), str)
        and row['kind'].isidentifier()  # it is shown as it is
        and all(number(name, needed=True) for name in NUMBERS)
        and all(number(name, needed=False) for name in MEASURED)
        and number('valid_symbols', needed=row.get('valid_nats') is not None)
        and isinstance(row.get('sample', ''), str)
        and type(row['round']) is int
    )


def _live_at(rows: Mapping[int, Row], length: int) -> list[Row]:
    """The rows that counted when there were `length`: from the end backwards, each resume row passes over some."""
    live = []
    for number in sorted(rows, reverse=True):
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


def _cell(value: Any, form: str) -> str:
    return '' if value is None else format(value, form)


def _finite(row: Row) -> dict[str, Any]:
    """JSON knows no nan and no infinity: they are written as null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
