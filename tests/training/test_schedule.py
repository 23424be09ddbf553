import pytest

from charrnn import HyperParams
from charrnn.training.schedule import Schedule


def test_the_rate_falls_only_when_an_epoch_did_not_improve_on_the_best() -> None:
    hyper, schedule, rates = HyperParams(learnrate=1.0, anneal=0.5), Schedule(), []
    for epoch, nats in enumerate([3.0, 2.0, 2.5, 2.0, 1.9, float('nan')], start=1):
        schedule = schedule.judge(epoch, nats)
        rates.append(schedule.learnrate(hyper))
    assert rates == pytest.approx([1, 1, 0.5, 0.25, 0.25, 0.125])
    assert schedule.epochs_judged == 6 and schedule.best_nats == 1.9
