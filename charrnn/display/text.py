"""Text that is safe to print on a terminal, and numbers in a short form."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Self

from charrnn.errors import fitted as fitted
from charrnn.errors import fitting as fitting
from charrnn.errors import printable as printable
from charrnn.errors import shorten as shorten

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


def number(nats: float, places: int = 2) -> str:
    """Return a loss in a few characters, however large.

    >>> number(2.2049), number(2.2049, 3), number(179_551_326.4), number(1.5e300)
    ('2.20', '2.205', '179,551,326', '1.5e+300')
    """
    return f'{nats:.{places}f}' if nats < 1000 else f'{nats:,.0f}' if nats < 1e12 else f'{nats:.3g}'


_SURROGATES = re.compile('[\ud800-\udfff]')


class Text(str):
    """A text of a run as a plain str, which every encoding of Unicode can write, and every screen can show.

    A lone surrogate is replaced by U+FFFD. The repr, ``str(text)`` and so ``print(text)`` have substitutes for
    characters that the encoding of sys.stdout lacks. Everywhere else the text is exact: written to a file, joined,
    formatted in an f-string, encoded, in JSON.
    """

    __slots__ = ()

    def __new__(cls, text: str = '') -> Self:
        return super().__new__(cls, _SURROGATES.sub('\ufffd', text))

    def __repr__(self) -> str:
        return fitting(super().__repr__())

    def __str__(self) -> str:
        return fitting(super().__str__())

    def __format__(self, form: str) -> str:
        return format(super().__str__(), form)
