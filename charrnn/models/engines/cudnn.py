"""The recurrences through torch's own kernels: cuDNN on NVIDIA's GPUs; on a CPU whatever torch has there.

Every function takes x (T, B, I), or Rows; see ``charrnn.models.cells``.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from charrnn.models.onehot import Rows, look_up


def gru(
    x: Tensor | Rows, h0: Tensor, w_in: Tensor | None, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """One GRU layer over a window."""
    x = look_up(x)
    if w_in is None:  # this kernel always multiplies its input: by the identity, then
        w_in = torch.eye(x.shape[-1], device=x.device, dtype=x.dtype)
    return _one_state(torch.gru, x, h0, [w_in, w_h, b_in, b_h])


def lstm(
    x: Tensor | Rows, h0: Tensor, c0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One LSTM layer over a window."""
    with _quiet():
        outputs, h, c = torch.lstm(
            look_up(x), [h0[None].clone(), c0[None].clone()], [w_in, w_h, b_in, b_h], True, 1, 0.0,
            torch.is_grad_enabled(), False, False,
        )  # fmt: skip
    return outputs, h[0], c[0]


def rnn_tanh(
    x: Tensor | Rows, h0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """One plain recurrent layer with tanh over a window."""
    return _one_state(torch.rnn_tanh, look_up(x), h0, [w_in, w_h, b_in, b_h])


def rnn_relu(
    x: Tensor | Rows, h0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """One plain recurrent layer with a rectifier over a window."""
    return _one_state(torch.rnn_relu, look_up(x), h0, [w_in, w_h, b_in, b_h])


def _one_state(kernel: Callable[..., Any], x: Tensor, h0: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    # The state is cloned, because a slice of a carry may stand where cuDNN cannot align it.
    with _quiet():
        outputs, last = kernel(x, h0[None].clone(), weights, True, 1, 0.0, torch.is_grad_enabled(), False, False)
    return outputs, last[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Each of our weights is a tensor of its own, which cuDNN remarks on and copies."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='RNN module weights are not part of single contiguous chunk')
        yield
