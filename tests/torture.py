"""How much the tests of durability try: some cases in ./check, every case in ./check --torture, counted either way."""

from __future__ import annotations

import os

TORTURE = bool(os.environ.get('CHARRNN_TORTURE'))

COUNTS: dict[str, int] = {}
"""How many cases of each kind were tried and held; printed when the tests end."""


def count(what: str) -> None:
    """One more case of that kind has held."""
    COUNTS[what] = COUNTS.get(what, 0) + 1
