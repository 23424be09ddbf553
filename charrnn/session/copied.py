"""The parts of a text that stand word for word in the training text: the verb copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import whole
from charrnn.display.colours import CIVIDIS, Coloured, ColouredText, Scale, first_of_each
from charrnn.display.progress import Screen
from charrnn.display.tables import Column, Table
from charrnn.display.text import NOUNS, fitted, shorten
from charrnn.session.given import Given, given_text
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only
from charrnn.text.matches import BLOCK, Span, blocks, common_spans, gram_and_step

SHOWN_SPANS = 20
"""Spans in the table, the longest."""


@fitted
@dataclass(frozen=True, eq=False, repr=False)
class Copied(Coloured):
    """The parts of a text that stand in the training text.

    Parameters
    ----------
    text : str
    spans : tuple of Span(start, end, offset)     in order; numbers of symbols: of the text, and of the place in the
                                                  training text where the span stands first
    share : float                 symbols inside spans / symbols of the text
    symbols : int                 symbols of the text: characters, bytes or words
    atleast : int                 the smallest length of a span
    level : str                   'char', 'byte' or 'word'
    places : (symbols, 2) int64   begin and end of each symbol in the text, in characters
    """

    text: str
    spans: tuple[Span, ...]
    share: float
    symbols: int
    atleast: int
    level: str
    places: NDArray[np.int64]

    def coloured(self) -> ColouredText:
        """Return the text with a colour for each symbol inside a span."""
        first = first_of_each(self.places)
        marked = np.maximum.reduceat(inside(self.spans, self.symbols), first)
        values = np.where(marked, 1.0, np.nan)
        return ColouredText(self.text, self.places[first], values, Scale(0, 1, CIVIDIS), NOUNS[self.level])

    def below(self) -> Table:
        """Return the whole table: the offsets are not in the text."""
        return self.table()

    def table(self) -> Table:
        """Return a row for each of the longest spans."""
        noun = NOUNS[self.level]
        if not self.spans:
            too_short = f': the text has {self.symbols:,} only' if self.symbols < self.atleast else ''
            return Table((), (), before=f'no {self.atleast:,} {noun} in a row stand in the training text{too_short}')
        number = f'{len(self.spans):,} span{"s" if len(self.spans) > 1 else ""}'
        before = (
            f'{100 * self.share:.1f} % of {self.symbols:,} {noun} stand in the training text, '
            f'in {number} of {self.atleast:,} or more'
        )
        longest = sorted(self.spans, key=lambda span: span.start - span.end)[:SHOWN_SPANS]
        rows = [(end - start, start, offset, self._spelled(start, end)) for start, end, offset in longest]
        columns = (Column(noun, ',', '>'), Column('start', ',', '>'), Column('in training', ',', '>'), Column('text'))
        more = len(self.spans) - len(rows)
        return Table(columns, rows, before=before, after=f'… {more:,} shorter spans: .spans has all' if more else '')

    def _spelled(self, start: int, end: int) -> str:
        return shorten(repr(self.text[self.places[start, 0] : self.places[end - 1, 1]]), 50)


def inside(spans: tuple[Span, ...], size: int) -> NDArray[np.bool_]:
    """Return for each symbol of a text if it is in one of the spans, (size,)."""
    found = np.zeros(size, np.bool_)
    for span in spans:
        found[span.start : span.end] = True
    return found


@known_names_only
def copied(ms: Session, text: str | bytes, atleast: int = 20) -> Copied:
    """Find what a text copies from the training text.

    The result has .spans, the longest ones possible (start and end in the
    text, offset of their first occurrence in the training text, all in
    symbols), and .share, the share of the text's symbols in them. The
    prompt shows the text with these spans coloured. The training text is
    read once; a text of any size fits.

    Parameters
    ----------
    text : str       such as a generated one; a model of bytes also takes
                     bytes. A symbol that the model does not know ends a
                     span. Words are compared without the spaces between
    atleast : int    the smallest length of a span, in symbols

    Raises SamplingError (no text), HyperParamsError.
    """
    run = run_of(ms)
    atleast = whole(1)('atleast', atleast, 20)
    given = given_text(run, text, 'replace', 'ms.copied({})')
    training, screen = run.data.train, Screen(level=run.data.chars.level)
    with screen.bar('reading the training text', blocks(len(training), atleast), BLOCK * gram_and_step(atleast)[1]):
        spans = tuple(common_spans(comparable(given), training, atleast, screen.advance))
    share = float(inside(spans, len(given.ids)).mean())
    return Copied(given.text, spans, share, len(given.ids), atleast, run.data.chars.level, given.places)


def comparable(given: Given) -> NDArray[np.int64]:
    """Return the indices of a text, with -1 for a symbol that is not the one that its index stands for."""
    chars, unknown = given.chars, given.ids == 0
    if unknown.any():
        spelled = np.array([symbol != chars.decode([0]) for symbol in given.symbols])
        unknown &= spelled | (chars.silent is not None)
    return np.where(unknown, -1, given.ids)
