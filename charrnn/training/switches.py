"""The global switches of torch that training needs, set for a block and put back after it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def learning(repeatable: bool) -> Iterator[None]:
    """Switch gradients on and inference mode off, whatever the caller's switches are; see ``deterministic``."""
    with torch.inference_mode(False), torch.enable_grad(), deterministic(repeatable):
        yield


_lock = threading.Lock()
_users: list[tuple[bool, bool]] = []
"""torch's switch before the first block, once for each block that is open, in any thread: the switch is global."""


@contextlib.contextmanager
def deterministic(repeatable: bool) -> Iterator[None]:
    """Allow only kernels that repeat their bits, if `repeatable`, as long as a block in any thread asks for it."""
    if not repeatable:
        yield
        return
    with _lock:
        now = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        _users.append(_users[-1] if _users else now)
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        with _lock:
            before, warn = _users.pop()
            if not _users:
                torch.use_deterministic_algorithms(before, warn_only=warn)
