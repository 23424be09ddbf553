"""The loss of the output layer, computed without holding all logits at once.

At 33,000 words the logits of a window are its largest tensor by far.  Here the forward pass computes them in blocks of
rows.  Each block gives its share of the loss and of the gradients (softmax - one-hot), and is then freed.  So the
logits need the memory of one block, and the backward pass only scales the gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LOGITS_AT_ONCE = 2**21
"""The number of logits in a block: 8 MiB of float32, small enough to stay partly in the processor's cache."""


def readout_loss(outputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of softmax(outputs · weightᵀ + bias), in nats per symbol.

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
    """Return the cross-entropy of each symbol, (N,), in nats, without gradients; see ``readout_loss``."""
    rows = max(1, LOGITS_AT_ONCE // len(weight))
    with torch.no_grad():
        return torch.cat(
            [
                torch.nn.functional.cross_entropy(torch.addmm(bias, o, weight.t()), t, reduction='none')
                for o, t in zip(torch.split(outputs, rows), torch.split(targets, rows), strict=True)
            ]
        )


class _ReadoutLoss(torch.autograd.Function):
    """The loss of ``readout_loss``, whose forward pass also computes the gradients."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        N = len(outputs)
        rows = max(1, LOGITS_AT_ONCE // len(weight))
        loss = outputs.new_zeros(())
        d_outputs, d_weight, d_bias = torch.empty_like(outputs), torch.zeros_like(weight), torch.zeros_like(bias)
        for start in range(0, N, rows):
            o, t = outputs[start : start + rows], targets[start : start + rows, None]
            log_probs = torch.log_softmax(torch.addmm(bias, o, weight.t()), 1)
            loss -= log_probs.gather(1, t).sum()
            d_logits = log_probs.exp_()
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
