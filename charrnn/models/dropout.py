"""Dropout masks, of outputs and of weights, as a function of seed, position and layer.

No generator lives from window to window, so there is no random state to save: a window drops the same units before and
after a resume, and other random draws have no influence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from charrnn.hyperparams import HyperParams
from charrnn.models.contract import LanguageModel


class WindowMasks(NamedTuple):
    """Everything that is dropped in one window.

    Parameters
    ----------
    outputs : list of tensors or None    the masks that ``forward`` takes
    weights : dict of tensors            masks of weights, by the weight's name
    """

    outputs: list[Tensor] | None
    weights: dict[str, Tensor]


NOTHING = WindowMasks(None, {})


def window_masks(
    model: LanguageModel, hyper: HyperParams, seed: int, position: int, lanes: int, mine: slice | None = None
) -> WindowMasks:
    """Return the masks of the window that begins at `position`, for `hyper.seq_len` symbols of each lane.

    Parameters
    ----------
    mine : slice    the lanes to return masks for; they are drawn for all lanes, so that each lane has its own
    """
    # One mask for all symbols of a window is that of a window of one symbol.
    symbols = 1 if hyper.locked else hyper.seq_len
    outputs = dropout_masks(seed, position, model.mask_shapes(lanes, symbols), hyper.dropout, model.device)
    if outputs and mine and mine != slice(0, lanes):
        shapes = model.mask_shapes(mine.stop - mine.start, symbols)
        outputs = [_part(mask, shape, mine.start) for mask, shape in zip(outputs, shapes, strict=True)]
    names = model.recurrent_matrices() if hyper.weightdrop else []
    matrices = [tuple(model.get_parameter(name).shape) for name in names]
    weights = dropout_masks(seed, position, matrices, hyper.weightdrop, model.device, 'weightdrop') or []
    return WindowMasks(outputs, dict(zip(names, weights, strict=True)))


def _part(mask: Tensor, shape: tuple[int, ...], start: int) -> Tensor:
    """Return the part of a mask that has a shape: from `start` on, along the axis that is longer in the mask."""
    for axis, size in enumerate(shape):
        mask = mask if mask.shape[axis] == size else mask.narrow(axis, start, size)
    return mask


def derive_seed(*facts: int | str) -> int:
    """Return a 63-bit seed, a hash of `facts` alone."""
    text = '/'.join(map(str, facts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little') >> 1


def dropout_masks(
    seed: int,
    position: int,
    shapes: Sequence[tuple[int, ...]],
    share: float,
    device: torch.device,
    of: str = 'dropout',
) -> list[Tensor] | None:
    """Return the masks of one window: 0 with probability `share`, else 1 / (1 - share); None if `share` is 0.

    Parameters
    ----------
    seed : int                 the seed of the run
    position : int             the position of lane 0 at the beginning of the window
    shapes : sequence          the shape of each mask, from the model's ``mask_shapes``
    of : str                   what is dropped: masks of another kind are other random numbers
    Source: Srivastava et al. 2014 (inverted scaling, so that evaluation needs no scaling); Gal & Ghahramani 2016,
    arXiv:1512.05287 (`locked`: one mask for all symbols of a window); Wan et al. 2013 and Merity et al. 2018,
    arXiv:1708.02182 (`weightdrop`: masks of the recurrent matrices).
    """
    if not share:
        return None
    masks = []
    for layer, shape in enumerate(shapes):
        generator = torch.Generator(device).manual_seed(derive_seed(of, seed, position, layer))
        kept = torch.rand(shape, generator=generator, device=device, dtype=torch.float32) >= share
        masks.append(kept.to(torch.float32) / (1 - share))
    return masks
