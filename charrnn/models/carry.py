"""Carry: the hidden states of every lane, handed from window to window; an immutable value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor


class Carry(Mapping[str, Tensor]):
    """The named hidden states of every lane.

    Parameters
    ----------
    states : mapping of name to tensor, each (L, B, H)     layers, lanes, units
    """

    __slots__ = ('_states',)

    def __init__(self, states: Mapping[str, Tensor]) -> None:
        self._states = dict(states)

    def __getitem__(self, name: str) -> Tensor:
        return self._states[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        return f'<Carry of {self.lanes} lanes: {", ".join(f"{k} {tuple(v.shape)}" for k, v in self.items())}>'

    @property
    def lanes(self) -> int:
        """B, the number of lanes."""
        return next(iter(self._states.values())).shape[1]

    def detach(self) -> Self:
        """Return the same states without their graph, so that gradients stop here (truncated BPTT)."""
        return type(self)({name: state.detach() for name, state in self.items()})

    def lane(self, k: int) -> Self:
        """Return the states of lane k alone, each (L, 1, H)."""
        return type(self)({name: state[:, k : k + 1] for name, state in self.items()})

    def part(self, lanes: slice) -> Self:
        """Return the states of some lanes, in memory of their own."""
        return type(self)({name: state[:, lanes].clone() for name, state in self.items()})

    @classmethod
    def join(cls, carries: Sequence[Self]) -> Self:
        """Return the lanes of all carries side by side, in memory of their own."""
        return cls({name: torch.cat([carry[name] for carry in carries], 1) for name in carries[0]})

    def to(self, device: torch.device) -> Self:
        """Return the same states on another device, in memory of their own."""
        return type(self)({name: state.detach().to(device, copy=True) for name, state in self.items()})
