"""How weights begin: drawn by a generator of their own, float32 on the CPU, whatever torch's global defaults are."""

from __future__ import annotations

import torch
from torch import nn


def uniform(generator: torch.Generator | None, bound: float, *shape: int) -> nn.Parameter:
    """A parameter drawn from U(-bound, bound) by `generator`: torch's global stream is not touched.

    Without a generator it has a shape and no memory.
    """
    if generator is None:
        return nn.Parameter(torch.empty(shape, dtype=torch.float32, device='meta'))
    empty = torch.empty(shape, dtype=torch.float32, device='cpu')
    return nn.Parameter(empty.uniform_(-bound, bound, generator=generator))


def zeros(generator: torch.Generator | None, size: int) -> nn.Parameter:
    """A bias that begins at zero; without a generator, a shape alone."""
    return nn.Parameter(torch.zeros(size, dtype=torch.float32, device='meta' if generator is None else 'cpu'))
