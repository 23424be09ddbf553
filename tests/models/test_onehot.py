"""Products of one-hot rows are look-ups."""

import torch

from charrnn.models.onehot import Rows, each_row, look_up


def test_rows_are_looked_up_once_for_each_symbol_or_for_each_place() -> None:
    table, seen = torch.arange(12.0).view(4, 3), []

    def double(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return 2 * x

    for ids in (torch.tensor([[0, 3, 1]]), torch.tensor([[0, 3, 1], [2, 2, 2]])):
        assert torch.equal(look_up(each_row(Rows(table, ids), double)), 2 * table[ids])
    assert seen == [(1, 3, 3), (4, 3)]
