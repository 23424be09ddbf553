"""Text whose parts are coloured by a number each: colours on a terminal and in a notebook, a table anywhere else.

A scale sets the ground and the ink of each part, so a text reads the same on a light and on a dark screen.  Its
colours differ in lightness first, which every kind of colour vision sees.

Sources: Nuñez, Anderton & Renslow 2018, doi:10.1371/journal.pone.0199239 (cividis); Okabe & Ito 2008 (blue, orange).
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import Text, fitting, printable, shorten

if TYPE_CHECKING:
    from rich.color import ColorSystem

Colour = tuple[int, int, int]
"""Red, green and blue, 0 … 255."""

CIVIDIS: Sequence[Colour] = ((0, 34, 78), (65, 77, 107), (124, 123, 120), (188, 175, 111), (254, 232, 56))
"""From little to much."""
BLUE_ORANGE: Sequence[Colour] = ((86, 180, 233), (32, 32, 32), (230, 159, 0))
"""From negative to positive; dark at zero."""
STEPS = 24
"""The number of colours of a scale, less one: neighbours of one colour make one piece of output."""
SHOWN_PARTS = 2000
"""Coloured parts that are shown of a long text."""
AROUND = 20
"""Characters of the text that are shown on either side of a place."""


@dataclass(frozen=True)
class Scale:
    """The colours of a range of numbers; a number outside of it has the colour of the nearer end.

    Parameters
    ----------
    low, high : float
    colours : sequence of Colour     at equal distances from low to high
    unit : str                       of the numbers; empty: the scale is not explained below the text
    """

    low: float
    high: float
    colours: Sequence[Colour]
    unit: str = ''

    def step(self, value: float) -> int:
        """Return the number of a value's colour, 0 … STEPS."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 1.0
        return round(STEPS * min(1.0, max(0.0, share)))

    def ground(self, step: int) -> Colour:
        """Return the colour of a step, behind the text."""
        place = step / STEPS * (len(self.colours) - 1)
        before = min(int(place), len(self.colours) - 2)
        pairs = zip(self.colours[before], self.colours[before + 1], strict=True)
        red, green, blue = (round(a + (b - a) * (place - before)) for a, b in pairs)
        return red, green, blue


def ink(ground: Colour) -> Colour:
    """Return black or white: the one that has more contrast to a ground.

    >>> ink((254, 232, 56)), ink((0, 34, 78))
    ((0, 0, 0), (255, 255, 255))
    """
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in (part / 255 for part in ground)]
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))  # WCAG 2
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)


@dataclass(frozen=True, eq=False)
class ColouredText:
    """A text, and a number for each of its parts.

    Parameters
    ----------
    text : str
    places : (N, 2) ints     begin and end of each part in the text, ascending; the rest of the text has no colour
    values : (N,) floats     nan: no colour
    scale : Scale
    noun : str               of the parts that are left out at the end of a long text
    """

    text: str
    places: NDArray[np.int64]
    values: NDArray[np.float64]
    scale: Scale
    noun: str = 'characters'

    def parts(self) -> Iterator[tuple[str, float]]:
        """Yield the text in pieces, each with its number; nan for a piece without colour."""
        text, end = Text(self.text), 0
        for (start, stop), value in zip(self.places.tolist(), self.values.tolist(), strict=True):
            if start > end:
                yield text[end:start], math.nan
            yield text[start:stop], value
            end = stop
        if end < len(text):
            yield text[end:], math.nan

    def terminal(self, system: ColorSystem) -> str:
        """Return the text with the escape sequences of a terminal, and the scale below it."""
        lines = [self._shown(), *([self._legend()] if self.scale.unit else [])]
        return '\n'.join(_terminal(parts, self.scale, system) for parts in lines)

    def html(self) -> str:
        """Return the text as HTML, and the scale below it; the text is escaped, a number is shown when pointed at."""
        style = 'white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5'
        shown = f'<pre style="{style}">{_html(self._shown(), self.scale)}</pre>'
        return shown + (f'<pre>{_html(self._legend(), self.scale)}</pre>' if self.scale.unit else '')

    def _shown(self) -> Iterator[tuple[str, float]]:
        left_out = len(self.values) - SHOWN_PARTS
        if left_out <= 0:
            return self.parts()
        end = int(self.places[SHOWN_PARTS - 1, 1])
        first = ColouredText(self.text[:end], self.places[:SHOWN_PARTS], self.values[:SHOWN_PARTS], self.scale)
        return iter([*first.parts(), (f' … {left_out:,} more {self.noun}', math.nan)])

    def _legend(self) -> Iterator[tuple[str, float]]:
        """Yield the scale as a text of its own colours."""
        low, high = self.scale.low, self.scale.high
        yield f'{self.scale.unit} ', math.nan
        for step in range(5):
            value = low + (high - low) * step / 4
            more = ' or more' if step == 4 and len(self.values) and np.nanmax(self.values) > high else ''
            yield f' {value:.2g}{more} ', value


