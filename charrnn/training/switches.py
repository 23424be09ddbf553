"""The global switches of torch that training needs, set for a block and put back after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def learning(repeatable: bool) -> Iterator[None]:
    """Switch gradients on and inference mode off, whatever the caller's switches are; see ``deterministic``."""
    with torch.inference_mode(False), torch.enable_grad(), deterministic(repeatable):
        yield


@contextlib.contextmanager
def deterministic(repeatable: bool) -> Iterator[None]:
    """Allow only kernels that repeat their bits, if `repeatable`."""
    if not repeatable:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn)
