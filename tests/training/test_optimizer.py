"""The update, against the four lines of optimizer.py's docstring in NumPy, in the ancestor's units."""

import numpy as np
import pytest
import torch

from charrnn import HyperParams
from charrnn.models import build_model
from charrnn.training.optimizer import (
    apply_update,
    build_optimizer,
    collect_gradients,
    load_optimizer_tensors,
    optimizer_tensors,
)


@pytest.mark.parametrize('clip', [0.0, 5.0])
def test_updates_are_the_written_equations(clip: float) -> None:
    hyper = HyperParams(layers=1, state_size=3, learnrate=0.01, decay=0.9, regcost=2.0, clip=clip)
    model = build_model('GRUEncode', 4, hyper, 0).move(torch.device('cpu'), torch.float64)
    optimizer = build_optimizer(model, hyper)
    symbols, draws = 20, np.random.default_rng(0)
    expected = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    moments = {name: np.zeros_like(w) for name, w in expected.items()}
    for learnrate in (0.01, 0.01, 0.005):
        for name, parameter in model.named_parameters():
            g = draws.normal(size=expected[name].shape)
            parameter.grad = torch.from_numpy(g.copy())
            if clip:
                g = np.clip(g, -clip / symbols, clip / symbols)
            if g.ndim > 1:  # a weight, not a bias
                g = g + hyper.regcost / symbols * expected[name]
            moments[name] = 0.9 * moments[name] + 0.1 * g**2
            expected[name] = expected[name] - learnrate * g / (np.sqrt(moments[name]) + 1e-8)
        collect_gradients(optimizer)
        apply_update(optimizer, hyper, learnrate, symbols, torch.tensor(0.0))
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.detach().numpy(), expected[name], rtol=1e-10, err_msg=name)


@pytest.mark.parametrize('name', ['sgd', 'adamw'])
@pytest.mark.parametrize('clipnorm', [0.0, 0.25])
def test_sgd_and_adamw_are_the_written_equations(name: str, clipnorm: float) -> None:
    hyper = HyperParams(
        layers=1,
        state_size=3,
        optimizer=name,
        learnrate=0.1,
        regcost=2.0,
        clip=0.0 if not clipnorm else 5.0,
        clipnorm=clipnorm,
    )
    model = build_model('LSTM', 4, hyper, 0).move(torch.device('cpu'), torch.float64)
    optimizer = build_optimizer(model, hyper)
    symbols, draws = 20, np.random.default_rng(0)
    expected = {key: p.detach().numpy().copy() for key, p in model.named_parameters()}
    m, v = ({key: np.zeros_like(w) for key, w in expected.items()} for _ in range(2))
    for step in (1, 2, 3):
        gradients = {key: draws.normal(size=w.shape) for key, w in expected.items()}
        for key, parameter in model.named_parameters():
            parameter.grad = torch.from_numpy(gradients[key].copy())
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        for key, w in expected.items():
            g = gradients[key] * (min(1.0, clipnorm / (norm + 1e-6)) if clipnorm else 1.0)
            if name == 'sgd':
                expected[key] = w - 0.1 * (g + (2.0 / symbols * w if w.ndim > 1 else 0))
                continue
            m[key] = 0.9 * m[key] + 0.1 * g
            v[key] = 0.999 * v[key] + 0.001 * g**2
            shrunk = w * (1 - 0.1 * 2.0) if w.ndim > 1 else w
            corrected = m[key] / (1 - 0.9**step) / (np.sqrt(v[key] / (1 - 0.999**step)) + 1e-8)
            expected[key] = shrunk - 0.1 * corrected
        collect_gradients(optimizer)
        apply_update(optimizer, hyper, 0.1, symbols, torch.tensor(norm))
    for key, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.detach().numpy(), expected[key], rtol=1e-9, atol=1e-12, err_msg=key)


@pytest.mark.parametrize('name', ['rmsprop', 'adamw', 'sgd', 'muon'])
def test_moments_of_a_part_of_the_parameters_are_completed_with_zeros(name: str) -> None:
    """An older version wrote none for a parameter that had no gradient yet."""
    hyper = HyperParams(layers=1, state_size=3, optimizer=name, regcost=0.0)
    model = build_model('GRUEncode', 4, hyper, 0)
    optimizer = build_optimizer(model, hyper)
    late = 'readout_weight'
    for key, parameter in model.named_parameters():
        parameter.grad = torch.ones_like(parameter) if key != late else None
    assert sum(g.numel() for g in collect_gradients(optimizer)) == sum(p.numel() for p in model.parameters())
    apply_update(optimizer, hyper, 0.1, 20, torch.tensor(0.0))
    every = {key: value.clone() for key, value in optimizer_tensors(model, optimizer)}
    partly = {key: value for key, value in every.items() if not key.startswith(f'{late}/')}
    load_optimizer_tensors(model, optimizer, partly)
    found = dict(optimizer_tensors(model, optimizer))
    assert found.keys() == every.keys()
    for key, value in found.items():
        assert torch.equal(value, every[key]), key
    assert name == 'sgd' or not any(v.any() for k, v in found.items() if k.startswith(late) and v.ndim)
