"""The loss of the output layer, without ever holding all of its logits.

At 33,000 words the logits of a window are its largest tensor by far.  Here they are built once, a block of rows at a
time: each block gives its share of the loss and, at the same moment, of the gradients (softmax - one-hot), and is
forgotten.  So a block's memory is all they take, and the backward pass only scales what is there already.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LOGITS_AT_ONCE = 2**21
"""How many logits a block has: 8 MiB of float32, which a processor's cache still holds in part."""


def readout_loss(outputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy, in nats per symbol, of softmax(outputs · weightᵀ + bias).

    Parameters
    ----------
    outputs : (N, H)
    weight : (V, H), bias : (V,)
    targets : int64 (N,)
    Returns
    -------
    scalar tensor
    """
    loss: Tensor = _ReadoutLoss.apply(outputs, weight, bias, targets)  # type: ignore[no-untyped-call]
    return loss


def readout_nats(outputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """The same for every symbol by itself, (N,), without gradients."""
    rows = max(1, LOGITS_AT_ONCE // len(weight))
    with torch.no_grad():
        return torch.cat(
            [
                torch.nn.functional.cross_entropy(torch.addmm(bias, o, weight.t()), t, reduction='none')
                for o, t in zip(torch.split(outputs, rows), torch.split(targets, rows), strict=True)
            ]
        )


class _ReadoutLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, outputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        N = len(outputs)
        rows = max(1, LOGITS_AT_ONCE // len(weight))
        loss = outputs.new_zeros(())
        d_outputs, d_weight, d_bias = torch.empty_like(outputs), torch.zeros_like(weight), torch.zeros_like(bias)
        for start in range(0, N, rows):
            o, t = outputs[start : start + rows], targets[start : start + rows, None]
            logits = torch.addmm(bias, o, weight.t())
            logits -= logits.logsumexp(1, keepdim=True)  # now log-probabilities
            loss -= logits.gather(1, t).sum()
            d_logits = logits.exp_()
            d_logits.scatter_add_(1, t, d_logits.new_full((1, 1), -1).expand_as(t))
            torch.mm(d_logits, weight, out=d_outputs[start : start + rows])
            d_weight.addmm_(d_logits.t(), o)
            d_bias += d_logits.sum(0)
        ctx.save_for_backward(d_outputs, d_weight, d_bias)
        ctx.symbols = N
        return loss / N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        d_outputs, d_weight, d_bias = ctx.saved_tensors
        scale = d_loss / ctx.symbols
        return d_outputs * scale, d_weight * scale, d_bias * scale, None
