"""Reading a text with a model: its cost symbol by symbol, or the carry that it leaves.

Every loop over ``model(ids, carry)`` outside training is one of the functions here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.models import Carry, LanguageModel

AT_ONCE = 1000
"""Symbols of each lane that are read at once: more would only take memory."""
MOST_LANES = 64
"""Texts that are read side by side."""


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
    flat = model.nats(outputs.flatten(0, 1), targets.flatten())
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
    *read_first, pending = before
    ids = torch.tensor([read_first], dtype=torch.int64, device=model.device)
    carry = carry_after(model, ids, model.zero_carry(1))
    return score_texts(model, carry, pending, [np.array(indices, np.int64)])[0]


def score_texts(
    model: LanguageModel, carry: Carry, pending: int, texts: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float64]]:
    """Return the cost of each symbol of each text, in nats; each text goes on from one carry and its pending symbol.

    Texts of about the same length are read side by side.
    """
    found: list[NDArray[np.float64]] = [np.empty(0)] * len(texts)
    by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for first in range(0, len(texts), MOST_LANES):
        group = by_length[first : first + MOST_LANES]
        lanes, longest = len(group), len(texts[group[-1]])
        ids = np.zeros((lanes, longest + 1), np.int64)  # zeros after the end of a text: no symbol before them sees them
        ids[:, 0] = pending
        for row, i in zip(ids, group, strict=True):
            row[1 : len(texts[i]) + 1] = texts[i]
        nats, now, at_once = np.empty((lanes, longest)), Carry.join([carry] * lanes), -(-AT_ONCE // lanes)
        for start in range(0, longest, at_once):
            window = torch.from_numpy(ids[:, start : start + at_once + 1]).to(model.device)
            nats[:, start : start + at_once], now = window_nats(model, window, now)
        for costs, i in zip(nats, group, strict=True):
            found[i] = costs[: len(texts[i])].copy()
    return found
