"""The numbers of a model as bytes, in float16 or int8, for the script of a page (runtime.js) to unpack.

They follow each other in this order, little-endian, each matrix row by row:

    rows        (V, inputs): the encoding of each symbol; or (V, G·H): its products with the first layer's input
                weights, where these are fewer numbers than the encoding and the weights
    each layer  w_in (G·H, I) and b_in, except where the rows are the products; w_h (G·H, H) and b_h
    readout     weight (V, H), bias (V)

A vector is float32.  A matrix is float16; or int8 after one float32 scale for each row, so that the row's largest
number is 127 scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.errors import HyperParamsError, SamplingError
from charrnn.models.onehot import look_up
from charrnn.models.recurrent import Recurrent

Array = NDArray[np.float32]

KINDS = ('float16', 'int8')
LARGEST_HALF = 65504.0
"""The largest number of float16."""


@dataclass(frozen=True)
class Packed:
    """The numbers of a model as bytes.

    Parameters
    ----------
    facts : dict     cell, layers, H, V, inputs (0: the rows are products) and weights, as runtime.js takes them
    data : bytes
    """

    facts: dict[str, Any]
    data: bytes


def pack(model: Recurrent, weights: str) -> Packed:
    """Return the numbers of a model as bytes.

    Parameters
    ----------
    weights : str       'float16' or 'int8'
    Raises
    ------
    SamplingError       the weights are no longer numbers
    HyperParamsError    a weight is too large for float16
    """
    inputs, parts = parts_of(model)
    if not all(np.isfinite(part).all() for part in parts):
        raise SamplingError('the weights are no longer numbers.', "ms.restore('best')")
    largest = max(float(np.abs(part).max()) for part in parts if part.ndim == 2)
    if weights == 'float16' and largest > LARGEST_HALF:
        raise HyperParamsError(f'float16 ends at 65,504, and a weight is {largest:,.0f}.', "weights='int8'")
    hyper = model.hyper
    facts = {
        'cell': model.cell.name,
        'layers': hyper.layers,
        'H': hyper.state_size,
        'V': len(model.readout_bias),
        'inputs': inputs,
        'weights': weights,
    }
    return Packed(facts, b''.join(part_as_bytes(part, weights) for part in parts))


@torch.no_grad()
def parts_of(model: Recurrent) -> tuple[int, list[Array]]:
    """Return the size of a symbol's row (0: the rows are products), and all parts in the order of the page."""
    stack, every = model.stack(), torch.arange(len(model.readout_bias), device=model.device)
    assert stack is not None, 'every family of Recurrent that a page can hold is a Stack'
    encoding, w_in = look_up(model.encode(every[:, None]))[:, 0], stack.layers[0].w_in
    are_products = w_in is None or stack.table.numel() <= encoding.numel() + w_in.numel()
    parts: list[Tensor] = [stack.table if are_products else encoding]
    for number, layer in enumerate(stack.layers):
        if layer.w_in is not None and (number or not are_products):
            parts += [layer.w_in, layer.b_in]
        parts += [layer.w_h, layer.b_h]
    parts += [model.readout_weight, model.readout_bias]
    return 0 if are_products else encoding.shape[1], [part.detach().float().cpu().numpy() for part in parts]


def part_as_bytes(part: Array, weights: str) -> bytes:
    """Return a vector or a matrix as bytes."""
    if part.ndim == 1:
        return part.astype('<f4').tobytes()
    if weights == 'float16':
        return part.astype('<f2').tobytes()
    scales = np.abs(part).max(axis=1) / np.float32(127)
    steps: Array = np.round(part / np.where(scales > 0, scales, 1)[:, None])
    return b''.join([scales.astype('<f4').tobytes(), steps.astype(np.int8).tobytes()])
