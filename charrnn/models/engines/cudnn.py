"""The recurrences with torch's own kernels: cuDNN on NVIDIA GPUs, torch's CPU kernels on a CPU."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.models.cells import Cell, LayerWeights
from charrnn.models.onehot import Rows, look_up

# cuDNN copies weights that are separate tensors, and warns about it.  The filter is set once, at import, because the
# context manager of the warnings module is not thread-safe.
warnings.filterwarnings('ignore', message='RNN module weights are not part of single contiguous chunk')

KERNELS: dict[str, Any] = {'gru': torch.gru, 'lstm': torch.lstm, 'rnn_tanh': torch.rnn_tanh, 'rnn_relu': torch.rnn_relu}


def layer(
    cell: Cell, x: Tensor | Rows, states: Sequence[Tensor], weights: LayerWeights
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer over a window; see ``charrnn.models.cells.LayerFunction``."""
    x, w_in = look_up(x), weights.w_in
    if w_in is None:  # torch's kernels always multiply the input, so the factor is the identity
        w_in = torch.eye(x.shape[-1], device=x.device, dtype=x.dtype)
    # Clones, because cuDNN cannot align a slice of a carry.
    first = [state[None].clone() for state in states]
    outputs, *last = KERNELS[cell.name](
        x, first if len(first) > 1 else first[0], [w_in, weights.w_h, weights.b_in, weights.b_h],
        True, 1, 0.0, torch.is_grad_enabled(), False, False,
    )  # fmt: skip
    return outputs, tuple(state[0] for state in last)
