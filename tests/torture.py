"""The number of cases that the durability tests try: a sample in ./check, all of them in ./check --torture."""

from __future__ import annotations

import os

TORTURE = bool(os.environ.get('CHARRNN_TORTURE'))

COUNTS: dict[str, int] = {}
"""The number of cases of each kind that were tried and held; printed when the tests end."""


def count(what: str) -> None:
    """Count one more case of a kind that was tried and held."""
    COUNTS[what] = COUNTS.get(what, 0) + 1
