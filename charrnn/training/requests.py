"""Requests to end a training, or to save inside a round: from a signal, a handle or the clock, in all ranks alike."""

from __future__ import annotations

import math
import time
from typing import Protocol

from charrnn.training.ranks import ALONE, Alone, Asked


class Stop(Protocol):
    """A request to end at the next window's end: a signal, a thread's event, a pruner."""

    @property
    def requested(self) -> bool:
        """True from the request on."""


class Requests:
    """Everything that asks a training to end, or to save inside a round: a stop and the clock.

    Parameters
    ----------
    stop : Stop
    deadline : float        of time.monotonic()
    save_minutes : float    from checkpoint to checkpoint
    team : Alone            the ranks, which decide by what any of them was asked at the newest window
    """

    def __init__(
        self, stop: Stop, deadline: float = math.inf, save_minutes: float = math.inf, team: Alone = ALONE
    ) -> None:
        self._stop, self._deadline, self._pause, self._team = stop, deadline, save_minutes * 60, team
        self._saved = time.monotonic()
        team.agree(self.here)

    def here(self) -> Asked:
        """Return what this process is asked now."""
        now = time.monotonic()
        return Asked(self._stop.requested, now >= self._deadline, now >= self._saved + self._pause)

    @property
    def requested(self) -> bool:
        """True from the request to stop on."""
        agreed = self._team.agreed
        return agreed.stop if agreed else self._stop.requested

    @property
    def over(self) -> bool:
        """True from the deadline on."""
        return (self._team.agreed or self.here()).over

    @property
    def due(self) -> bool:
        """True if a checkpoint is due."""
        return (self._team.agreed or self.here()).save

    def note_saved(self) -> None:
        """Count the minutes to the next checkpoint from now on."""
        self._saved = time.monotonic()

    def after_all(self) -> bool:
        """Ask all ranks; return True if a stop was requested."""
        self._team.agree(self.here)
        return self.requested
