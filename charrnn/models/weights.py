"""How weights begin: drawn by a generator of their own, float32 on the CPU, whatever torch's global defaults are."""

from __future__ import annotations

import torch
from torch import nn


def uniform(generator: torch.Generator, bound: float, *shape: int) -> nn.Parameter:
    """A parameter drawn from U(-bound, bound) by `generator`: torch's global stream is not touched."""
    empty = torch.empty(shape, dtype=torch.float32, device='cpu')
    return nn.Parameter(empty.uniform_(-bound, bound, generator=generator))


def zeros(size: int) -> nn.Parameter:
    """A bias that begins at zero."""
    return nn.Parameter(torch.zeros(size, dtype=torch.float32, device='cpu'))
