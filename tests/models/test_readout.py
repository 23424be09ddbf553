"""The output layer's loss in blocks equals torch's, forward and backward, for any size of block."""

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from charrnn.models import readout
from charrnn.models.readout import readout_loss, readout_nats

N, H, V = 11, 4, 7


@pytest.mark.parametrize('at_once', [1, V, 3 * V, 2**21])
def test_it_equals_torch(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(readout, 'LOGITS_AT_ONCE', at_once)
    draws = torch.Generator().manual_seed(0)
    outputs, weight, bias = (
        torch.randn(shape, generator=draws, dtype=torch.float64).mul_(3).requires_grad_()
        for shape in ((N, H), (V, H), (V,))
    )
    targets = torch.randint(V, (N,), generator=draws)
    ours = readout_loss(outputs, weight, bias, targets)
    theirs = cross_entropy(linear(outputs, weight, bias), targets)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    got = torch.autograd.grad(2.5 * ours, (outputs, weight, bias))
    expected = torch.autograd.grad(2.5 * theirs, (outputs, weight, bias))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)
    nats = readout_nats(outputs, weight, bias, targets)
    torch.testing.assert_close(nats.mean(), theirs.detach(), rtol=1e-12, atol=0)


def test_large_logits_do_not_overflow() -> None:
    outputs = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    value = readout_loss(outputs, torch.tensor([[1.0], [-1.0]]), torch.zeros(2), torch.tensor([0, 1]))
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0 and outputs.grad is not None and not outputs.grad.isnan().any()
