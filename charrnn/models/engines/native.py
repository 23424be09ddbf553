"""The recurrences in C: autograd functions around the extension ``_native``, whose arithmetic is in c/kernels.h.

C runs one layer's loop over a window, forward and backward.  torch computes the large products: the input products and
the weights' gradients.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from charrnn.models.carry import Carry
from charrnn.models.cells import CELLS, Cell, LayerWeights, Stack
from charrnn.models.onehot import Rows, each_row

MISSING = 'the C extension is not built'
BUILD_IT = 'install a C compiler and repeat `pip install`'

try:
    _native: Any = importlib.import_module('charrnn.models.engines._native')
except ImportError:
    _native = None
in_c = {c.name: (c.gates, len(c.states), c.saved, c.gradients) for c in CELLS.values() if c.saved is not None}
if _native is not None and (not hasattr(_native, 'cells') or _native.cells() != in_c):
    _native, MISSING = None, 'the C extension was built from other sources'

MOST_LAYERS = 250
"""The largest number of layers of a Reader, because C holds the buffers of all weights at once."""


def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets that are built in and that this processor has, best first; empty without C."""
    found: tuple[str, ...] = _native.instruction_sets() if _native else ()
    return found


def layer(
    instruction_set: str, cell: Cell, x: Tensor | Rows, states: Sequence[Tensor], weights: LayerWeights
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run one layer over a window with the kernels of one instruction set; see ``cells.LayerFunction``."""
    w_in, b_in, w_h, b_h = weights
    products = each_row(x, lambda rows: rows + b_in if w_in is None else linear(rows, w_in, b_in))
    table, ids = products if isinstance(products, Rows) else (products, None)
    h0, c0 = states[0], states[1] if len(states) > 1 else None
    outputs, c = _Layer.apply(  # type: ignore[no-untyped-call]
        instruction_set, cell, torch.is_grad_enabled(), table, ids, h0, c0, w_h, b_h
    )
    return outputs, (outputs[-1],) if c0 is None else (outputs[-1], c)


class Drawn(NamedTuple):
    """Symbols that a reader has drawn on B lanes.

    Parameters
    ----------
    symbols : (length, B)    the indices
    nats : (length, B)       the cost of each under the softmax of all logits, at temperature 1
    """

    symbols: NDArray[np.int64]
    nats: NDArray[np.float64]


class Reader:
    """A model in C that reads one symbol at a time on every lane, and keeps the states after the symbols read.

    The weights are copied once: a later change of the model's weights does not change the reader.  Only one thread at a
    time may use a reader.

    Parameters
    ----------
    instruction_set : str    one of ``instruction_sets()``
    stack : Stack            at most MOST_LAYERS layers
    readout : (V, H), (V,)   weight and bias of the readout
    carry : Carry            the initial states of B lanes; copied
    """

    def __init__(self, instruction_set: str, stack: Stack, readout: tuple[Tensor, Tensor], carry: Carry) -> None:
        self.lanes = carry.lanes
        self.vocab_size, H = readout[0].shape
        states = {name: carry[name].detach().numpy().copy() for name in stack.cell.states}
        self._states: dict[str, NDArray[np.float32]] = states
        self._h, self._c = [*states.values(), None][:2]
        weights = tuple(view(weight) for layer in stack.layers for weight in layer)
        self._packed = _native.reader(
            instruction_set, stack.cell.name, self.lanes, H, self.vocab_size, len(stack.layers), view(stack.table),
            weights, view(readout[0]), view(readout[1]),
        )  # fmt: skip

    @property
    def carry(self) -> Carry:
        """A copy of the states after the symbols read."""
        return Carry({name: torch.from_numpy(state.copy()) for name, state in self._states.items()})

    @carry.setter
    def carry(self, carry: Carry) -> None:
        for name, state in self._states.items():
            state[:] = carry[name].numpy()

    def step(self, symbols: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read `symbols` (B,), and return the logits (B, V) of the next symbols.

        Raises
        ------
        RuntimeError    another call uses this reader at the same time
        """
        logits = np.empty((self.lanes, self.vocab_size), np.float32)
        symbols = np.ascontiguousarray(symbols)
        _native.step(self._packed, torch.get_num_threads(), symbols, self._h, self._c, logits)
        return logits

    def draw(
        self,
        symbols: NDArray[np.int64],
        draws: NDArray[np.float64],
        *,
        temp: float,
        topk: int | None = None,
        minp: float = 0.0,
        topp: float = 1.0,
        never: Sequence[int] = (),
    ) -> Drawn | None:
        """Read `symbols` (B,), then draw a symbol for each of `draws` (length, B), and read each before the next draw.

        The symbols drawn last are not read: a call that goes on takes them as its `symbols`.

        Parameters
        ----------
        temp, topk, minp, topp, never    what may be drawn: see ``sampling.filters.Limits``
        Returns
        -------
        Drawn, or None if a logit was not a number or the largest was not finite; then the states do not change
        Raises
        ------
        RuntimeError    another call uses this reader at the same time
        """
        found = np.concatenate([symbols[None], np.empty(draws.shape, np.int64)])
        nats = np.empty(draws.shape)
        numbers = _native.draw(
            self._packed, torch.get_num_threads(), self._h, self._c, np.ascontiguousarray(draws), temp,
            topk or self.vocab_size, minp, topp, np.array(never, np.int64), found, nats,
        )  # fmt: skip
        return Drawn(found[1:], nats) if numbers else None


def view(tensor: Tensor | None) -> NDArray[Any] | None:
    """Return a tensor's memory as an array for C, contiguous; a copy only if the tensor is not contiguous."""
    return None if tensor is None else tensor.detach().contiguous().numpy()


class _Layer(torch.autograd.Function):
    """The layer as an autograd function.

    Input products (T, B, G·H), or a table (V, G·H) of them with ids (T, B), give outputs (T, B, H) and the last c.
    """

    @staticmethod
    def forward(
        ctx: Any,
        chosen: str,
        cell: Cell,
        learns: bool,
        x: Tensor,
        ids: Tensor | None,
        h0: Tensor,
        c0: Tensor | None,
        w_h: Tensor,
        b_h: Tensor,
    ) -> tuple[Tensor, Tensor]:
        T, B = x.shape[:2] if ids is None else ids.shape
        H = h0.shape[1]
        h = h0.new_empty(T + 1, B, H)  # h[t] is the state before step t
        h[0] = h0
        c = None
        if c0 is not None:
            c = torch.empty_like(h)
            c[0] = c0
        saved = h0.new_empty(T, B, cell.saved or 0, _native.padded(chosen, H)) if learns else None
        _native.forward(
            chosen, cell.name, torch.get_num_threads(), T, B, H, len(x), view(x), view(ids), view(w_h), view(b_h),
            view(h), view(c), view(saved),
        )  # fmt: skip
        if learns:
            ctx.save_for_backward(ids, h, c, saved, w_h)
            ctx.chosen, ctx.cell, ctx.rows = chosen, cell, len(x)
        last_c = h0.new_empty(0) if c is None else c[-1].clone()
        return h[1:], last_c

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_last_c: Tensor) -> tuple[Tensor | None, ...]:
        ids, h, c, saved, w_h = ctx.saved_tensors
        T, B, H = d_outputs.shape
        G = ctx.cell.gates
        gru = ctx.cell.name == 'gru'
        d_gates = h.new_empty(T * B, ctx.cell.gradients * H)
        d_h = h.new_zeros(B, H)
        d_c = d_last_c.clone(memory_format=torch.contiguous_format) if c is not None else None
        _native.backward(
            ctx.chosen, ctx.cell.name, torch.get_num_threads(), T, B, H, view(h), view(c), view(saved), view(d_outputs),
            view(w_h), view(d_gates), view(d_h), view(d_c),
        )  # fmt: skip
        # The GRU's gradients are stacked q r z n: q r z are those of the recurrent product, r z n those of the input.
        d_products, d_x = (d_gates[:, : 3 * H], d_gates[:, H:]) if gru else (d_gates, d_gates)
        d_w_h = d_products.t() @ h[:-1].reshape(T * B, H)
        d_b_h = d_products.sum(0)
        if gru:  # q r z to r z q, the order of the weights
            d_w_h, d_b_h = d_w_h.roll(-H, 0), d_b_h.roll(-H, 0)
        if ids is None:
            d_x = d_x.view(T, B, G * H)
        else:
            d_x = torch.ops.aten.embedding_dense_backward(d_x, ids.reshape(T * B), ctx.rows, -1, False)
        return None, None, None, d_x, None, d_h, d_c, d_w_h, d_b_h
