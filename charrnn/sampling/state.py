"""State: the memory of a reader between two symbols, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from charrnn.evaluation.cost import carry_after
from charrnn.models import Carry, LanguageModel


@dataclass(frozen=True, eq=False)
class State:
    """The memory of one reader: its carry, and the last symbol, which is read when the next one is asked for.

    Parameters
    ----------
    carry : Carry     of one lane, after everything before `pending`
    pending : int     the index of the last symbol
    """

    carry: Carry
    pending: int


def read_prime(model: LanguageModel, indices: Sequence[int]) -> State:
    """Return the state after reading at least one symbol from a zero carry."""
    *before, last = indices
    ids = torch.tensor([before], dtype=torch.int64, device=model.device)
    return State(carry_after(model, ids, model.zero_carry(1)), last)
