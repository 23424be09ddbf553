"""Dynamic evaluation against a slow computation with autograd alone, and what it may and may not do."""

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, moment, train
from torch import nn

from charrnn import ModelState
from charrnn.evaluation import adaptation
from charrnn.evaluation.adaptation import Adaptive, _Copy, evaluate_adaptively
from charrnn.evaluation.cost import score_indices
from charrnn.models import MODELTYPES, LanguageModel

LONG = 'the cat sat on a mat, and ran.\n' * 40
OTHER = 'mat tan, ran hat.\n' * 20


def slowly(model: LanguageModel, train: list[int], symbols: list[int], warmup: int) -> list[float]:
    """Return the cost of each symbol but the first, by the rule of the docstring, one weight and segment at a time."""
    weights, n = dict(model.named_parameters()), len(train)

    def gradients(window: list[int], carry: object) -> tuple[list[float], dict[str, torch.Tensor], object]:
        ids = torch.tensor([window])
        outputs, after = model(ids[:, :-1], carry, None)
        costs = nn.functional.cross_entropy(model.logits(outputs[0]), ids[0, 1:], reduction='none')
        found = torch.autograd.grad(costs.mean(), list(weights.values()))
        return costs.tolist(), dict(zip(weights, found, strict=True)), after.detach()

    looks = min(300, n // 10)
    squares: dict[str, torch.Tensor] = {name: torch.zeros_like(w) for name, w in weights.items()}
    for i in range(looks):
        place = i * n // looks
        with torch.no_grad():
            before = torch.tensor([[train[(place + k) % n] for k in range(-warmup, 0)]])
            _, carry = model(before, model.zero_carry(1), None)
        _, found, _ = gradients([train[(place + k) % n] for k in range(11)], carry)
        squares = {name: squares[name] + found[name].square() / looks for name in squares}
    sizes = {name: s.sqrt() for name, s in squares.items()}
    start = {name: w.detach().clone() for name, w in weights.items()}
    carry, costs = model.zero_carry(1), list[float]()
    for first in range(0, len(symbols) - 1, 10):
        nats, found, carry = gradients(symbols[first : first + 11], carry)
        costs += nats
        with torch.no_grad():
            for name, w in weights.items():
                w.sub_(3e-5 * found[name] / (sizes[name] + 0.1 * sizes[name].mean()))
                w.add_(0.002 * (start[name] - w))
    return costs


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTM'])
def test_it_is_the_written_rule(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, modeltype: str) -> None:
    for name, value in (('RATE', 3e-5), ('PULL', 0.002), ('SMALL', 0.1), ('SEGMENT', 10), ('LOOKS', 300)):
        monkeypatch.setattr(adaptation, name, value)
    ms = make_run(modeltype=modeltype)
    train(ms, 20)
    model, data = learner_of(ms).model, ms.data
    symbols = ms.chars.encode('the cat ran on a mat.\n' * 3)
    reader = Adaptive(model, data.train, 8)
    found = reader.nats(symbols, model.zero_carry(1))
    twin = learner_of(ms).moment().model(data, torch.device('cpu'))
    assert found is not None
    np.testing.assert_allclose(found, slowly(twin, data.train.tolist(), symbols.tolist(), 8), rtol=2e-4)


@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_each_symbol_is_scored_before_anything_is_learned_from_it(make_run: MakeRun, modeltype: str) -> None:
    """The cost of a symbol does not depend on the symbols after it, and that of the first segment on no learning."""
    ms = make_run(modeltype=modeltype)
    train(ms, 10)
    model, data = learner_of(ms).model, ms.data
    one, other = (ms.chars.encode('the cat sat on a mat' + end) for end in (' and ran.', ', mat, ran'))
    costs = [Adaptive(model, data.train, 8).nats(text, model.zero_carry(1)) for text in (one, other)]
    assert costs[0] is not None and costs[1] is not None
    assert np.array_equal(costs[0][:19], costs[1][:19]) and not np.array_equal(costs[0][19:], costs[1][19:])
    plain = score_indices(model, one[:1].tolist(), one[1:].tolist())
    np.testing.assert_allclose(costs[0][:10], plain[:10], rtol=1e-5)
    assert not np.allclose(costs[0][10:], plain[10:], rtol=1e-5)


def test_what_repeats_is_learned_and_forgotten(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, 'RATE', 1e-3)
    ms = make_run(text=LONG, state_size=16)
    train(ms, 60)
    plain, adaptive = ms.evaluate(), ms.evaluate(adapt=True)
    assert adaptive.symbols == plain.symbols and adaptive.ladder == plain.ladder
    assert 'adaptive: learns from each 10 symbols' in adaptive.protocol and 'adaptive' not in plain.protocol
    first, second = ms.score([OTHER, OTHER], adapt=True)
    assert np.array_equal(first.nats, second.nats), 'each text begins with the weights of the run'
    assert first.total < 0.9 * ms.score(OTHER).total


def test_the_evaluation_is_the_score_of_the_split(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 10)
    data, model = ms.data, learner_of(ms).model
    symbols = np.concatenate([data.train[-8:], data.valid])
    found = evaluate_adaptively(model, data.train, data.train, data.valid, 8)
    reader = Adaptive(model, data.train, 8)
    with torch.no_grad():
        _, carry = model(torch.from_numpy(symbols[None, :7].astype(np.int64)), model.zero_carry(1), None)
    nats = reader.nats(symbols[7:].astype(np.int64), carry)
    assert found is not None and nats is not None and len(nats) == len(data.valid)
    assert found.nats == pytest.approx(nats.mean(), rel=1e-6)


def test_nothing_changes_also_when_interrupted(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run(average=0.9, text=LONG)
    train(ms, 5)
    there = moment(ms)
    with torch.inference_mode():
        ms.evaluate(adapt=True)
    assert moment(ms) == there
    calls = iter(range(5))
    learn = _Copy.learn

    def interrupted(self: _Copy) -> None:
        learn(self)
        if next(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(_Copy, 'learn', interrupted)
    with pytest.raises(KeyboardInterrupt):
        ms.evaluate(adapt=True)
    assert moment(ms) == there
    monkeypatch.undo()
    loaded = ModelState.load(ms.curdir, device='cpu')
    assert loaded.evaluate(adapt=True) == ms.evaluate(adapt=True)
