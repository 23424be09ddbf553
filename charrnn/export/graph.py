"""A model as a graph of ONNX: one step, so that other programs can read and write with it.

    ids (B,), and for each layer its states (B, H)  ──►  logits (B, V), and the states after the symbol

Layer 0 of a plain stack looks its input products up in a table; the others multiply.  The equations are those of
``charrnn.models.cells``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from charrnn.errors import TrainingError
from charrnn.models.cells import LayerWeights, Stack
from charrnn.session.run import Run

OPSET = 17


def as_onnx(run: Run) -> bytes:
    """Return the file model.onnx of a run.

    Raises
    ------
    TrainingError    a model that no state of one size can hold (attention), or the package onnx is missing
    """
    model = run.learner.evaluated
    stack = model.stack()
    if stack is None:
        what = f'{run.modeltype} has no state of one size, so there is no step to export.'
        raise TrainingError(what, 'leave onnx out')
    try:
        onnx = importlib.import_module('onnx')
    except ImportError:
        raise TrainingError(
            'onnx=True needs the package onnx.', 'at a shell: pip install onnx; or leave onnx out'
        ) from None
    return _Graph(onnx).model(stack, model.readout_weight, model.readout_bias)


class _Graph:
    """Nodes and weights of a graph, as they are added."""

    def __init__(self, onnx: Any) -> None:
        self.onnx, self.nodes, self.weights = onnx, list[Any](), list[Any]()

    def weight(self, tensor: Tensor) -> str:
        """Add a weight; return its name."""
        name = f'w{len(self.weights)}'
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        self.weights.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or of each."""
        names = [f'n{len(self.nodes)}_{k}' for k in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(op, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def affine(self, x: str, weight: Tensor, bias: Tensor) -> str:
        """Add x Wᵀ + b."""
        return str(self.node('Gemm', x, self.weight(weight), self.weight(bias), transB=1))

    def step(self, cell: str, products: str, states: Sequence[str], weights: LayerWeights) -> list[str]:
        """Add one step of a layer; return the names of its states after it."""
        h = states[0]
        recurrent = self.affine(h, weights.w_h, weights.b_h)
        if cell == 'gru':
            x_r, x_z, x_n = self.node('Split', products, outputs=3, axis=1)
            h_r, h_z, h_n = self.node('Split', recurrent, outputs=3, axis=1)
            r = self.node('Sigmoid', self.node('Add', x_r, h_r))
            z = self.node('Sigmoid', self.node('Add', x_z, h_z))
            n = self.node('Tanh', self.node('Add', x_n, self.node('Mul', r, h_n)))
            return [self.node('Add', n, self.node('Mul', z, self.node('Sub', h, n)))]
        gates = self.node('Add', products, recurrent)
        if cell == 'lstm':
            i, f, g, o = self.node('Split', gates, outputs=4, axis=1)
            kept = self.node('Mul', self.node('Sigmoid', f), states[1])
            c = self.node('Add', kept, self.node('Mul', self.node('Sigmoid', i), self.node('Tanh', g)))
            return [self.node('Mul', self.node('Sigmoid', o), self.node('Tanh', c)), c]
        return [self.node('Tanh' if cell == 'rnn_tanh' else 'Relu', gates)]

    def model(self, stack: Stack, readout_weight: Tensor, readout_bias: Tensor) -> bytes:
        """Return the whole model."""
        make, kinds = self.onnx.helper, self.onnx.TensorProto
        H, V = stack.layers[0].w_h.shape[1], len(readout_bias)
        given, after = [], []
        x = self.node('Gather', self.weight(stack.table), 'ids')
        for layer, weights in enumerate(stack.layers):
            states = [f'{name}{layer}' for name in stack.cell.states]
            if layer:
                assert weights.w_in is not None, 'only the first layer has a table'
                x = self.affine(x, weights.w_in, weights.b_in)
            now = self.step(stack.cell.name, x, states, weights)
            x = now[0]
            for name, found in zip(states, now, strict=True):
                given.append(make.make_tensor_value_info(name, kinds.FLOAT, ['B', H]))
                after.append(make.make_tensor_value_info(f'{name}_after', kinds.FLOAT, ['B', H]))
                self.nodes.append(make.make_node('Identity', [found], [f'{name}_after']))
        logits = self.affine(x, readout_weight, readout_bias)
        self.nodes.append(make.make_node('Identity', [logits], ['logits']))
        graph = make.make_graph(
            self.nodes,
            'step',
            [make.make_tensor_value_info('ids', kinds.INT64, ['B']), *given],
            [make.make_tensor_value_info('logits', kinds.FLOAT, ['B', V]), *after],
            self.weights,
        )
        model = make.make_model(graph, opset_imports=[make.make_opsetid('', OPSET)], ir_version=8)
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
