"""The range test of learning rates: windows with a rising rate, until the loss rises too.

Source: Smith 2017, arXiv:1506.01186.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from charrnn.errors import NonFiniteLossError
from charrnn.training.learner import Learner, Rate

LOW, HIGH = 1e-5, 1.0
"""The rates of the first and the last window."""
SGD = 1000
"""Factor on both for plain SGD."""
SMOOTH = 0.8
"""The share of the loss of earlier windows in the mean of each window."""
RISE = 0.3
"""Nats above the lowest mean from which on the loss rises, and is not noise."""
LEAST_WINDOWS, MOST_WINDOWS = 12, 90


@dataclass(frozen=True)
class RateTest:
    """The result of a range test.

    Parameters
    ----------
    rates, losses : tuple of float    the rate of each window, and the running mean of the loss, in nats
    limit : float                     the rate from which on the loss rises; infinity if it never did
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    limit: float

    @property
    def usual(self) -> tuple[float, float]:
        """The range in which good rates lie: from a hundredth to a third of the limit."""
        return self.limit / 100, self.limit / 3


def rate_test(learner: Learner, seconds: float, tick: Callable[[], object] = lambda: None) -> RateTest:
    """Train windows with rates from LOW to HIGH, evenly on a log scale, until the loss rises; the learner is spent.

    Parameters
    ----------
    seconds : float     the time for it: there are as many windows as fit, within limits
    tick : callable     called after each window
    """
    factor = SGD if learner.hyper.optimizer == 'sgd' else 1
    began = time.monotonic()
    learner.train_window(_constant(LOW * factor))
    windows = int(seconds / max(1e-9, time.monotonic() - began))
    windows = min(max(windows, LEAST_WINDOWS), MOST_WINDOWS)
    rates, losses, mean = list[float](), list[float](), 0.0
    for number in range(windows):
        rate = LOW * factor * (HIGH / LOW) ** (number / (windows - 1))
        try:
            nats = learner.train_window(_constant(rate)).loss_nats
        except NonFiniteLossError:
            return RateTest(tuple(rates), tuple(losses), rate)
        mean = SMOOTH * mean + (1 - SMOOTH) * nats
        rates.append(rate)
        losses.append(mean / (1 - SMOOTH ** (number + 1)))
        tick()
        if losses[-1] > min(losses) + 2 * RISE:
            break
    lowest = losses.index(min(losses))
    rising = (rate for rate, nats in zip(rates[lowest:], losses[lowest:], strict=True) if nats > losses[lowest] + RISE)
    return RateTest(tuple(rates), tuple(losses), next(rising, math.inf))


def _constant(rate: float) -> Rate:
    return lambda now: rate


def rounded(rate: float) -> float:
    """Return a rate with one digit, as it is typed.

    >>> rounded(0.00347), rounded(12.0)
    (0.003, 10.0)
    """
    digits = -math.floor(math.log10(rate))
    return round(rate, digits)
