"""Rows: an input given as a table and indices into it, to save work.

A one-hot vector times a matrix is a row of the matrix.  A function of each symbol by itself, such as an encoding or the
product with the first layer's input weights, is therefore computed for the V rows of the table or for the T·B symbols
of the window, whichever are fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import embedding


class Rows(NamedTuple):
    """An input x with x[t, b] = table[ids[t, b]].

    Parameters
    ----------
    table : (V, I)
    ids : int64 (T, B)
    """

    table: Tensor
    ids: Tensor


def look_up(x: Tensor | Rows) -> Tensor:
    """Return the input as one tensor, (T, B, I)."""
    return embedding(x.ids, x.table) if isinstance(x, Rows) else x


def each_row(x: Tensor | Rows, function: Callable[[Tensor], Tensor]) -> Tensor | Rows:
    """Apply a function of single rows (…, I) to an input: to the table or to the symbols, whichever are fewer."""
    if isinstance(x, Rows) and len(x.table) <= x.ids.numel():
        return Rows(function(x.table), x.ids)
    return function(look_up(x))
