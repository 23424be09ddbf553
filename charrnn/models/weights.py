"""Initial weights: float32 on the CPU, from a generator of their own, whatever torch's global defaults are."""

from __future__ import annotations

import torch
from torch import nn


def uniform(generator: torch.Generator | None, bound: float, *shape: int) -> nn.Parameter:
    """Return a parameter drawn from U(-bound, bound) by `generator`; torch's global stream does not change.

    Without a generator, the parameter has a shape, but no memory.
    """
    if generator is None:
        return nn.Parameter(torch.empty(shape, dtype=torch.float32, device='meta'))
    empty = torch.empty(shape, dtype=torch.float32, device='cpu')
    return nn.Parameter(empty.uniform_(-bound, bound, generator=generator))


def zeros(generator: torch.Generator | None, size: int) -> nn.Parameter:
    """Return a bias of zeros, (size,); without a generator, a shape without memory."""
    return nn.Parameter(torch.zeros(size, dtype=torch.float32, device='meta' if generator is None else 'cpu'))
