"""The test of causality: a later symbol must not change an earlier prediction."""

from __future__ import annotations

import torch

from charrnn.evaluation.cost import carry_after, read
from charrnn.models.contract import LanguageModel


@torch.no_grad()
def first_look_ahead(model: LanguageModel, vocab_size: int, length: int = 32, lanes: int = 4) -> int | None:
    """Change one symbol of a random text at a time, and compare the outputs at all earlier positions.

    Parameters
    ----------
    length, lanes : int    size of the random text, (lanes, length)
    Returns
    -------
    int or None            the first position whose symbol changes an earlier output by more than rounding
    """
    draws = torch.Generator().manual_seed(0)
    device = model.readout_bias.device
    ids = torch.randint(vocab_size, (lanes, length), generator=draws).to(device)
    carry = carry_after(model, ids, model.zero_carry(lanes))  # so that the memory of the model is not empty
    ((before, _),) = read(model, ids, carry)
    for t in range(1, length):
        changed = ids.clone()
        changed[:, t] = (changed[:, t] + 1) % vocab_size
        ((after, _),) = read(model, changed, carry)
        if not torch.allclose(after[:, :t], before[:, :t], rtol=1e-5, atol=1e-6):
            return t
    return None
