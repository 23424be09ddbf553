"""Rows: an input that is a look-up, kept as one for as long as that saves work.

A one-hot vector times a matrix is a row of the matrix.  So whatever a model does to each symbol by itself, an encoding
or the products with the first layer's input weights, it can do once to each of the V symbols instead of to each of
the T·B places where they stand: of the two, whichever are fewer.
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
    """The input itself, (T, B, I)."""
    return embedding(x.ids, x.table) if isinstance(x, Rows) else x


def each_row(x: Tensor | Rows, function: Callable[[Tensor], Tensor]) -> Tensor | Rows:
    """The input with `function`, which treats each row (…, I) by itself, applied to each: to the fewer rows."""
    if isinstance(x, Rows) and len(x.table) <= x.ids.numel():
        return Rows(function(x.table), x.ids)
    return function(look_up(x))
