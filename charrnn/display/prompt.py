"""Messages of other threads at a prompt: they wait for the next prompt line, so that they do not cut what is typed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

Tell = Callable[[], None]

_lock = threading.Lock()
_waiting: list[Tell] = []


def at_next_prompt(tell: Tell) -> None:
    """Call `tell`, which prints something, before the next prompt line; at once where there is no prompt."""
    shell = _ipython()
    if shell is None and not hasattr(sys, 'ps1'):
        tell()
        return
    with _lock:
        _waiting.append(tell)
        if len(_waiting) > 1:  # the first one has arranged it
            return
        if shell is not None:
            shell.events.register('post_run_cell', _tell_after_cell)
        else:
            sys.ps1 = _Prompt(sys.ps1)


class _Prompt:
    """A sys.ps1, which Python turns into a str before each prompt line; the first time prints what waits."""

    def __init__(self, before: object) -> None:
        self.before = before

    def __str__(self) -> str:
        sys.ps1 = self.before
        _tell_waiting()
        return str(self.before)


def _tell_after_cell(*unused: object) -> None:
    shell = _ipython()
    shell.events.unregister('post_run_cell', _tell_after_cell)
    _tell_waiting()


def _tell_waiting() -> None:
    with _lock:
        found, _waiting[:] = _waiting[:], []
    for tell in found:
        tell()


def _ipython() -> Any:
    """Return the running IPython, a notebook's included; None without one."""
    ipython = sys.modules.get('IPython')
    return ipython.get_ipython() if ipython else None
