"""One update is applied whole or not at all, and modifies nothing that it was given but the weights."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train
from torch import Tensor, nn

from charrnn import HyperParams, NonFiniteLossError
from charrnn.models import MODELTYPES, NOTHING, Carry, LanguageModel, build_model
from charrnn.training.optimizer import build_optimizer
from charrnn.training.step import StepResult, train_step

V, B, T = 7, 3, 5
IDS = torch.randint(V, (B, T + 1), generator=torch.Generator().manual_seed(0))


def bits(tensors: Mapping[str, Tensor]) -> dict[str, bytes]:
    return {name: tensor.detach().numpy().tobytes() for name, tensor in tensors.items()}


def model_of(modeltype: str = 'GRU', **given: Any) -> tuple[LanguageModel, torch.optim.Optimizer, HyperParams, Carry]:
    """Return a model, its optimizer, its settings, and a carry without a zero state."""
    hyper = HyperParams(layers=2, state_size=6, **given)
    model = build_model(modeltype, V, hyper, seed=0)
    with torch.no_grad():
        _, carry = model(IDS, model.zero_carry(B))
    return model, build_optimizer(model, hyper), hyper, carry


@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_a_step_is_a_function_that_leaves_its_carry(modeltype: str) -> None:
    model, optimizer, hyper, carry = model_of(modeltype)
    given, before = bits(carry), bits(dict(model.named_parameters()))
    twin = copy.deepcopy(model)
    frozen = Carry({name: state.clone() for name, state in carry.items()})
    result, after = train_step(model, optimizer, hyper, IDS, carry, NOTHING, 0.01, B * T)
    assert isinstance(result, StepResult) and result.is_finite and (result.symbols, result.learnrate) == (B * T, 0.01)
    assert bits(carry) == given and bits(after) != given
    assert not any(state.requires_grad for state in after.values())
    weights = bits(dict(model.named_parameters()))
    assert all(weights[name] != before[name] for name in weights if 'weight' in name)
    again, same = train_step(twin, build_optimizer(twin, hyper), hyper, IDS, frozen, NOTHING, 0.01, B * T)
    assert again == result and bits(same) == bits(after) and bits(dict(twin.named_parameters())) == weights


@pytest.mark.parametrize('poison', [math.nan, math.inf])
@pytest.mark.parametrize('optimizer', ['rmsprop', 'adamw', 'muon'])
def test_a_step_that_is_not_finite_returns_the_given_carry_and_changes_no_weight(optimizer: str, poison: float) -> None:
    model, moments, hyper, carry = model_of(optimizer=optimizer)
    with torch.no_grad():
        model.readout_bias[1] = poison
    before, given, state = bits(dict(model.named_parameters())), bits(carry), copy.deepcopy(moments.state_dict())
    called: list[object] = []
    result, after = train_step(
        model, moments, hyper, IDS, carry, NOTHING, 0.01, B * T, before_update=lambda: called.append(1)
    )
    assert not result.is_finite and after is carry and bits(carry) == given
    assert bits(dict(model.named_parameters())) == before and str(moments.state_dict()) == str(state)
    assert all(parameter.grad is None for parameter in model.parameters()) and not called


@pytest.mark.parametrize('optimizer', ['rmsprop', 'sgd'])
def test_clip_and_regcost_are_divided_by_the_symbols_of_all_lanes(optimizer: str) -> None:
    """Twice as many symbols and twice the `clip` and `regcost` are the same update, bit for bit."""
    found = []
    for factor in (1, 2):
        model, moments, hyper, carry = model_of(optimizer=optimizer, clip=2**-8 * factor, regcost=0.5 * factor)
        train_step(model, moments, hyper, IDS, carry, NOTHING, 0.01, 16 * factor)
        found.append(bits(dict(model.named_parameters())))
    assert found[0] == found[1]
    model, moments, hyper, carry = model_of(optimizer=optimizer, clip=2**-8, regcost=0.5)
    train_step(model, moments, hyper, IDS, carry, NOTHING, 0.01, 32)
    assert bits(dict(model.named_parameters())) != found[0]


@pytest.mark.parametrize('poison', [math.nan, math.inf])
def test_a_window_whose_loss_is_not_finite_changes_nothing(make_run: MakeRun, poison: float) -> None:
    """P22: the error names the position, and no checkpoint is written."""
    ms = make_run()
    train(ms, 5)
    with torch.no_grad():
        learner_of(ms).model.readout_bias[1] = poison
    before, newest = moment(ms), ms.checkpoints()[-1].number
    with pytest.raises(
        NonFiniteLossError, match=r'window at position 40 .* The update was not applied.*\n  Next: ms.res'
    ):
        train(ms, 5)
    assert moment(ms) == before
    assert ms.checkpoints()[-1].number == newest, 'no good checkpoint is deleted'
    assert all(p.grad is None for p in learner_of(ms).model.parameters())
    ms.restore()
    train(ms, 1)


def test_a_window_whose_gradient_is_not_finite_changes_nothing(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = make_run()
    train(ms, 3)
    before = moment(ms)

    def overflow(gradients: Any) -> Tensor:
        return torch.tensor(math.inf)

    monkeypatch.setattr(nn.utils, 'get_total_norm', overflow)
    with pytest.raises(NonFiniteLossError, match='gradient norm inf'):
        train(ms, 1)
    assert moment(ms) == before
