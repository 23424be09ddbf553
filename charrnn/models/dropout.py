"""Dropout masks, as a function of seed, position and layer.

No generator lives from window to window, so there is no random state to save: a window drops the same units before and
after a resume, and other random draws have no influence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

Masks = Sequence[Tensor]


def derive_seed(*facts: int | str) -> int:
    """Return a 63-bit seed, a hash of `facts` alone."""
    text = '/'.join(map(str, facts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little') >> 1


def dropout_masks(
    seed: int, position: int, shapes: Sequence[tuple[int, ...]], share: float, device: torch.device
) -> list[Tensor] | None:
    """Return the masks of one window: 0 with probability `share`, else 1 / (1 - share); None if `share` is 0.

    Parameters
    ----------
    seed : int                 the seed of the run
    position : int             the position of lane 0 at the beginning of the window
    shapes : sequence          the shape of each mask, from the model's ``mask_shapes``
    Source: Srivastava et al. 2014 (inverted scaling, so that evaluation needs no scaling).
    """
    if not share:
        return None
    masks = []
    for layer, shape in enumerate(shapes):
        generator = torch.Generator(device).manual_seed(derive_seed('dropout', seed, position, layer))
        kept = torch.rand(shape, generator=generator, device=device, dtype=torch.float32) >= share
        masks.append(kept.to(torch.float32) / (1 - share))
    return masks
