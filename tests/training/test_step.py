"""One update is applied whole or not at all, and modifies nothing that it was given."""

import math
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train

from charrnn import NonFiniteLossError
from charrnn.training import step


@pytest.mark.parametrize('poison', [math.nan, math.inf])
def test_a_loss_that_is_not_finite_changes_nothing(make_run: MakeRun, poison: float) -> None:
    ms = make_run()
    train(ms, 5)
    learner_of(ms).model.readout_bias.data[1] = poison  # type: ignore[union-attr,operator,index]
    before, newest = moment(ms), ms.checkpoints()[-1].number
    with pytest.raises(
        NonFiniteLossError, match=r'window at position 40 .* The update was not applied.*\n  Next: ms.res'
    ):
        train(ms, 5)
    assert moment(ms) == before
    assert ms.checkpoints()[-1].number == newest, 'no good checkpoint is pushed out'
    assert all(p.grad is None for p in learner_of(ms).model.parameters())
    ms.restore()
    train(ms, 1)


def test_a_gradient_that_is_not_finite_changes_nothing(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    train(ms, 3)
    before = moment(ms)

    def overflow(gradients: Any) -> torch.Tensor:
        return torch.tensor(math.inf)

    monkeypatch.setattr(step.nn.utils, 'get_total_norm', overflow)
    with pytest.raises(NonFiniteLossError, match='gradient norm inf'):
        train(ms, 1)
    assert moment(ms) == before
