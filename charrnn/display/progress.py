"""The output of training: lines of text anywhere, and a progress bar on a terminal or in a notebook.

rich is imported with the first Screen, so that `import charrnn` does not wait for it.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from charrnn.display.notebook import NotebookProgress
from charrnn.display.text import count, fitting, number, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task
    from rich.text import Text

_BLANK_LINES = re.compile('\n{3,}')  # an early sample of words can be mostly blank lines


class Screen:
    """The screen that training prints on, one for each call of trainmodel; a quiet one prints nothing."""

    words: Callable[[str], str] = staticmethod(str)
    """A function that each text passes through; the command line puts next steps into the words of a shell."""

    to_stderr = False
    """True for the command line, whose standard output is for results."""

    def __init__(self, console: Console | None = None, level: str = 'char', *, quiet: bool = False) -> None:
        from rich.console import Console

        self.level = level
        self.console = console or Console(highlight=False, soft_wrap=True, quiet=quiet, stderr=self.to_stderr)
        self._progress: Any = None  # rich's, or a NotebookProgress
        self._tasks: list[Any] = []

    def say(self, text: str, style: str = '') -> None:
        """Print any text: markup is not interpreted, and control or unencodable characters are escaped."""
        from rich.text import Text

        with self._survive_closed_output():
            safe = fitting(printable(self.words(text)), self.console.encoding)
            self.console.print(Text(safe, style=style), soft_wrap=True)

    @contextlib.contextmanager
    def _survive_closed_output(self) -> Iterator[None]:
        """Silence this screen, instead of stopping the training, if its output fails in any way."""
        try:
            yield
        except (Exception, SystemExit):  # a closed or odd sys.stdout; rich exits the process when a pipe was closed
            from rich.console import Console

            self.console = Console(quiet=True)

    def show(self, row: Mapping[str, Any], unigram: float | None = None) -> None:
        """Print a row of the history as one line, followed by its sample if it has one."""
        self.say(line_of(row, self.level, unigram), style='bold' if row['kind'] == 'round' else '')
        if row.get('sample'):
            self.say(
                ''.join(f'  │ {line}\n' for line in _BLANK_LINES.sub('\n\n', printable(row['sample'])).split('\n')),
                style='dim',
            )

    @contextlib.contextmanager
    def bar(self, label: str, windows: int, symbols: int) -> Iterator[None]:
        """Show a bar over `windows` windows of `symbols` symbols each while the block runs; on a pipe, nothing.

        Bars may be nested: the inner bar is shown below the outer one, and ``advance`` moves the inner one.
        """
        animated = False
        with self._survive_closed_output():
            animated = not self.console.quiet and (self.console.is_terminal or self.console.is_jupyter)
        if not animated:
            yield
            return
        task = None
        try:
            with _defer_interrupt():
                task = self._open(label, windows, symbols)
            yield
        finally:
            try:
                self._close(task)
            except KeyboardInterrupt:  # came before SIGINT was deferred; a bar left open would spoil the terminal
                self._close(task)
                raise

    def _open(self, label: str, windows: int, symbols: int) -> Any:
        if self._progress is None:
            self._progress = NotebookProgress() if self.console.is_jupyter else _terminal_progress(self.console)
            with self._survive_closed_output():
                self._progress.start()
        task = self._progress.add_task(label, total=windows, symbols=symbols, note='', level=self.level)
        self._tasks.append(task)
        return task

    def _close(self, task: Any) -> None:
        with _defer_interrupt():
            if task in self._tasks:
                self._tasks.remove(task)
                self._progress.remove_task(task)
            if not self._tasks and self._progress is not None:
                with self._survive_closed_output():
                    self._progress.stop()
                self._progress = None

    def advance(self, loss_nats: float | None = None) -> None:
        """Advance the bar that was opened last by one window, and show the loss of the window if it is given."""
        if self._progress is None:
            return
        if loss_nats is None:
            self._progress.advance(self._tasks[-1])
        else:
            self._progress.update(self._tasks[-1], advance=1, note=f'loss {loss_nats:.3f}')


def line_of(row: Mapping[str, Any], level: str, unigram: float | None = None) -> str:
    """Return a row of the history as one line."""
    ends = row['kind'] == 'round'
    parts = [f'round {row["round"]}{" ends" if ends else ""}', f'epoch {row["epoch"]:.2f}']
    if row.get('train_nats') is not None:
        parts.append(f'train {_loss(row["train_nats"], 3)}{" (mean of the round)" if ends else ""}')
    if row.get('valid_nats') is not None:
        parts.append(f'valid {_loss(row["valid_nats"], 4)}')
    parts[-1] += f' nats/{level}'
    if unigram is not None:
        parts.append(f'unigram {unigram:.3f}')
    if row.get('chars_per_second'):
        parts.append(f'{count(row["chars_per_second"])} {level}s/s')
    return '  '.join(parts)


def _loss(nats: float, digits: int) -> str:
    return f'{nats:.{digits}f}' if nats < 1000 else number(nats)


@contextlib.contextmanager
def _defer_interrupt() -> Iterator[None]:
    """Defer SIGINT until the block has finished."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        signal.raise_signal(signal.SIGINT)


def _terminal_progress(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        """The column that shows symbols per second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f'{count(speed * task.fields["symbols"])} {task.fields["level"]}s/s' if speed else '')

    return Progress(
        TextColumn('{task.description}'),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn('{task.fields[note]}'),
        Speed(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        refresh_per_second=5,
    )
