"""The recurrences: one layer over one window of every lane.  An engine (``charrnn.models.engines``) computes them.

GRU (as in cuDNN and torch.nn.GRU: the reset gate comes after the recurrent product, so that one product per step
serves all three gates), in the letters of the code, ⊙ elementwise:

    r  = σ(W_ir x + b_ir + W_hr h + b_hr)                 reset gate
    z  = σ(W_iz x + b_iz + W_hz h + b_hz)                 update gate
    n  = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))        candidate
    h' = (1 - z) ⊙ n + z ⊙ h

The gates of a cell are stacked in order along the first axis of every weight, each weight (G·H, ·): r, z, n here;
i, f, g, o in the LSTM, whose equations, with those of the plain cells, are in ``charrnn.models.recurrent``.

Source: Cho et al. 2014, arXiv:1406.1078 (the GRU, with the reset gate before the product); the form after the
product is the one of the cuDNN library and of charrnn/scratch/gru.py, which is this in plain NumPy.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from charrnn.models.engines.choice import choose_engine
from charrnn.models.onehot import Rows


def gru(
    x: Tensor | Rows, h0: Tensor, w_in: Tensor | None, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """Run one GRU layer over a window of every lane.

    Parameters
    ----------
    x : (T, B, I), or Rows    inputs; or of size 3H, already multiplied by the input weights, if w_in is None
    h0 : (B, H)               states before the first step
    w_in : (3H, I) or None    input weights
    w_h : (3H, H)             recurrent weights
    b_in, b_h : (3H,)         their biases
    Returns
    -------
    outputs : (T, B, H)       the state after every step
    last : (B, H)             the state after the last step
    """
    found: tuple[Tensor, Tensor] = engine_of(h0).gru(x, h0, w_in, b_in, w_h, b_h)
    return found


def lstm(
    x: Tensor | Rows, h0: Tensor, c0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one LSTM layer over a window: as ``gru``, with h0 and c0 (B, H) and weights (4H, ·).

    Returns
    -------
    outputs (T, B, H), and h and c (B, H) after the last step
    """
    found: tuple[Tensor, Tensor, Tensor] = engine_of(h0).lstm(x, h0, c0, w_in, b_in, w_h, b_h)
    return found


def rnn_tanh(
    x: Tensor | Rows, h0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """Run one plain recurrent layer with tanh over a window: as ``gru``, weights (H, ·)."""
    found: tuple[Tensor, Tensor] = engine_of(h0).rnn_tanh(x, h0, w_in, b_in, w_h, b_h)
    return found


def rnn_relu(
    x: Tensor | Rows, h0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    """Run one plain recurrent layer with a rectifier over a window: as ``gru``, weights (H, ·)."""
    found: tuple[Tensor, Tensor] = engine_of(h0).rnn_relu(x, h0, w_in, b_in, w_h, b_h)
    return found


def engine_of(tensor: Tensor) -> Any:
    """The engine's functions for tensors like this one."""
    return choose_engine(tensor.device, tensor.dtype).recurrences
