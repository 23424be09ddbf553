"""Tables that the prompt shows."""

from __future__ import annotations

from dataclasses import dataclass

from charrnn.display.text import printable


@dataclass(frozen=True)
class CheckpointRow:
    """One checkpoint as the list shows it."""

    number: int
    round: int
    epoch: float
    valid_nats: float | None
    written: str
    is_best: bool


class CheckpointTable(tuple[CheckpointRow, ...]):
    """Checkpoints, oldest first: a tuple that the prompt shows as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self:
            return 'no checkpoints yet.  Next: ms.newcheckpoint()'
        lines = ['  no.  round  epoch  valid nats  written (UTC)']
        for row in self:
            valid = f'{row.valid_nats:.4f}' if row.valid_nats is not None else '-'
            line = f'{row.number:>5}  {row.round:>5}  {row.epoch:>5.2f}  {valid:>10}  {printable(row.written[:19])}'
            lines.append(f'{line}  best' if row.is_best else line)
        return '\n'.join(lines)
