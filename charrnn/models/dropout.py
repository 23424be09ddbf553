"""Dropout masks as a function of (seed, position, layer), not of a generator that lives on.

So there is no random state to save: a window dropped the same units before and after a resume, and nothing that
draws numbers elsewhere can disturb it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

Masks = Sequence[Tensor]


def derive_seed(*facts: int | str) -> int:
    """A 63-bit seed that is a function of `facts` alone, well mixed."""
    text = '/'.join(map(str, facts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little') >> 1


def dropout_masks(
    seed: int, position: int, shapes: Sequence[tuple[int, ...]], share: float, device: torch.device
) -> list[Tensor] | None:
    """The masks of one window: 0 with probability `share`, else 1 / (1 - share); None when nothing is dropped.

    Parameters
    ----------
    seed, position : int       of the run; of lane 0 at the beginning of the window
    shapes : sequence          of each mask, as the model's ``mask_shapes`` says
    Source: Srivastava et al. 2014 (inverted scaling, so that evaluation needs none).
    """
    if not share:
        return None
    masks = []
    for layer, shape in enumerate(shapes):
        generator = torch.Generator(device).manual_seed(derive_seed('dropout', seed, position, layer))
        kept = torch.rand(shape, generator=generator, device=device, dtype=torch.float32) >= share
        masks.append(kept.to(torch.float32) / (1 - share))
    return masks
