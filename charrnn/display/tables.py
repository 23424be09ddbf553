"""Tables: rows under headings, rendered as text and as HTML from one source."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from charrnn.display.text import fitting, printable

ONE_LINE = {ord('\n'): ' ', ord('\t'): ' '}
"""Replacements in a cell, so that rows stay aligned."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    head : str       the heading
    form : str       the format specification of its values; None is shown as '-'
    align : str      '<' (left) or '>' (right)
    """

    head: str
    form: str = ''
    align: str = '<'

    def cell(self, value: Any) -> str:
        """Return a value as one line of text without control characters."""
        # A number that a stranger's file may hold would fill the line with digits.
        form = '.3g' if isinstance(value, float) and abs(value) >= 1e12 else self.form
        written = '-' if value is None else format(value, form)
        return printable(written).translate(ONE_LINE)


@dataclass(frozen=True)
class Table:
    """Rows under headings.

    Parameters
    ----------
    columns : sequence of Column    if no column has a head, the line of heads is left out
    rows : sequence of rows         each has a value for every column
    texts : sequence of str         a text below each row, such as a sample; empty: no texts
    before, after : str             lines above and below the rows
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    texts: Sequence[str] = field(default=())
    before: str = ''
    after: str = ''

    def _cells(self) -> list[list[str]]:
        return [[column.cell(value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]

    def __str__(self) -> str:
        cells = [[fitting(cell) for cell in row] for row in self._cells()]  # before they are aligned
        heads = [fitting(column.head) for column in self.columns]
        lines = [heads] if any(heads) else []
        widths = [max(map(len, column)) for column in zip(*lines, *cells, strict=True)] if lines or cells else []

        def aligned(row: list[str]) -> str:
            parts = (f'{c:{column.align}{w}}' for c, column, w in zip(row, self.columns, widths, strict=True))
            return '  '.join(parts).rstrip()

        shown = [printable(self.before)] if self.before else []
        shown += map(aligned, lines)
        for place, row in enumerate(cells):
            shown.append(aligned(row))
            if self.texts:
                shown += [f'  │ {line}'.rstrip() for line in printable(self.texts[place]).split('\n')]
        return fitting('\n'.join([*shown, printable(self.after)] if self.after else shown))

    def html(self) -> str:
        """Return the table as HTML; all text in it is escaped."""
        align = ['right' if column.align == '>' else 'left' for column in self.columns]

        def row(tag: str, cells: Sequence[str]) -> str:
            parts = (
                f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>'
                for cell, side in zip(cells, align, strict=True)
            )
            return f'<tr>{"".join(parts)}</tr>'

        heads = [column.head for column in self.columns]
        lines = [row('th', heads)] if any(heads) else []
        for place, cells in enumerate(self._cells()):
            lines.append(row('td', cells))
            if self.texts:
                text = html.escape(printable(self.texts[place]))
                style = 'text-align: left; white-space: pre-wrap'
                lines.append(f'<tr><td colspan="{len(cells)}" style="{style}">{text}</td></tr>')
        around = [f'<pre>{html.escape(printable(text))}</pre>' if text else '' for text in (self.before, self.after)]
        return f'{around[0]}<table>{"".join(lines)}</table>{around[1]}'


def write_csv(path: str | Path, heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write comma-separated values after a line of heads; None is an empty cell, and a text is one cell."""
    text = io.StringIO(newline='')
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows(['' if value is None else value for value in row] for row in rows)
    Path(path).write_text(text.getvalue(), encoding='utf-8', errors='backslashreplace', newline='')


class Tabular:
    """A value that is shown as a table, as text at the prompt and as HTML in a notebook."""

    __slots__ = ()

    def table(self) -> Table:
        """Return the value as a table."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().html()


class Several:
    """Several values in a tuple or a list; an attribute of one that is asked of all gets an error that says so."""

    __slots__ = ()
    noun = 'text'
    """The name of one value, as a loop may call it."""

    if not TYPE_CHECKING:  # a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith('_') or not self or not hasattr(self[0], name):
                raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name, obj=self)
            each = self.noun
            # With `obj` and without `name`, Python adds no suggestion of its own.
            raise AttributeError(
                f'these are {each}s, and each has its own .{name}.  Next: [{each}.{name} for {each} in {each}s]',
                obj=self,
            )


@dataclass(frozen=True)
class CheckpointRow:
    """One row of the table of checkpoints."""

    number: int
    round: int
    epoch: float
    valid_nats: float | None
    written: str
    is_best: bool
    name: str = ''


class CheckpointTable(Several, Tabular, tuple[CheckpointRow, ...]):
    """The checkpoints of a run, oldest first: a tuple that the prompt shows as a table."""

    __slots__ = ()
    noun = 'checkpoint'

    def table(self) -> Table:
        """Return the checkpoints as a table."""
        if not self:
            return Table((), (), before='no checkpoints yet.  Next: ms.newcheckpoint()')
        columns = [
            Column('no.', align='>'),
            Column('round', align='>'),
            Column('epoch', '.2f', '>'),
            Column('valid nats', '.4f', '>'),
            Column('written (UTC)'),
            Column(''),
        ]
        return Table(
            columns,
            [(r.number, r.round, r.epoch, r.valid_nats, r.written[:19], self._remark(r)) for r in self],
        )

    def _remark(self, row: CheckpointRow) -> str:
        return ', '.join(filter(None, ['best' if row.is_best else '', repr(row.name) if row.name else '']))
