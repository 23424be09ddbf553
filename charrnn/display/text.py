"""Text that is safe to print on a terminal, and numbers in a short form."""

from __future__ import annotations

import math
from collections.abc import Sequence

from charrnn.errors import printable as printable
from charrnn.errors import shorten as shorten

BARS = '▁▂▃▄▅▆▇█'
NOUNS = {'char': 'characters', 'byte': 'bytes', 'word': 'words'}
"""The plural of each level, for messages."""


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """Return the last `width` finite values as a row of bars, the lowest value as the lowest bar.

    >>> sparkline([3, 2, 1.5, 1.2])
    '█▄▂▁'
    """
    values = [v for v in values if math.isfinite(v)][-width:]
    if not values:
        return ''
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0
    return ''.join(BARS[int((v - low) * scale)] for v in values)


def count(number: float) -> str:
    """Return a count in short form: 215k, 3.2M.

    >>> count(950), count(215_402), count(3_210_000)
    ('950', '215k', '3.2M')
    """
    if number < 999.5:
        return f'{number:.0f}'
    if number < 999.5e3:
        return f'{number / 1e3:.0f}k'
    return f'{number / 1e6:.1f}M'
