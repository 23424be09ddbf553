"""Ctrl-C during training: the first requests a stop at a window's end, the second stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class StopRequest:
    """A request to stop, made by Ctrl-C: in its ``with`` block the first sets `requested`.

    The second raises KeyboardInterrupt, once.  Outside the main thread Python delivers no signals, and Ctrl-C acts as
    before.
    """

    def __init__(self) -> None:
        self.requested = self._raised = False
        self._before: Any = None

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._raised:  # further ones change nothing: the KeyboardInterrupt of the second is on its way
            return
        if self.requested:
            self._raised = True
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self) -> Self:
        # getsignal is None for a handler that was not installed from Python: we could not put that one back.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not None:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *unused: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
