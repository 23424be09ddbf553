"""The update, against the four lines of optimizer.py's docstring in NumPy, in the ancestor's units."""

import numpy as np
import pytest
import torch

from charrnn import HyperParams
from charrnn.models import build_model
from charrnn.training.optimizer import apply_update, build_optimizer


@pytest.mark.parametrize('clip', [0.0, 5.0])
def test_updates_are_the_written_equations(clip: float) -> None:
    hyper = HyperParams(layers=1, state_size=3, learnrate=0.01, decay=0.9, regcost=2.0, clip=clip)
    model = build_model('GRUEncode', 4, hyper, 0).double()
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
        apply_update(optimizer, hyper, learnrate, symbols)
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.detach().numpy(), expected[name], rtol=1e-10, err_msg=name)
