"""Muon: momentum whose every matrix is made orthogonal before the step; AdamW for all that is no hidden matrix.

For a block W (rows, cols) of a hidden matrix, with gradient g, momentum μ = 0.95 and the rate of AdamW:

    M ← μ · M + (1 - μ) · g                       M begins at zero
    X ← (1 - μ) · g + μ · M                       Nesterov's look ahead
    X ← X / ‖X‖,  then three times  X ← 3.4445 · X - 4.7750 · (X Xᵀ) X + 2.0315 · (X Xᵀ)² X
    W ← W - learnrate · regcost · W - learnrate · 0.2 · √(larger of rows and cols) · X

The iteration pushes the singular values of X towards 1, so that a step has about the same size in each direction.
Then 0.2 · √… gives its elements the size of those of an AdamW step: one learnrate serves both.

A model says which of its matrices are hidden (``LanguageModel.hidden_matrices``) and into how many blocks each is cut:
the gates of a recurrent layer are matrices of their own that are stacked in one tensor.  Tables of symbols (embedding,
encoding, readout) and biases are not hidden: their rows are not the directions of one space.

The iteration is in float32: a processor without bfloat16 arithmetic, which torch.optim.Muon uses, emulates it slowly.

Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon (the rule and the coefficients); Liu et al. 2025,
arXiv:2502.16982 (the size of a step).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
ITERATIONS = 3
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SIZE = 0.2
"""The size of the elements of an AdamW step, in learning rates."""


def orthogonal(blocks: Tensor) -> Tensor:
    """Return matrices (n, rows, cols) with their singular values moved towards 1."""
    tall = blocks.shape[1] > blocks.shape[2]
    x = blocks.transpose(1, 2) if tall else blocks  # the products X Xᵀ are the smaller ones
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-30)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.AdamW):
    """AdamW whose first group has Muon's step instead.

    Parameters
    ----------
    hidden : sequence of (parameter, blocks)    matrices (blocks · rows, cols), the blocks one below the other
    others : list of dict                       groups for AdamW
    learnrate : float
    """

    def __init__(
        self, hidden: Sequence[tuple[nn.Parameter, int]], others: list[dict[str, Any]], learnrate: float
    ) -> None:
        first = {'params': [p for p, _ in hidden], 'blocks': [blocks for _, blocks in hidden], 'regularised': True}
        super().__init__([first, *others], lr=learnrate, weight_decay=0.0, fused=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all weights once, and leave the hidden matrices without gradients."""
        group = self.param_groups[0]
        alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}  # blocks of one shape are iterated together
        for p, blocks in zip(group['params'], group['blocks'], strict=True):
            if p.grad is None:
                continue
            if not self.state[p]:
                self.state[p]['momentum_buffer'] = torch.zeros_like(p)
            momentum = self.state[p]['momentum_buffer'].lerp_(p.grad, 1 - MOMENTUM)
            ahead = p.grad.lerp(momentum, MOMENTUM).view(blocks, -1, p.shape[1])
            alike.setdefault((ahead.shape[1], ahead.shape[2]), []).append((p, ahead))
            p.grad = None  # AdamW passes over it
        for shape, members in alike.items():
            together = orthogonal(torch.cat([ahead for _, ahead in members]))
            steps = torch.split(together, [len(ahead) for _, ahead in members])
            for (p, _), x in zip(members, steps, strict=True):
                p.mul_(1 - group['lr'] * group['weight_decay'])
                p.sub_(x.reshape(p.shape), alpha=group['lr'] * SIZE * math.sqrt(max(shape)))
        super().step(closure)
