"""The learning rate: a function of how far the run is and of how validation went.

    rate(epoch) = learnrate · min(1, (epoch + window) / warmup) · cosine(epoch) · anneal^(epochs that did not improve)

    cosine(epoch) falls from 1 to 0.1 along half a cosine over the epochs `cosine`, and stays there.

Each factor is 1 unless it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from charrnn.hyperparams import HyperParams


@dataclass(frozen=True)
class Progress:
    """The numbers of a run that an attached schedule sees before each window.  All come back with a checkpoint.

    Parameters
    ----------
    position, symbols : int    walked by lane 0; trained on all lanes
    epoch : float              symbols / symbols of the training text
    round : int                rounds begun
    learnrate : float          by the run's own schedule
    """

    position: int
    symbols: int
    epoch: float
    round: int
    learnrate: float


@dataclass(frozen=True)
class Schedule:
    """The decisions of earlier validations.

    Parameters
    ----------
    epochs_judged : int        epochs whose end was validated
    annealings : int           of these, the epochs that did not improve
    best_nats : float or None  the lowest of these validation losses
    """

    epochs_judged: int = 0
    annealings: int = 0
    best_nats: float | None = None

    def judge(self, epochs: int, valid_nats: float) -> Schedule:
        """Return the schedule after a validation at the end of epoch `epochs`: annealed unless it is the best."""
        improved = self.best_nats is None or valid_nats < self.best_nats
        if improved and math.isfinite(valid_nats):
            return Schedule(epochs, self.annealings, valid_nats)
        return replace(self, epochs_judged=epochs, annealings=self.annealings + 1)

    def learnrate(self, hyper: HyperParams, epoch: float, window: float) -> float:
        """Return the step size of the next update, at `epoch`; `window` is its length in epochs (so no rate is 0)."""
        rate = hyper.learnrate * hyper.anneal**self.annealings
        if hyper.warmup:
            rate *= min(1.0, (epoch + window) / hyper.warmup)
        if hyper.cosine:
            rate *= 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, epoch / hyper.cosine)))
        return rate
