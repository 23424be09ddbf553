"""Initial weights: float32 on the CPU, from a generator of their own, whatever torch's global defaults are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


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


def describe(tensor: Tensor | None) -> str:
    """Return the type and shape of a tensor: float32 (128, 65)."""
    return f'{str(tensor.dtype).removeprefix("torch.")} {tuple(tensor.shape)}' if tensor is not None else 'nothing'


@contextlib.contextmanager
def torch_defaults(seed: int | None) -> Iterator[None]:
    """Make the modules of torch that are built in the block draw from `seed`, in float32; None: shapes without memory.

    The global random stream of torch and its defaults are as before after the block.
    """
    dtype = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.device('meta' if seed is None else 'cpu'):
        torch.default_generator.manual_seed(seed or 0)
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
