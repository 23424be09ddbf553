"""The recurrences: one layer over one window.  Functions that another engine can replace.

Convention (as in cuDNN and torch.nn.GRU: the reset gate comes after the recurrent product, so that one product per
step serves all three gates), in the letters of the code, ⊙ elementwise:

    r  = σ(W_ir x + b_ir + W_hr h + b_hr)                 reset gate
    z  = σ(W_iz x + b_iz + W_hz h + b_hz)                 update gate
    n  = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))        candidate
    h' = (1 - z) ⊙ n + z ⊙ h

The three gates are stacked in this order along the first axis of every weight, each weight (3H, ·).

Source: Cho et al. 2014, arXiv:1406.1078 (the GRU, with the reset gate before the product); the form after the
product is the one of the cuDNN library and of charrnn/scratch/gru.py, which is this file in plain NumPy.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear


def gru(x: Tensor, h0: Tensor, w_in: Tensor | None, b_in: Tensor, w_h: Tensor, b_h: Tensor) -> tuple[Tensor, Tensor]:
    """Run one GRU layer over a window of every lane.

    Parameters
    ----------
    x : (T, B, I)             inputs; or (T, B, 3H), already multiplied by the input weights, if w_in is None
    h0 : (B, H)               states before the first step
    w_in : (3H, I) or None    input weights
    w_h : (3H, H)             recurrent weights
    b_in, b_h : (3H,)         their biases
    Returns
    -------
    outputs : (T, B, H)       the state after every step
    last : (B, H)             the state after the last step
    """
    if x.is_cuda:
        return _cudnn_gru(x, h0, w_in, b_in, w_h, b_h)
    projected = x + b_in if w_in is None else linear(x, w_in, b_in)
    outputs: Tensor = _GRU.apply(projected, h0, w_h, b_h)  # type: ignore[no-untyped-call]
    return outputs, outputs[-1]


def _cudnn_gru(
    x: Tensor, h0: Tensor, w_in: Tensor | None, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor]:
    if w_in is None:  # cuDNN always multiplies its input: by the identity, then
        w_in = torch.eye(x.shape[-1], device=x.device, dtype=x.dtype)
    # The states are cloned, because a slice of a carry may stand where cuDNN cannot align it.
    with _torch_kernel():
        outputs, last = torch.gru(
            x, h0[None].clone(), [w_in, w_h, b_in, b_h], True, 1, 0.0, torch.is_grad_enabled(), False, False
        )
    return outputs, last[0]


def lstm(
    x: Tensor, h0: Tensor, c0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one LSTM layer over a window: x (T, B, I), h0 and c0 (B, H), gates stacked i, f, g, o.

    Returns
    -------
    outputs (T, B, H), and h and c (B, H) after the last step
    """
    with _torch_kernel():
        outputs, h, c = torch.lstm(
            x, [h0[None].clone(), c0[None].clone()], [w_in, w_h, b_in, b_h], True, 1, 0.0, torch.is_grad_enabled(),
            False, False,
        )  # fmt: skip
    return outputs, h[0], c[0]


def rnn_tanh(x: Tensor, h0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor) -> tuple[Tensor, Tensor]:
    """Run one plain recurrent layer with tanh over a window: as ``gru``, weights (H, ·)."""
    with _torch_kernel():
        outputs, last = torch.rnn_tanh(
            x, h0[None].clone(), [w_in, w_h, b_in, b_h], True, 1, 0.0, torch.is_grad_enabled(), False, False
        )
    return outputs, last[0]


def rnn_relu(x: Tensor, h0: Tensor, w_in: Tensor, b_in: Tensor, w_h: Tensor, b_h: Tensor) -> tuple[Tensor, Tensor]:
    """Run one plain recurrent layer with a rectifier over a window: as ``gru``, weights (H, ·)."""
    with _torch_kernel():
        outputs, last = torch.rnn_relu(
            x, h0[None].clone(), [w_in, w_h, b_in, b_h], True, 1, 0.0, torch.is_grad_enabled(), False, False
        )
    return outputs, last[0]


@contextlib.contextmanager
def _torch_kernel() -> Iterator[None]:
    """Around torch's own recurrences: each weight is a tensor of its own, which cuDNN remarks on and copies."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='RNN module weights are not part of single contiguous chunk')
        yield


class _GRU(torch.autograd.Function):
    """The forward and backward loops by hand: torch.nn.GRU on a CPU builds a graph of every operation of each step.

    The backward loop computes only what the next (earlier) step needs; weight gradients come from one large product
    after it.
    """

    @staticmethod
    def forward(ctx: Any, projected: Tensor, h0: Tensor, w_h: Tensor, b_h: Tensor) -> Tensor:
        T, B, H3 = projected.shape
        H = H3 // 3
        states = projected.new_empty(T + 1, B, H)  # states[t] is h before step t
        states[0] = h0
        gates = projected.new_empty(T, B, 2 * H)  # r, z
        candidates = projected.new_empty(T, B, H)  # n
        products = projected.new_empty(T, B, H3)  # W_h h + b_h
        w_t = w_h.t()
        for x, h, after, rz, n, product in zip(
            projected.unbind(),
            states[:-1].unbind(),
            states[1:].unbind(),
            gates.unbind(),
            candidates.unbind(),
            products.unbind(),
            strict=True,
        ):
            torch.addmm(b_h, h, w_t, out=product)
            torch.add(x[:, : 2 * H], product[:, : 2 * H], out=rz).sigmoid_()
            torch.addcmul(x[:, 2 * H :], rz[:, :H], product[:, 2 * H :], out=n).tanh_()
            torch.lerp(n, h, rz[:, H:], out=after)
        ctx.save_for_backward(states, gates, candidates, products, w_h)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        states, gates, n, products, w_h = ctx.saved_tensors
        T, B, H = n.shape
        before = states[:-1]
        r, z = gates[..., :H], gates[..., H:]
        # What each pre-activation's gradient is a multiple of, for all steps at once:
        # da_n = to_n · dh,  da_z = to_z · dh,  da_r = to_r · da_n.
        to_n = (1 - z) * (1 - n * n)
        to_z = (before - n) * z * (1 - z)
        to_r = products[..., 2 * H :] * r * (1 - r)
        d_projected = torch.empty_like(products)  # da_r, da_z, da_n
        d_products = torch.empty_like(products)  # da_r, da_z, r · da_n
        dh = torch.zeros_like(d_outputs[0])
        for t in range(T - 1, -1, -1):
            dh = dh + d_outputs[t]
            da, dp = d_projected[t], d_products[t]
            da_n = torch.mul(dh, to_n[t], out=da[:, 2 * H :])
            torch.mul(da_n, r[t], out=dp[:, 2 * H :])
            torch.mul(dh, to_z[t], out=dp[:, H : 2 * H])
            torch.mul(da_n, to_r[t], out=dp[:, :H])
            dh = torch.addmm(dh * z[t], dp, w_h)
        d_projected[..., : 2 * H] = d_products[..., : 2 * H]
        flat = d_products.view(T * B, 3 * H)
        return d_projected, dh, flat.t() @ before.reshape(T * B, H), flat.sum(0)
