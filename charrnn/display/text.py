"""Text that is safe to print on a terminal, and numbers in a short form."""

from __future__ import annotations

import math
from collections.abc import Sequence

from charrnn.errors import printable as printable

BARS = '▁▂▃▄▅▆▇█'
NOUNS = {'char': 'characters', 'byte': 'bytes', 'word': 'words'}
"""The plural of each level, for messages."""


LEAST_SPAN = 0.25
"""The smallest range of losses that a sparkline spreads over all heights, as a share of the highest loss."""


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """Return all finite values as a row of at most `width` bars, the lowest value as the lowest bar.

    Longer courses are thinned evenly, first and last value included.  One scale holds for the whole course, and a
    range below LEAST_SPAN does not fill it, so that noise stays flat.

    >>> sparkline([3, 2, 1.5, 1.2]), sparkline([1.50, 1.52, 1.51])
    ('█▄▂▁', '▁▁▁')
    """
    values = [v for v in values if math.isfinite(v)]
    if not values:
        return ''
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (max(high - low, LEAST_SPAN * high) or 1)
    places = [round(i * (len(values) - 1) / (width - 1)) for i in range(width)] if len(values) > width else None
    shown = [values[place] for place in places] if places else values
    return ''.join(BARS[round((v - low) * scale)] for v in shown)


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


def number(nats: float) -> str:
    """Return a loss in a few characters, however large.

    >>> number(2.2049), number(179_551_326.4), number(1.5e300)
    ('2.20', '179,551,326', '1.5e+300')
    """
    return f'{nats:.2f}' if nats < 1000 else f'{nats:,.0f}' if nats < 1e12 else f'{nats:.3g}'


def shorten(text: str, width: int) -> str:
    """Return `text`, cut in the middle to at most `width` characters."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f'{text[: width - 1 - tail]}…{text[len(text) - tail :]}'
