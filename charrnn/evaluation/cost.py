"""Reading a given text with a model: how likely each symbol was, and what every unit did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from charrnn.models import LanguageModel

PIECE = 1000


@torch.no_grad()
def score_indices(model: LanguageModel, before: Sequence[int], indices: Sequence[int]) -> NDArray[np.float64]:
    """The cost of each of `indices`, in nats, after all symbols before it.

    Parameters
    ----------
    before : at least one index    read first, from a zero carry
    Returns
    -------
    (len(indices),) float64
    """
    device, carry = model.readout_weight.device, model.zero_carry(1)
    everything = torch.tensor([[*before, *indices]], device=device)
    found = []
    for start in range(0, everything.shape[1] - 1, PIECE):
        targets = everything[:, start + 1 : start + 1 + PIECE]
        outputs, carry = model(everything[:, start : start + targets.shape[1]], carry)
        found.append(cross_entropy(model.logits(outputs)[0].double(), targets[0], reduction='none'))
    costs: NDArray[np.float64] = torch.cat(found).cpu().numpy()
    return costs[len(before) - 1 :]


@torch.no_grad()
def track_states(model: LanguageModel, indices: Sequence[int]) -> NDArray[np.float32]:
    """The hidden state of every unit after each symbol, from a zero carry, (layers, units, time)."""
    carry, states = model.zero_carry(1), []
    for index in indices:
        _, carry = model(torch.tensor([[index]], device=model.readout_weight.device), carry)
        states.append(carry['h'][:, 0])
    found: NDArray[np.float32] = torch.stack(states, dim=-1).float().cpu().numpy()
    return found
