"""Muon against its written equations, with the iteration as a polynomial of the singular values."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn import Carry, HyperParams, LanguageModel
from charrnn.models import MODELTYPES, build_model
from charrnn.models.weights import torch_defaults
from charrnn.training.muon import orthogonal
from charrnn.training.optimizer import apply_update, build_optimizer, collect_gradients


def by_singular_values(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix whose singular values went through the polynomial three times."""
    left, s, right = np.linalg.svd(block, full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(3):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    found: NDArray[np.float64] = left * s @ right
    return found


@pytest.mark.parametrize('shape', [(5, 5), (3, 7), (7, 3), (1, 4)])
def test_the_iteration_is_a_polynomial_of_the_singular_values(shape: tuple[int, int]) -> None:
    blocks = np.random.default_rng(0).normal(size=(4, *shape))
    found = orthogonal(torch.from_numpy(blocks)).numpy()
    np.testing.assert_allclose(found, [by_singular_values(block) for block in blocks], rtol=1e-9, atol=1e-12)
    assert not orthogonal(torch.zeros(2, *shape)).any(), 'a gradient of zeros is no direction'


@pytest.mark.parametrize(('modeltype', 'emsize'), [('GRUEncode', 0), ('LSTM', 5)])
def test_muon_is_the_written_equations(modeltype: str, emsize: int) -> None:
    hyper = HyperParams(
        layers=2, state_size=3, emsize=emsize, optimizer='muon', learnrate=0.1, regcost=2.0, clip=0.0, decay=0.95
    )
    model = build_model(modeltype, 4, hyper, 0).move(torch.device('cpu'), torch.float64)
    optimizer = build_optimizer(model, hyper)
    draws = np.random.default_rng(0)
    expected = {key: p.detach().numpy().copy() for key, p in model.named_parameters()}
    gates = {'GRUEncode': 3, 'LSTM': 4}[modeltype]
    hidden = {key for key in expected if key.endswith(('w_in', 'w_h'))}
    assert len(hidden) == 4 and model.hidden_matrices() == dict.fromkeys(hidden, gates)
    m, v = ({key: np.zeros_like(w) for key, w in expected.items()} for _ in range(2))
    for step in (1, 2, 3):
        for key, parameter in model.named_parameters():
            g = draws.normal(size=expected[key].shape)
            parameter.grad = torch.from_numpy(g.copy())
            shrunk = expected[key] * (1 - 0.1 * 2.0) if g.ndim > 1 else expected[key]
            if key in hidden:
                m[key] = 0.95 * m[key] + 0.05 * g
                ahead = 0.05 * g + 0.95 * m[key]
                x = np.concatenate([by_singular_values(block) for block in np.split(ahead, gates)])
                change = 0.2 * math.sqrt(max(3, g.shape[1])) * x
            else:
                m[key] = 0.9 * m[key] + 0.1 * g
                v[key] = 0.999 * v[key] + 0.001 * g**2
                change = m[key] / (1 - 0.9**step) / (np.sqrt(v[key] / (1 - 0.999**step)) + 1e-8)
            expected[key] = shrunk - 0.1 * change
        collect_gradients(optimizer)
        apply_update(optimizer, hyper, 0.1, 20, torch.tensor(0.0))
    for key, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.detach().numpy(), expected[key], rtol=1e-9, atol=1e-12, err_msg=key)


@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_tables_and_biases_are_not_hidden(modeltype: str) -> None:
    model = build_model(modeltype, 7, HyperParams(state_size=4, layers=2), 0)
    for name, p in model.named_parameters():
        assert (name in model.hidden_matrices()) == (p.ndim == 2 and 7 not in p.shape), name
    assert all(len(dict(model.named_parameters())[name]) % n == 0 for name, n in model.hidden_matrices().items())


def test_the_matrices_of_an_own_class() -> None:
    class Own(LanguageModel):
        def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
            super().__init__(vocab_size, hyper, generator)
            self.table = nn.Embedding(vocab_size, hyper.state_size)
            self.inner = nn.Linear(hyper.state_size, hyper.state_size)

        def forward(self, ids: Tensor, carry: Carry, masks: object = None) -> tuple[Tensor, Carry]:
            return torch.tanh(self.inner(self.table(ids))), carry

    # As many symbols as units: the shapes alone tell nothing.
    with torch_defaults(0):
        model = Own(4, HyperParams(state_size=4), None)
    assert model.hidden_matrices() == {'inner.weight': 1}
