"""Law 1: our recurrence equals the NumPy oracle and torch.nn.GRU with copied weights; gradcheck in float64."""

import numpy as np
import pytest
import torch
from conftest import recurrence

from charrnn.models.engines import torch as loops
from charrnn.scratch.gru import gru_backward, gru_forward

T, B, H, INPUTS = 5, 3, 6, 4
gru = recurrence(loops.layer, 'gru')
NAMES = ('x', 'h0', 'w_in', 'b_in', 'w_h', 'b_h')


@pytest.fixture
def arguments() -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    shapes = [(T, B, INPUTS), (B, H), (3 * H, INPUTS), (3 * H,), (3 * H, H), (3 * H,)]
    return {
        name: torch.randn(shape, generator=draws, dtype=torch.float64).requires_grad_()
        for name, shape in zip(NAMES, shapes, strict=True)
    }


def test_it_equals_the_oracle_forward_and_backward(arguments: dict[str, torch.Tensor]) -> None:
    outputs, last = gru(**arguments)
    weight = torch.randn(T, B, H, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = torch.autograd.grad((outputs * weight).sum(), list(arguments.values()))

    arrays = {name: t.detach().numpy() for name, t in arguments.items()}
    states, steps = gru_forward(**arrays)
    gradients = gru_backward(weight.numpy(), steps, arrays['w_in'], arrays['w_h'])
    np.testing.assert_allclose(outputs.detach().numpy(), states, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(last.detach().numpy(), states[-1], rtol=1e-12, atol=1e-14)
    for name, ours in zip(NAMES, found, strict=True):
        np.testing.assert_allclose(ours.numpy(), gradients[name], rtol=1e-10, atol=1e-12, err_msg=name)


def test_it_equals_torch_with_copied_weights(arguments: dict[str, torch.Tensor]) -> None:
    a = arguments
    with torch.random.fork_rng():  # torch's own constructor draws
        theirs = torch.nn.GRU(INPUTS, H, dtype=torch.float64)
    with torch.no_grad():
        for parameter, name in zip(theirs.parameters(), ('w_in', 'w_h', 'b_in', 'b_h'), strict=True):
            parameter.copy_(a[name])
    outputs, last = gru(**a)
    expected, expected_last = theirs(a['x'], a['h0'][None])
    torch.testing.assert_close(outputs, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(last, expected_last[0], rtol=1e-12, atol=1e-14)
    ours = torch.autograd.grad(outputs.square().sum() + last.sum(), [a[n] for n in ('w_in', 'w_h', 'b_in', 'b_h')])
    expected_grads = torch.autograd.grad(expected.square().sum() + expected_last.sum(), list(theirs.parameters()))
    for our, their in zip(ours, expected_grads, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-12)


def test_gradcheck(arguments: dict[str, torch.Tensor]) -> None:
    assert torch.autograd.gradcheck(gru, tuple(arguments.values()))


def test_inputs_that_come_already_multiplied(arguments: dict[str, torch.Tensor]) -> None:
    """Pass products instead of inputs, as the first layer of GRUResize does, which looks up rows of its weights."""
    a = arguments
    projected = (a['x'] @ a['w_in'].t()).detach().requires_grad_()
    outputs, _ = gru(projected, a['h0'], None, a['b_in'], a['w_h'], a['b_h'])
    torch.testing.assert_close(outputs, gru(**a)[0], rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(lambda p: gru(p, a['h0'], None, a['b_in'], a['w_h'], a['b_h']), (projected,))


def test_nothing_is_built_without_gradients(arguments: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        outputs, last = gru(**arguments)
    assert not outputs.requires_grad and not last.requires_grad
    with torch.inference_mode():
        assert torch.equal(gru(**arguments)[0], outputs)
