"""One update, as a function: no dataset, no position, no screen.

ids (B, T+1), carry, masks ──► loss ──► gradients ──finite?──► clip, regularise, step ──► new weights, new carry
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from charrnn.hyperparams import HyperParams
from charrnn.models import Carry, LanguageModel, WindowMasks, readout_loss
from charrnn.training.optimizer import apply_update, collect_gradients


@dataclass(frozen=True)
class StepResult:
    """The numbers of one update.

    Parameters
    ----------
    loss_nats : float    mean cross-entropy per symbol, before the update
    grad_norm : float    norm of the mean gradient, before clipping
    symbols : int        B·T of all lanes
    learnrate : float    the step size
    """

    loss_nats: float
    grad_norm: float
    symbols: int
    learnrate: float

    @property
    def is_finite(self) -> bool:
        """True if the update was applied; False if its loss or its gradient was not finite."""
        return math.isfinite(self.loss_nats) and math.isfinite(self.grad_norm)


def train_step(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    hyper: HyperParams,
    ids: Tensor,
    carry: Carry,
    masks: WindowMasks,
    rate: float,
    symbols: int,
    before_update: Callable[[], object] = lambda: None,
    of_all_lanes: Callable[[Sequence[Tensor], Tensor], Tensor] = lambda gradients, loss: loss,
) -> tuple[StepResult, Carry]:
    """Learn from one window of every lane: update the weights once, unless the loss or a gradient is not finite.

    The carry is cut from its history first, so gradients stop at the window's edge (truncated BPTT).

    Parameters
    ----------
    ids : int64 (B, T + 1)       symbols; the last one is a target only
    carry : Carry                left by the previous window; not modified
    masks : WindowMasks          what is dropped in this window
    rate : float                 step size
    symbols : int                B·T of the whole window, the unit of `clip` and `regcost`
    before_update : callable     called when all gradients are known, before the first weight changes
    of_all_lanes : callable      makes the gradients, in place, and the loss of these lanes those of the whole window,
                                 and returns the loss; these lanes are all of them unless ranks share them
    Returns
    -------
    StepResult, carry            after the window; the given carry if nothing was applied
    Source: Williams & Peng 1990 (truncated BPTT).
    """
    model.zero_grad()
    weights = {name: model.get_parameter(name) * mask for name, mask in masks.weights.items()}
    outputs, after = torch.func.functional_call(model, weights, (ids[:, :-1], carry.detach(), masks.outputs))
    # Step by step rather than lane by lane, as most models have them in memory.
    rows = outputs.transpose(0, 1).flatten(0, 1)
    loss = readout_loss(rows, model.readout_weight, model.readout_bias, ids.t()[1:].reshape(-1))
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = collect_gradients(optimizer)
    loss = of_all_lanes(gradients, loss.detach())
    norm = nn.utils.get_total_norm(gradients)
    loss_nats, grad_norm = torch.stack([loss, norm]).tolist()  # one wait for the device, not two
    result = StepResult(loss_nats, grad_norm, symbols, rate)
    if not result.is_finite:
        model.zero_grad()
        return result, carry
    before_update()
    apply_update(optimizer, hyper, rate, symbols, norm)
    return result, after.detach()
