"""The learning rate as a function of how validation went."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from charrnn.hyperparams import HyperParams


@dataclass(frozen=True)
class Schedule:
    """What has been decided so far.

    Parameters
    ----------
    epochs_judged : int        the end of so many epochs was validated
    annealings : int           so many of them did not improve
    best_nats : float or None  the lowest of these validation losses
    """

    epochs_judged: int = 0
    annealings: int = 0
    best_nats: float | None = None

    def judge(self, epochs: int, valid_nats: float) -> Schedule:
        """After a whole-split validation at the end of epoch `epochs`: anneal unless it improved."""
        improved = self.best_nats is None or valid_nats < self.best_nats
        if improved and math.isfinite(valid_nats):
            return Schedule(epochs, self.annealings, valid_nats)
        return replace(self, epochs_judged=epochs, annealings=self.annealings + 1)

    def learnrate(self, hyper: HyperParams) -> float:
        """The step size of the next update."""
        return hyper.learnrate * hyper.anneal**self.annealings
