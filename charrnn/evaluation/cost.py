"""Reading a text with a model: its cost symbol by symbol, or the carry that it leaves.

Every loop over ``model(ids, carry)`` outside training is one of the functions here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.models import Carry, LanguageModel, readout_nats

AT_ONCE = 1000
"""Symbols of each lane that are read at once: more would only take memory."""


@torch.no_grad()
def read(model: LanguageModel, ids: Tensor, carry: Carry, at_once: int = AT_ONCE) -> Iterator[tuple[Tensor, Carry]]:
    """Read symbols (B, N) from a carry on; yield the outputs (B, T, H) and the carry after each piece."""
    for start in range(0, ids.shape[1], at_once):
        outputs, carry = model(ids[:, start : start + at_once], carry)
        yield outputs, carry


def carry_after(model: LanguageModel, ids: Tensor, carry: Carry, at_once: int = AT_ONCE) -> Carry:
    """Return the carry after reading symbols (B, N) from `carry` on."""
    return [carry, *(after for _, after in read(model, ids, carry, at_once))][-1]


def window_nats(model: LanguageModel, ids: Tensor, carry: Carry) -> tuple[NDArray[np.float64], Carry]:
    """Return the cost of each symbol of a window but the first, and the carry after all but the last.

    Parameters
    ----------
    ids : int64 (B, T + 1)
    Returns
    -------
    nats : (B, T), carry
    """
    ((outputs, carry),) = read(model, ids[:, :-1], carry, ids.shape[1])
    targets = ids[:, 1:]
    flat = readout_nats(outputs.flatten(0, 1), model.readout_weight, model.readout_bias, targets.flatten())
    nats: NDArray[np.float64] = flat.cpu().double().view(targets.shape).numpy()
    return nats, carry


def score_indices(model: LanguageModel, before: Sequence[int], indices: Sequence[int]) -> NDArray[np.float64]:
    """Return the cost of each of `indices`, in nats, after all symbols before it.

    Parameters
    ----------
    before : at least one index    read first, from a zero carry
    Returns
    -------
    (len(indices),) float64
    """
    ids, carry = torch.tensor([[*before, *indices]], device=model.device), model.zero_carry(1)
    found = []
    for start in range(0, ids.shape[1] - 1, AT_ONCE):
        nats, carry = window_nats(model, ids[:, start : start + AT_ONCE + 1], carry)
        found.append(nats[0])
    return np.concatenate(found)[len(before) - 1 :]
