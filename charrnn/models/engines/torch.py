"""The GRU as loops in torch, for any device and any precision; the other cells use torch's own kernels.

torch.nn.GRU on a CPU records a graph of every operation of each step.  Here the backward loop computes only what the
next (earlier) step needs, and one large product after the loop gives the weights' gradients.  A cell that no other
engine has is one more function here, and one more row of LOOPS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from charrnn.models.cells import Cell, LayerWeights
from charrnn.models.engines import cudnn
from charrnn.models.onehot import Rows, each_row, look_up


def layer(
    cell: Cell, x: Tensor | Rows, states: Sequence[Tensor], weights: LayerWeights
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer over a window; see ``charrnn.models.cells.LayerFunction``."""
    loop = LOOPS.get(cell.name)
    return loop(x, states, weights) if loop else cudnn.layer(cell, x, states, weights)


def gru(x: Tensor | Rows, states: Sequence[Tensor], weights: LayerWeights) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one GRU layer over a window."""
    w_in, b_in, w_h, b_h = weights
    products = look_up(each_row(x, lambda rows: rows + b_in if w_in is None else linear(rows, w_in, b_in)))
    outputs: Tensor = _GRU.apply(products, states[0], w_h, b_h)  # type: ignore[no-untyped-call]
    return outputs, (outputs[-1],)


LOOPS = {'gru': gru}
"""The cells whose loop is written out here, by name."""


class _GRU(torch.autograd.Function):
    """The GRU as an autograd function: input products (T, B, 3H) give outputs (T, B, H)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, h0: Tensor, w_h: Tensor, b_h: Tensor) -> Tensor:
        T, B, H3 = projected.shape
        H = H3 // 3
        states = projected.new_empty(T + 1, B, H)  # states[t] is h before step t
        states[0] = h0
        candidates = projected.new_empty(T, B, H)  # n
        # The recurrent product is added to this.  r and z contain their input products, q = W_hn h + b_hn does not.
        gates = torch.cat([projected[..., : 2 * H] + b_h[: 2 * H], b_h[2 * H :].expand(T, B, H)], dim=-1)
        w_t = w_h.t()
        for x, h, after, rzq, rz, r, z, q, n in zip(
            projected[..., 2 * H :].unbind(),
            states[:-1].unbind(),
            states[1:].unbind(),
            gates.unbind(),
            gates[..., : 2 * H].unbind(),
            gates[..., :H].unbind(),
            gates[..., H : 2 * H].unbind(),
            gates[..., 2 * H :].unbind(),
            candidates.unbind(),
            strict=True,
        ):
            rzq.addmm_(h, w_t)
            rz.sigmoid_()
            torch.addcmul(x, r, q, out=n).tanh_()
            torch.lerp(n, h, z, out=after)
        ctx.save_for_backward(states, gates, candidates, w_h)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        states, gates, n, w_h = ctx.saved_tensors
        T, B, H = n.shape
        before = states[:-1]
        r, z, q = gates.split(H, dim=-1)
        # The gradient of each pre-activation is dh, the gradient of the state, times its slope; for all steps at once.
        to_n = (1 - z) * (1 - n * n)
        to_q = to_n * r
        slopes = torch.stack([to_q * q * (1 - r), (before - n) * z * (1 - z), to_q], dim=2)  # r, z, q: (T, B, 3, H)
        d_products = torch.empty_like(slopes)
        d_states = torch.cat([torch.zeros_like(d_outputs[:1]), d_outputs])  # d_states[t + 1] is dh after step t
        for dh, dh_before, z_t, slope, d_product in zip(
            reversed(d_states[1:].unbind()),
            reversed(d_states[:-1].unbind()),
            reversed(z.unbind()),
            reversed(slopes.unbind()),
            reversed(d_products.unbind()),
            strict=True,
        ):
            torch.mul(dh[:, None], slope, out=d_product)
            dh_before.addcmul_(dh, z_t).addmm_(d_product.view(B, 3 * H), w_h)
        d_products = d_products.view(T, B, 3 * H)
        d_projected = torch.cat([d_products[..., : 2 * H], d_states[1:] * to_n], dim=-1)
        flat = d_products.view(T * B, 3 * H)
        return d_projected, d_states[0], flat.t() @ before.reshape(T * B, H), flat.sum(0)
