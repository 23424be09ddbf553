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
