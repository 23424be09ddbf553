"""The ring of a moment: how many symbols it has, and from when on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ring:
    """The size of the training ring, since a text was added to it or the run began.

    Parameters
    ----------
    size : int       n: its symbols
    symbols : int    trained until it got this size
    epoch : float    at that time
    """

    size: int
    symbols: int = 0
    epoch: float = 0.0

    def epoch_at(self, symbols: int) -> float:
        """Return the epoch after `symbols` trained symbols, all lanes together."""
        return self.epoch + (symbols - self.symbols) / self.size

    def grown(self, size: int, symbols: int) -> Ring:
        """Return a ring of another size from now on: the epochs go on from where they are."""
        return Ring(size, symbols, self.epoch_at(symbols))


def epoch_of(facts: Mapping[str, Any], size: int) -> float:
    """Return the epoch of a moment by its facts; those of an old one have no ring, which had `size` symbols then."""
    return Ring(**facts.get('ring', {'size': size})).epoch_at(facts['symbols'])
