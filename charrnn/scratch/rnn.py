"""A plain recurrent network by hand: the forward pass and back-propagation through time, one equation per line.

Forward, for one layer at step t, with x the input and h the state before the step:

    a  = W_in x + b_in + W_h h + b_h
    h' = tanh(a)                                  or max(a, 0), if it is a rectifier

Backward, given dh' (the gradient of the loss with respect to h', from the output at t and from step t + 1):

    da = dh' ⊙ (1 - h'²)                          because tanh' = 1 - tanh²;  with a rectifier dh' where h' > 0
    dx = W_inᵀ da
    dh = W_hᵀ da                                  goes back to step t - 1

and the gradient of every weight is the sum over t of (gradient of its output) times (its input): da xᵀ and da hᵀ.

Three steps by hand, one unit, w_in = 1, w_h = 0.5, no biases, the inputs 1, 0, 0 and a state of 0 before them:

    h₁ = tanh(1)                = 0.7616
    h₂ = tanh(0.5·0.7616)       = 0.3634          the memory of the first input fades
    h₃ = tanh(0.5·0.3634)       = 0.1797

If the loss is h₃ itself, its gradient goes back through all three steps:

    da₃ = 1 - 0.1797²           = 0.9677          dh₂ = 0.5·0.9677 = 0.4839
    da₂ = 0.4839·(1 - 0.3634²)  = 0.4200          dh₁ = 0.5·0.4200 = 0.2100
    da₁ = 0.2100·(1 - 0.7616²)  = 0.0882          the gradient fades as well
    dw_in = 0.0882·1 = 0.0882                     dw_h = 0.9677·0.3634 + 0.4200·0.7616 = 0.6715

>>> one = np.ones((1, 1))
>>> x = np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
>>> states, steps = rnn_forward(x, np.zeros((1, 1)), one, np.zeros(1), 0.5 * one, np.zeros(1))
>>> states.round(4).ravel().tolist()
[0.7616, 0.3634, 0.1797]
>>> found = rnn_backward(np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1), steps, one, 0.5 * one)
>>> round(float(found['w_in'][0, 0]), 4), round(float(found['w_h'][0, 0]), 4)
(0.0882, 0.6715)

Source: Elman 1990 (simple recurrent networks); Werbos 1990 (back-propagation through time).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from charrnn.scratch.inputs import Array, before, input_gradients, input_products


class Steps(NamedTuple):
    """Values that the backward pass needs: the inputs, the states before and after each step, and the kind."""

    x: Array
    h: Array
    states: Array
    rectifier: bool


def rnn_forward(
    x: Array, h0: Array, w_in: Array, b_in: Array, w_h: Array, b_h: Array, *, rectifier: bool = False
) -> tuple[Array, Steps]:
    """Run one layer over T steps of B lanes.

    Parameters
    ----------
    x : (T, B, I), or symbols (T, B)    inputs
    h0 : (B, H)                         states before the first step
    w_in : (H, I), w_h : (H, H)         weights
    b_in, b_h : (H,)                    biases
    Returns
    -------
    states : (T, B, H)                  after every step
    steps : Steps                       for rnn_backward
    """
    products, h = input_products(x, w_in, b_in), h0
    states = np.empty((len(x), *h0.shape), products.dtype)
    for t, product in enumerate(products):
        a = product + h @ w_h.T + b_h
        h = np.maximum(a, 0) if rectifier else np.tanh(a)
        states[t] = h
    return states, Steps(x, before(states, h0), states, rectifier)


def rnn_backward(d_states: Array, steps: Steps, w_in: Array, w_h: Array) -> dict[str, Array]:
    """Return the gradients of a loss, given its gradient with respect to every state.

    Parameters
    ----------
    d_states : (T, B, H)     of each state alone; the share that comes back from later steps is computed here
    Returns
    -------
    dict with 'x' (T, B, I) unless they are symbols, 'h0' (B, H), 'w_in', 'b_in', 'w_h', 'b_h'
    """
    slopes = (steps.states > 0) if steps.rectifier else 1 - steps.states**2
    da, dh = np.empty_like(d_states), np.zeros_like(d_states[0])
    for t in reversed(range(len(da))):
        da[t] = (dh + d_states[t]) * slopes[t]
        dh = da[t] @ w_h
    flat = da.reshape(-1, da.shape[-1])
    recurrent = {'h0': dh, 'w_h': flat.T @ steps.h.reshape(len(flat), -1), 'b_h': flat.sum(0)}
    return {**input_gradients(da, steps.x, w_in), **recurrent}
