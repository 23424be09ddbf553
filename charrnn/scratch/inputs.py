"""Inputs of a layer: vectors, or symbols as one-hot vectors, which are never written out.

A one-hot vector times a matrix is one row of that matrix: of W_inᵀ here.  So symbols (T, B) of an integer type are
looked up, and their gradient is added to the rows that were read; vectors (T, B, I) are multiplied.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def input_products(x: Array, w_in: Array, b_in: Array) -> Array:
    """Return W_in x + b_in for every step at once, (T, B, G·H), for vectors (T, B, I) or symbols (T, B)."""
    products: Array = (w_in.T[x] if x.dtype.kind in 'iu' else x @ w_in.T) + b_in
    return products


def input_gradients(da: Array, x: Array, w_in: Array) -> dict[str, Array]:
    """Return the gradients of w_in, b_in and, if it holds vectors, x, given that of the products, (T, B, G·H)."""
    flat = da.reshape(-1, da.shape[-1])
    gradients = {'b_in': flat.sum(0)}
    if x.dtype.kind in 'iu':
        rows = np.zeros_like(w_in.T)
        np.add.at(rows, x.reshape(-1), flat)
        return {**gradients, 'w_in': rows.T}
    return {**gradients, 'w_in': flat.T @ x.reshape(-1, x.shape[-1]), 'x': da @ w_in}


def before(states: Array, first: Array) -> Array:
    """Return the states before each step, (T, B, H): `first`, then `states` without the last."""
    shifted: Array = np.concatenate([first[None], states[:-1]])
    return shifted
