"""Signals during training: the first requests a stop at a window's end, a second Ctrl-C stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

ENDING = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, 'SIGHUP') else [])]
"""The signals that end a process by default."""


class StopRequest:
    """A request to stop, made by a signal in its ``with`` block: SIGINT (Ctrl-C), SIGTERM or SIGHUP.

    The first sets `requested`; another Ctrl-C after it raises KeyboardInterrupt, once.  SIGTERM and SIGHUP are taken
    only where they would have ended the process.  Outside the main thread Python delivers no signals, and all of them
    act as before.

    Attributes
    ----------
    requested : bool
    ended_by : int or None    the signal that asks for the end of the process, too
    """

    def __init__(self) -> None:
        self.requested = self._raised = False
        self.ended_by: int | None = None
        self._before: dict[int, Any] = {}

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._raised:  # further ones change nothing: the KeyboardInterrupt of the second is on its way
            return
        if signum != signal.SIGINT:
            self.ended_by = signum
        elif self.requested:
            self._raised = True
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self) -> Self:
        # getsignal is None for a handler that was not installed from Python: we could not put that one back.
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is not None:
                self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._handle)
            for ending in ENDING:
                if signal.getsignal(ending) == signal.SIG_DFL:
                    self._before[ending] = signal.signal(ending, self._handle)
        return self

    def __exit__(self, *unused: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
