import math

import pytest

from charrnn import HyperParams
from charrnn.training.schedule import Schedule


def test_the_rate_falls_only_when_an_epoch_did_not_improve_on_the_best() -> None:
    hyper, schedule, rates = HyperParams(learnrate=1.0, anneal=0.5), Schedule(), []
    for epoch, nats in enumerate([3.0, 2.0, 2.5, 2.0, 1.9, float('nan')], start=1):
        schedule = schedule.judge(epoch, nats)
        rates.append(schedule.learnrate(hyper, epoch, 0.1))
    assert rates == pytest.approx([1, 1, 0.5, 0.25, 0.25, 0.125])
    assert schedule.epochs_judged == 6 and schedule.best_nats == 1.9


def test_the_rate_rises_and_falls_as_it_is_written() -> None:
    hyper, schedule = HyperParams(learnrate=1.0, warmup=0.5, cosine=2.0), Schedule()
    rates = [schedule.learnrate(hyper, epoch, 0.01) for epoch in (0, 0.24, 0.5, 1.0, 2.0, 9.0)]
    falling = [0.1 + 0.45 * (1 + math.cos(math.pi * epoch / 2)) for epoch in (0, 0.24, 0.5, 1.0)]
    assert rates == pytest.approx([0.02 * falling[0], 0.5 * falling[1], falling[2], falling[3], 0.1, 0.1])
    assert Schedule().learnrate(HyperParams(), 3.0, 0.01) == 1e-3, 'constant unless something is asked for'
