"""The same training and sampling in other libraries, as their users would write them (extra `peers`).

JAX: a jitted scan, with the input products made for all steps at once.  Keras: stateful layers and ``train_on_batch``,
on JAX.  onnxruntime: one step of the GRU layers, with the state going in and out, for one stream.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
from machine import seconds_of

from charrnn import ModelState

os.environ.setdefault('KERAS_BACKEND', 'jax')
try:
    import jax
    import keras
    import onnx
    import onnxruntime
    from jax import numpy as jnp
except ImportError as error:
    raise SystemExit(f"--peers needs {error.name}. Next: pip install '.[peers]'") from None

GATES = {'gru': 3, 'lstm': 4}


class Windows:
    """The windows of all lanes, one after the other, from the beginning again at the end."""

    def __init__(self, ms: ModelState, lanes: int) -> None:
        ids = ms.data.train.astype('int32')
        self.data = ids[: len(ids) // lanes * lanes].reshape(lanes, -1)
        self.seq_len, self.place = ms.hyper.seq_len, 0

    def next(self) -> np.ndarray[Any, Any]:
        """Return symbols (B, T + 1)."""
        if self.place + self.seq_len >= self.data.shape[1]:
            self.place = 0
        found = self.data[:, self.place : self.place + self.seq_len + 1]
        self.place += self.seq_len
        return found


class JaxLoop:
    """Embedding and tanh, recurrent layers in a scan, cross entropy, clipping, RMSprop: one jitted function."""

    def __init__(self, ms: ModelState, lanes: int, cell: str) -> None:
        hyper, V, H, G = ms.hyper, len(ms.chars), ms.hyper.state_size, GATES[cell]
        draw = np.random.default_rng(0)
        bound = H**-0.5

        def uniform(*shape: int) -> Any:
            return jnp.asarray(draw.uniform(-bound, bound, shape), jnp.float32)

        layer = [(uniform(H, G * H), uniform(G * H), uniform(H, G * H), uniform(G * H)) for _ in range(hyper.layers)]
        self.weights = {'encode': uniform(V, H), 'layers': layer, 'readout': uniform(H, V), 'bias': uniform(V)}
        self.squares = jax.tree.map(jnp.zeros_like, self.weights)
        parts = {'gru': 1, 'lstm': 2}[cell]
        self.states = [tuple(jnp.zeros((lanes, H)) for _ in range(parts)) for _ in range(hyper.layers)]
        self.windows = Windows(ms, lanes)
        clip = hyper.clip / (lanes * hyper.seq_len)
        step = {'gru': self.gru, 'lstm': self.lstm}[cell]

        def loss_of(weights: Any, states: Any, ids: Any) -> Any:
            x, after = jnp.tanh(weights['encode'][ids[:, :-1].T]), []
            for (w_in, b_in, w_h, b_h), state in zip(weights['layers'], states, strict=True):
                last, x = jax.lax.scan(partial(step, w_h, b_h), state, x @ w_in + b_in)
                after.append(last)
            log_probs = jax.nn.log_softmax(x @ weights['readout'] + weights['bias'])
            return -jnp.take_along_axis(log_probs, ids[:, 1:].T[..., None], -1).mean(), after

        @partial(jax.jit, donate_argnums=(0, 1, 2))
        def update(weights: Any, squares: Any, states: Any, ids: Any) -> Any:
            (loss, after), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, states, ids)
            gradients = jax.tree.map(lambda g: jnp.clip(g, -clip, clip), gradients)
            squares = jax.tree.map(lambda s, g: hyper.decay * s + (1 - hyper.decay) * g * g, squares, gradients)
            weights = jax.tree.map(
                lambda w, g, s: w - hyper.learnrate * g / (jnp.sqrt(s) + 1e-8), weights, gradients, squares
            )
            return weights, squares, after, loss

        self.update = update

    @staticmethod
    def gru(w_h: Any, b_h: Any, state: Any, x: Any) -> Any:
        """Take one step of a GRU."""
        (h,) = state
        (x_r, x_z, x_n), (r, z, q) = jnp.split(x, 3, -1), jnp.split(h @ w_h + b_h, 3, -1)
        r, z = jax.nn.sigmoid(x_r + r), jax.nn.sigmoid(x_z + z)
        n = jnp.tanh(x_n + r * q)
        h = n + z * (h - n)
        return (h,), h

    @staticmethod
    def lstm(w_h: Any, b_h: Any, state: Any, x: Any) -> Any:
        """Take one step of an LSTM."""
        h, c = state
        i, f, g, o = jnp.split(x + h @ w_h + b_h, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def train(self, windows: int) -> float:
        """Train some windows; return the seconds."""

        def work() -> None:
            for _ in range(windows):
                self.weights, self.squares, self.states, loss = self.update(
                    self.weights, self.squares, self.states, self.windows.next()
                )
            loss.block_until_ready()

        return seconds_of(work)


class KerasLoop:
    """Embedding, stateful recurrent layers and a dense layer, compiled with RMSprop and clipping."""

    def __init__(self, ms: ModelState, lanes: int, cell: str) -> None:
        hyper, V, H = ms.hyper, len(ms.chars), ms.hyper.state_size
        kind = {'gru': keras.layers.GRU, 'lstm': keras.layers.LSTM}[cell]
        recurrent = [kind(H, return_sequences=True, stateful=True) for _ in range(hyper.layers)]
        ids = keras.layers.Input(batch_shape=(lanes, hyper.seq_len), dtype='int32')
        self.model = keras.Sequential([ids, keras.layers.Embedding(V, H), *recurrent, keras.layers.Dense(V)])
        clip = hyper.clip / (lanes * hyper.seq_len)
        self.model.compile(
            keras.optimizers.RMSprop(hyper.learnrate, clipvalue=clip or None),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.windows = Windows(ms, lanes)

    def train(self, windows: int) -> float:
        """Train some windows; return the seconds."""

        def work() -> None:
            for _ in range(windows):
                ids = self.windows.next()
                self.model.train_on_batch(ids[:, :-1], ids[:, 1:])

        return seconds_of(work)


TRAINING = {'JAX, jitted scan': JaxLoop, 'Keras': KerasLoop}


class OnnxReader:
    """One step of embedding, tanh, GRU layers and readout in onnxruntime, drawn from in NumPy."""

    def __init__(self, ms: ModelState) -> None:
        V, H, L = len(ms.chars), ms.hyper.state_size, ms.hyper.layers
        make, draw = onnx.helper, np.random.default_rng(0)
        weights: list[Any] = []

        def uniform(name: str, *shape: int) -> str:
            values = draw.uniform(-(H**-0.5), H**-0.5, shape).astype(np.float32)
            weights.append(onnx.numpy_helper.from_array(values, name))
            return name

        nodes = [
            make.make_node('Gather', [uniform('encode', V, H), 'ids'], ['e']),
            make.make_node('Tanh', ['e'], ['x0']),
        ]
        for i in range(L):
            w = [uniform(f'w{i}', 1, 3 * H, H), uniform(f'r{i}', 1, 3 * H, H), uniform(f'b{i}', 1, 6 * H)]
            given = [f'x{i}', *w, '', f'h{i}']
            nodes.append(make.make_node('GRU', given, [f'y{i}', f'n{i}'], hidden_size=H, linear_before_reset=1))
            weights.append(onnx.numpy_helper.from_array(np.array([1]), f'axis{i}'))
            nodes.append(make.make_node('Squeeze', [f'y{i}', f'axis{i}'], [f'x{i + 1}']))
        nodes.append(make.make_node('MatMul', [f'x{L}', uniform('readout', H, V)], ['logits']))

        def value(name: str, *shape: int, kind: int = onnx.TensorProto.FLOAT) -> Any:
            return make.make_tensor_value_info(name, kind, shape)

        graph = make.make_graph(
            nodes,
            'step',
            [value('ids', 1, 1, kind=onnx.TensorProto.INT64), *(value(f'h{i}', 1, 1, H) for i in range(L))],
            [value('logits', 1, 1, V), *(value(f'n{i}', 1, 1, H) for i in range(L))],
            weights,
        )
        model = make.make_model(graph, opset_imports=[make.make_opsetid('', 14)], ir_version=8)
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
        self.zeros = {f'h{i}': np.zeros((1, 1, H), np.float32) for i in range(L)}

    def generate(self, length: int, temp: float) -> None:
        """Draw some characters on one stream."""
        draw, ids, states = np.random.default_rng(0), np.zeros((1, 1), np.int64), self.zeros
        for _ in range(length):
            logits, *after = self.session.run(None, {'ids': ids, **states})
            states = dict(zip(self.zeros, after, strict=True))
            scaled = logits[0, 0].astype(np.float64) / temp
            likely = np.exp(scaled - scaled.max())
            ids[0, 0] = np.searchsorted(np.cumsum(likely), draw.random() * likely.sum())
