"""The number of cases that the durability tests try: a sample in ./check, all of them in ./check --torture."""

from __future__ import annotations

import os

TORTURE = bool(os.environ.get('CHARRNN_TORTURE'))

COUNTS: dict[str, int] = {}
"""The number of cases of each kind that were tried and held; printed when the tests end."""


def count(what: str, cases: int = 1) -> None:
    """Count more cases of a kind that were tried and held."""
    COUNTS[what] = COUNTS.get(what, 0) + cases
