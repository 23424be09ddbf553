"""Progress in a notebook: one line of a cell's output, replaced in place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from charrnn.display.text import count

EVERY = 0.2
"""Seconds between two replacements, because each goes over the network to the browser."""


@dataclass
class _Task:
    label: str
    total: int
    symbols: int
    level: str
    note: str
    began: float
    done: int = 0

    def __str__(self) -> str:
        seconds = time.monotonic() - self.began
        parts = [f'{self.label}  {100 * self.done // max(1, self.total)}%', self.note]
        if self.done and seconds:
            parts.append(f'{count(self.done * self.symbols / seconds)} {self.level}s/s')
            left = seconds * (self.total - self.done) / self.done
            parts.append(f'{left // 60:.0f}:{left % 60:02.0f} left')
        return '  '.join(filter(None, parts))


class NotebookProgress:
    """The interface of rich's progress bar that Screen uses, as a line of text in a cell's output."""

    def __init__(self) -> None:
        self._tasks: list[_Task] = []
        self._handle: Any = None
        self._shown = 0.0

    def start(self) -> None:
        """Show an empty line in the output."""
        from IPython.display import display  # type: ignore[import-not-found, unused-ignore]

        show: Any = display
        self._handle = show({'text/plain': ''}, raw=True, display_id=True)

    def stop(self) -> None:
        """Clear the line."""
        self._show('')

    def add_task(self, label: str, *, total: int, symbols: int, note: str, level: str) -> int:
        """Open a bar and return its number; the line shows the bar that was opened last."""
        self._tasks.append(_Task(label, total, symbols, level, note, time.monotonic()))
        return len(self._tasks) - 1

    def remove_task(self, number: int) -> None:
        """Close a bar and all bars that were opened after it."""
        del self._tasks[number:]

    def update(self, number: int, *, advance: int, note: str) -> None:
        """Advance a bar by `advance` windows and set its note."""
        self._tasks[number].note = note
        self.advance(number, advance)

    def advance(self, number: int, advance: int = 1) -> None:
        """Advance a bar by `advance` windows."""
        self._tasks[number].done += advance
        if time.monotonic() - self._shown > EVERY:
            self._shown = time.monotonic()
            self._show(str(self._tasks[-1]))

    def _show(self, line: str) -> None:
        if self._handle is not None:
            self._handle.update({'text/plain': line}, raw=True)
