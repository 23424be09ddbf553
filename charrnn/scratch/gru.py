"""A GRU by hand: the forward pass and back-propagation through time, one equation per line.

Forward, for one layer at step t, with x the input, h the state before the step, ⊙ elementwise and σ the logistic
function (the reset gate acts after the recurrent product, as in cuDNN and torch.nn.GRU):

    a_r = W_ir x + b_ir + W_hr h + b_hr        r = σ(a_r)                  reset gate
    a_z = W_iz x + b_iz + W_hz h + b_hz        z = σ(a_z)                  update gate
    q   = W_hn h + b_hn                                                    recurrent part of the candidate
    a_n = W_in x + b_in + r ⊙ q                n = tanh(a_n)               candidate
    h'  = (1 - z) ⊙ n + z ⊙ h                                              next state

Backward, given dh' (the gradient of the loss with respect to h', from the output at t and from step t + 1):

    dn  = dh' ⊙ (1 - z)                        da_n = dn ⊙ (1 - n²)        because tanh' = 1 - tanh²
    dz  = dh' ⊙ (h - n)                        da_z = dz ⊙ z ⊙ (1 - z)     because σ' = σ (1 - σ)
    dr  = da_n ⊙ q                             da_r = dr ⊙ r ⊙ (1 - r)
    dq  = da_n ⊙ r
    dx  = W_irᵀ da_r + W_izᵀ da_z + W_inᵀ da_n
    dh  = W_hrᵀ da_r + W_hzᵀ da_z + W_hnᵀ dq + z ⊙ dh'

and the gradient of every weight is the sum over t of (gradient of its output) times (its input).

Three steps by hand, one unit, every weight 1 and every bias 0, the inputs 1, 0, 0 and a state of 0 before them:

    1   r = z = σ(1) = 0.7311         q = 0         n = tanh(1) = 0.7616
        h = 0.2689·0.7616 + 0.7311·0                = 0.2048
    2   r = z = σ(0.2048) = 0.5510    q = 0.2048    n = tanh(0.5510·0.2048) = 0.1124
        h = 0.4490·0.1124 + 0.5510·0.2048           = 0.1633
    3   r = z = σ(0.1633) = 0.5407    q = 0.1633    n = tanh(0.5407·0.1633) = 0.0881
        h = 0.4593·0.0881 + 0.5407·0.1633           = 0.1288

If the loss is the last h itself, back through step 3, with dh' = 1:

    dn = 0.4593                                da_n = 0.4593·(1 - 0.0881²) = 0.4557
    dz = 0.1633 - 0.0881 = 0.0752              da_z = 0.0752·0.5407·0.4593 = 0.0187
    dr = 0.4557·0.1633 = 0.0744                da_r = 0.0744·0.5407·0.4593 = 0.0185
    dq = 0.4557·0.5407 = 0.2464
    dh = 0.0185 + 0.0187 + 0.2464 + 0.5407     = 0.8243        into step 2; the same sums there give 0.6929
    dw_in = 0, -0.1038, 0.0783                 step 1's da_r, da_z, da_n times its input 1; the other inputs are 0

>>> one, x = np.ones((3, 1)), np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
>>> states, steps = gru_forward(x, np.zeros((1, 1)), one, np.zeros(3), one, np.zeros(3))
>>> states.round(4).ravel().tolist()
[0.2048, 0.1633, 0.1288]
>>> found = gru_backward(np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1), steps, one, one)
>>> found['w_in'].round(4).ravel().tolist()
[0.0, -0.1038, 0.0783]

Source: Cho et al. 2014, arXiv:1406.1078; Werbos 1990 (back-propagation through time).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.scratch.inputs import Array, before, input_gradients, input_products


class Steps(NamedTuple):
    """Values that the backward pass needs: inputs, states before each step, and r, z, n, q of each step."""

    x: Array
    h: Array
    r: Array
    z: Array
    n: Array
    q: Array


def sigmoid(a: Array) -> Array:
    """Return σ(a) = 1 / (1 + e⁻ᵃ), written with tanh so that no exponential overflows."""
    result: Array = 0.5 + 0.5 * np.tanh(0.5 * a)
    return result


def gru_forward(x: Array, h0: Array, w_in: Array, b_in: Array, w_h: Array, b_h: Array) -> tuple[Array, Steps]:
    """Run one layer over T steps of B lanes.

    Parameters
    ----------
    x : (T, B, I), or symbols (T, B)    inputs
    h0 : (B, H)                         states before the first step
    w_in : (3H, I), w_h : (3H, H)       weights, gates stacked as reset, update, candidate
    b_in, b_h : (3H,)                   biases
    Returns
    -------
    states : (T, B, H)                  after every step
    steps : Steps                       for gru_backward
    """
    products, h = input_products(x, w_in, b_in), h0
    states, *kept = (np.empty((len(x), *h0.shape), products.dtype) for _ in range(5))
    for t, product in enumerate(products):
        in_r, in_z, in_n = np.split(product, 3, axis=1)
        h_r, h_z, q = np.split(h @ w_h.T + b_h, 3, axis=1)
        r = sigmoid(in_r + h_r)
        z = sigmoid(in_z + h_z)
        n = np.tanh(in_n + r * q)
        h = (1 - z) * n + z * h
        states[t] = h
        for all_steps, of_this in zip(kept, (r, z, n, q), strict=True):
            all_steps[t] = of_this
    return states, Steps(x, before(states, h0), *kept)


def gru_backward(d_states: Array, steps: Steps, w_in: Array, w_h: Array) -> dict[str, Array]:
    """Return the gradients of a loss, given its gradient with respect to every state.

    Parameters
    ----------
    d_states : (T, B, H)     of each state alone; the share that comes back from later steps is computed here
    steps : Steps            from gru_forward
    Returns
    -------
    dict with 'x' (T, B, I) unless they are symbols, 'h0' (B, H), 'w_in' (3H, I), 'b_in', 'w_h' (3H, H), 'b_h' (3H,)
    """
    T, B, H = d_states.shape
    da = np.empty((T, B, 3 * H), d_states.dtype)  # into the input weights
    dq = np.empty_like(da)  # into the recurrent weights
    dh = np.zeros_like(d_states[0])
    for t in reversed(range(T)):
        h, r, z, n, q = (all_steps[t] for all_steps in steps[1:])
        dh = dh + d_states[t]
        da_n = dh * (1 - z) * (1 - n**2)
        da_z = dh * (h - n) * z * (1 - z)
        da_r = da_n * q * r * (1 - r)
        da[t] = np.concatenate([da_r, da_z, da_n], axis=1)
        dq[t] = np.concatenate([da_r, da_z, da_n * r], axis=1)
        dh = dq[t] @ w_h + z * dh
    flat = dq.reshape(-1, 3 * H)
    recurrent = {'h0': dh, 'w_h': flat.T @ steps.h.reshape(-1, H), 'b_h': flat.sum(0)}
    return {**input_gradients(da, steps.x, w_in), **recurrent}


def softmax_loss(logits: Array, targets: NDArray[np.int64]) -> tuple[float, Array]:
    """Return the mean cross-entropy in nats and its gradient.

    Parameters
    ----------
    logits : (N, V)
    targets : (N,)
    Returns
    -------
    loss : float, and d_logits : (N, V) = (softmax - one-hot) / N
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(targets))
    loss = float(np.mean(np.log(sums[:, 0]) - shifted[rows, targets]))
    d_logits = exponentials / sums
    d_logits[rows, targets] -= 1
    return loss, d_logits / len(targets)
