"""An LSTM by hand: the forward pass and back-propagation through time, one equation per line.

Forward, for one layer at step t, with x the input, h the state and c the cell before the step, ⊙ elementwise and σ the
logistic function:

    a_i = W_ii x + b_ii + W_hi h + b_hi        i = σ(a_i)                  input gate: share of g written
    a_f = W_if x + b_if + W_hf h + b_hf        f = σ(a_f)                  forget gate: share of c kept
    a_g = W_ig x + b_ig + W_hg h + b_hg        g = tanh(a_g)               candidate
    a_o = W_io x + b_io + W_ho h + b_ho        o = σ(a_o)                  output gate: share of tanh(c') in h'
    c'  = f ⊙ c + i ⊙ g                                                    next cell
    h'  = o ⊙ tanh(c')                                                     next state

Backward, given dh' and dc' (from the output at t and from step t + 1):

    do  = dh' ⊙ tanh(c')                       da_o = do ⊙ o ⊙ (1 - o)     because σ' = σ (1 - σ)
    dc' = dc' + dh' ⊙ o ⊙ (1 - tanh(c')²)                                  because tanh' = 1 - tanh²
    di  = dc' ⊙ g                              da_i = di ⊙ i ⊙ (1 - i)
    df  = dc' ⊙ c                              da_f = df ⊙ f ⊙ (1 - f)
    dg  = dc' ⊙ i                              da_g = dg ⊙ (1 - g²)
    dx  = W_iiᵀ da_i + W_ifᵀ da_f + W_igᵀ da_g + W_ioᵀ da_o
    dh  = W_hiᵀ da_i + W_hfᵀ da_f + W_hgᵀ da_g + W_hoᵀ da_o
    dc  = dc' ⊙ f                              neither weights nor tanh: hence the long memory of an LSTM

and the gradient of every weight is the sum over t of (gradient of its output) times (its input).

Three steps by hand, one unit, every weight 1 and every bias 0, the inputs 1, 0, 0, h and c 0 before them:

    1   a = 1        i = f = o = σ(1) = 0.7311    g = tanh(1) = 0.7616
                     c = 0.7311·0 + 0.7311·0.7616 = 0.5568          h = 0.7311·tanh(0.5568) = 0.3696
    2   a = 0.3696   i = f = o = 0.5914           g = 0.3536
                     c = 0.5914·0.5568 + 0.5914·0.3536 = 0.5384     h = 0.5914·0.4917 = 0.2908
    3   a = 0.2908   i = f = o = 0.5722           g = 0.2829
                     c = 0.5722·0.5384 + 0.5722·0.2829 = 0.4699     h = 0.5722·0.4381 = 0.2507

If the loss is the last h itself, back through step 3, with dh' = 1 and dc' = 0 from after it:

    do  = 0.4381                               da_o = 0.4381·0.5722·0.4278 = 0.1073
    dc' = 0.5722·(1 - 0.4381²) = 0.4624
    di  = 0.4624·0.2829 = 0.1308               da_i = 0.1308·0.5722·0.4278 = 0.0320
    df  = 0.4624·0.5384 = 0.2489               da_f = 0.2489·0.5722·0.4278 = 0.0609
    dg  = 0.4624·0.5722 = 0.2646               da_g = 0.2646·(1 - 0.2829²) = 0.2434
    dh  = 0.0320 + 0.0609 + 0.2434 + 0.1073    = 0.4436        both into step 2; the
    dc  = 0.4624·0.5722                        = 0.2646        same sums there give 0.3945 and 0.2741
    dw_in = 0.0732, 0, 0.1501, 0.0392          step 1's da_i, da_f, da_g, da_o times its input 1; the other inputs are 0

(rounded for print only, so a last digit can differ from a calculation with four digits.)

>>> one, none, x = np.ones((4, 1)), np.zeros((1, 1)), np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
>>> states, cells, steps = lstm_forward(x, none, none, one, np.zeros(4), one, np.zeros(4))
>>> states.round(4).ravel().tolist(), cells.round(4).ravel().tolist()
([0.3696, 0.2908, 0.2507], [0.5568, 0.5384, 0.4699])
>>> found = lstm_backward(np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1), steps, one, one)
>>> found['w_in'].round(4).ravel().tolist()
[0.0732, 0.0, 0.1501, 0.0392]

Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000 (the forget gate).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from charrnn.scratch.gru import sigmoid
from charrnn.scratch.inputs import Array, before, input_gradients, input_products


class Steps(NamedTuple):
    """Values that the backward pass needs: inputs, states and cells before each step, its gates and its tanh(c')."""

    x: Array
    h: Array
    c: Array
    gates: Array  # (T, B, 4H): i, f, g, o
    tanh_c: Array


def lstm_forward(
    x: Array, h0: Array, c0: Array, w_in: Array, b_in: Array, w_h: Array, b_h: Array
) -> tuple[Array, Array, Steps]:
    """Run one layer over T steps of B lanes.

    Parameters
    ----------
    x : (T, B, I), or symbols (T, B)    inputs
    h0, c0 : (B, H)                     states and cells before the first step
    w_in : (4H, I), w_h : (4H, H)       weights, gates stacked as input, forget, candidate, output
    b_in, b_h : (4H,)                   biases
    Returns
    -------
    states, cells : (T, B, H)           after every step
    steps : Steps                       for lstm_backward
    """
    products, h, c = input_products(x, w_in, b_in), h0, c0
    H = h0.shape[1]
    gates = np.empty_like(products)
    states, cells, tanh_c = (np.empty((len(x), *h0.shape), products.dtype) for _ in range(3))
    for t, product in enumerate(products):
        a = product + h @ w_h.T + b_h
        gates[t, :, : 2 * H] = sigmoid(a[:, : 2 * H])
        gates[t, :, 2 * H : 3 * H] = np.tanh(a[:, 2 * H : 3 * H])
        gates[t, :, 3 * H :] = sigmoid(a[:, 3 * H :])
        i, f, g, o = np.split(gates[t], 4, axis=1)
        c = f * c + i * g
        tanh_c[t] = np.tanh(c)
        h = o * tanh_c[t]
        states[t], cells[t] = h, c
    return states, cells, Steps(x, before(states, h0), before(cells, c0), gates, tanh_c)


def lstm_backward(d_states: Array, steps: Steps, w_in: Array, w_h: Array) -> dict[str, Array]:
    """Return the gradients of a loss, given its gradient with respect to every state.

    Parameters
    ----------
    d_states : (T, B, H)     of each state alone; the share that comes back from later steps is computed here
    Returns
    -------
    dict with 'x' (T, B, I) unless they are symbols, 'h0', 'c0' (B, H), 'w_in', 'b_in', 'w_h', 'b_h'
    """
    da, dh, dc = np.empty_like(steps.gates), np.zeros_like(d_states[0]), np.zeros_like(d_states[0])
    for t in reversed(range(len(da))):
        i, f, g, o = np.split(steps.gates[t], 4, axis=1)
        d_i, d_f, d_g, d_o = np.split(da[t], 4, axis=1)  # views: a write to one of them is a write to da
        dh = dh + d_states[t]
        d_o[:] = dh * steps.tanh_c[t] * o * (1 - o)
        dc = dc + dh * o * (1 - steps.tanh_c[t] ** 2)
        d_i[:] = dc * g * i * (1 - i)
        d_f[:] = dc * steps.c[t] * f * (1 - f)
        d_g[:] = dc * i * (1 - g**2)
        dc = dc * f
        dh = da[t] @ w_h
    flat = da.reshape(-1, da.shape[-1])
    recurrent = {'h0': dh, 'c0': dc, 'w_h': flat.T @ steps.h.reshape(len(flat), -1), 'b_h': flat.sum(0)}
    return {**input_gradients(da, steps.x, w_in), **recurrent}
