"""A training in a thread of its own, beside the prompt: the result of ``trainmodel(background=True)``."""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from charrnn.display.progress import Screen, line_of
from charrnn.display.prompt import at_next_prompt
from charrnn.display.text import fitted
from charrnn.errors import CharRNNError
from charrnn.training.loop import TrainReport
from charrnn.training.requests import Stop

Work = Callable[[Screen, Stop], TrainReport]


class Notes(Screen):
    """A screen that prints nothing: it keeps the newest line, the bars that move, and what was said."""

    def __init__(self, level: str) -> None:
        super().__init__(level=level, quiet=True)
        self.begun = threading.Event()  # by the first bar, or by an end before it
        self.has_bars = False
        self.line, self.said, self.note = '', list[str](), ''
        self._bars = list[tuple[str, int, list[int]]]()  # label, windows, and the windows done

    def say(self, text: str, style: str = '') -> None:
        """Keep a text."""
        self.said.append(text.strip())

    def show(self, row: Mapping[str, Any], unigram: float | None = None) -> None:
        """Keep a row of the history as a line."""
        self.line = line_of(row, self.level, unigram)

    @contextlib.contextmanager
    def bar(self, label: str, windows: int, symbols: int) -> Iterator[None]:
        """Count the windows of the block."""
        self._bars.append((label, windows, [0]))
        self.has_bars = True
        self.begun.set()
        try:
            yield
        finally:
            self._bars.pop()

    def advance(self, loss_nats: float | None = None) -> None:
        """Count one window, and keep its loss."""
        self._bars[-1][2][0] += 1
        if loss_nats is not None:
            self.note = f', loss {loss_nats:.3f}'

    def progress(self) -> str:
        """Return how far each open bar is, and the newest loss."""
        bars = [f'{label} {done / windows:.0%}' for label, windows, (done,) in list(self._bars)]
        return ', '.join(bars or ['saving']) + self.note


@fitted
class Training:
    """A training in the background: its repr is its progress line, and it is the request to stop that the loop asks.

    An error in it, and its end, are told at the next prompt line.  Ctrl-C at the prompt does not touch it; leaving
    Python stops it at the end of a window, and saves.

    Attributes
    ----------
    requested : bool                 True from stop() on
    report : TrainReport or None     its result, when it has ended without an error
    error : BaseException or None    the error that has ended it
    """

    def __init__(self, work: Work, level: str) -> None:
        self.requested = False
        self.report: TrainReport | None = None
        self.error: BaseException | None = None
        self._notes = Notes(level)
        self._ended, self._told = threading.Event(), False
        # A daemon: Python would wait for the last round of another thread before it calls _leave.
        self._thread = threading.Thread(target=self._train, args=(work,), name='charrnn training', daemon=True)

    @property
    def running(self) -> bool:
        """True until it has ended and saved."""
        return not self._ended.is_set()

    @property
    def progress(self) -> str:
        """The share of the present round that is done, and the loss of the newest window."""
        return self._notes.progress()

    def start(self) -> Training:
        """Start the thread, and return when the first round begins; raise the error that prevents it."""
        atexit.register(self._leave)
        self._thread.start()
        self._notes.begun.wait()
        if not self._notes.has_bars:
            self.wait()
        return self

    def stop(self) -> TrainReport | None:
        """End it after the present window; return its report when it has saved."""
        self.requested = True
        return self.wait()

    def wait(self, seconds: float | None = None) -> TrainReport | None:
        """Return the report when the training has ended; None if it goes on after so many seconds.

        Ctrl-C ends the waiting only.  Raises the error that has ended the training.
        """
        before, self._told = self._told, True  # by what this returns or raises
        try:
            if not self._ended.wait(seconds):
                self._told = before
                return None
        except KeyboardInterrupt as error:  # its name says what happened
            self._told = before
            raise error.with_traceback(None) from None
        if self.error:
            raise self.error.with_traceback(None) if isinstance(self.error, CharRNNError) else self.error
        return self.report

    def _train(self, work: Work) -> None:
        try:
            self.report = work(self._notes, self)
        except BaseException as error:  # it belongs to the thread that waits
            self.error = error
        atexit.unregister(self._leave)
        self._ended.set()
        self._notes.begun.set()
        if self._notes.has_bars:
            at_next_prompt(self._tell)

    def _tell(self) -> None:
        if not self._told:
            Screen().say(repr(self))

    def _leave(self) -> None:
        self.requested = self._told = True
        self._ended.wait()

    def __repr__(self) -> str:
        notes = self._notes
        if self.running:
            return f'training in the background: {self.progress}\n  {notes.line}'.rstrip()
        if self.error:
            return f'The training in the background was ended by {type(self.error).__name__}: {self.error}'
        return '\n'.join(['The training in the background has ended.', f'  {notes.line}', *notes.said[-1:]])