def _terminal(parts: Iterable[tuple[str, float]], scale: Scale, system: ColorSystem) -> str:
    from rich.color import Color

    written = []
    for piece, step in _joined(parts, scale):
        shown = fitting(piece)
        if step is not None:
            ground = scale.ground(step)
            codes: list[str] = []
            for colour, in_front in ((ink(ground), True), (ground, False)):
                codes += Color.from_rgb(*colour).downgrade(system).get_ansi_codes(foreground=in_front)
            begin = f'\x1b[{";".join(codes)}m'
            # The colour ends with each line, because some terminals paint on to their edge.
            shown = '\n'.join(f'{begin}{line}\x1b[0m' if line else '' for line in shown.split('\n'))
        written.append(shown)
    return ''.join(written)


def _joined(parts: Iterable[tuple[str, float]], scale: Scale) -> Iterator[tuple[str, int | None]]:
    """Yield printable pieces with the step of their colour, neighbours of one colour as one piece."""
    waiting, present = list[str](), None
    for piece, value in parts:
        step = None if math.isnan(value) else scale.step(value)
        if step != present and waiting:
            yield ''.join(waiting), present
            waiting = []
        present = step
        waiting.append(visible(piece) if step is not None else printable(piece))
    yield ''.join(waiting), present


def visible(piece: str) -> str:
    """Return a coloured piece as it is shown: printable, with a space before a line break, so that its colour is seen.

    >>> visible('a'), visible('\\n'), visible('\\x1b')
    ('a', ' \\n', '\\\\x1b')
    """
    return printable(piece).replace('\n', ' \n')


def _html(parts: Iterable[tuple[str, float]], scale: Scale) -> str:
    return ''.join(_span(piece, value, scale) for piece, value in parts)


def _span(piece: str, value: float, scale: Scale) -> str:
    if math.isnan(value):
        return html.escape(printable(piece))
    ground = scale.ground(scale.step(value))
    colours = f'background:#{bytes(ground).hex()};color:#{bytes(ink(ground)).hex()}'
    number = f' title="{value:.3g} {html.escape(scale.unit)}"' if scale.unit else ''
    return f'<span style="{colours}"{number}>{html.escape(visible(piece))}</span>'


def colours_of_stdout() -> ColorSystem | None:
    """Return the colours that sys.stdout shows, as rich finds them; None for a pipe, NO_COLOR, a notebook, ..."""
    from rich.console import COLOR_SYSTEMS, Console

    try:
        console = Console(force_jupyter=False)
        shows = console.is_terminal and not console.no_color and not console.legacy_windows
        return COLOR_SYSTEMS.get(console.color_system or '') if shows else None
    except Exception:  # an odd or a closed sys.stdout, which no repr may fail for
        return None


def first_of_each(places: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the number of the first symbol of each part of a text: bytes of one character share a part.

    >>> first_of_each(np.array([[0, 1], [1, 2], [1, 2], [2, 3]])).tolist()
    [0, 1, 3]
    """
    return np.flatnonzero(np.diff(places[:, 0], prepend=-1))


def in_context(text: str, place: Sequence[int]) -> tuple[str, str, str]:
    """Return a part of a text between the texts before and after it, each cut to AROUND characters.

    >>> in_context('the quick brown fox', (4, 9))
    ('the ', "'quick'", ' brown fox')
    """
    start, end = place
    text = Text(text)
    return text[max(0, start - AROUND) : start], shorten(repr(text[start:end]), 2 * AROUND), text[end : end + AROUND]


CONTEXT = (Column('before', align='>'), Column(''), Column('after'))
"""The columns of ``in_context``."""


class Coloured(Tabular):
    """A value that is shown as a coloured text above its totals; without colours, as its totals and a table."""

    __slots__ = ()

    def coloured(self) -> ColouredText:
        """Return the text with its colours."""
        raise NotImplementedError

    def below(self) -> Table:
        """Return what a terminal shows below the text: the lines before the rows of the table."""
        return Table((), (), before=self.table().before)

    def __repr__(self) -> str:
        system = colours_of_stdout()
        return f'{self.coloured().terminal(system)}\n{self.below()}' if system else str(self.table())

    def _repr_html_(self) -> str:
        return self.coloured().html() + self.table().html()


def places_table(coloured: ColouredText, order: Iterable[int], column: Column, totals: str, after: str = '') -> Table:
    """Return totals, and a table of some parts of a text in an order, each with its number and what is around it."""
    rows: list[tuple[Any, ...]] = [
        (coloured.values[i], int(coloured.places[i, 0]), *in_context(coloured.text, coloured.places[i].tolist()))
        for i in order
    ]
    return Table((column, Column('offset', ',', '>'), *CONTEXT), rows, before=totals, after=after)
