"""The parts of texts that stand word for word in the training text: the verb copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import whole
from charrnn.display.colours import CIVIDIS, Coloured, ColouredText, Scale, first_of_each
from charrnn.display.progress import Screen
from charrnn.display.tables import Column, Several, Table, Tabular
from charrnn.display.text import NOUNS, fitted, shorten
from charrnn.session.given import Given, given_list, given_text
from charrnn.session.prime import newline_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.text.matches import (
    BLOCK,
    SEPARATOR,
    Span,
    blocks,
    common_lines,
    common_spans,
    gram_and_step,
    outermost,
)
from charrnn.text.vocabulary import Indices

ATLEAST = 20
"""The smallest length of a span that is no whole line, if none is given."""
SHOWN_SPANS = 20
"""Spans in the table, the longest."""
SHORT = 5
"""The smallest length of a span that is suggested for a short text."""
SHOWN_TEXTS = 50
"""Texts in the table of several."""


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
    atleast : int                 the smallest length of a span that is no whole line
    level : str                   'char', 'byte' or 'word'
    places : (symbols, 2) int64   begin and end of each symbol in the text, in characters
    files : tuple of str          of a training text in several files: the file of each span, and the offset in it
    """

    text: str
    spans: tuple[Span, ...]
    share: float
    symbols: int
    atleast: int
    level: str
    places: NDArray[np.int64]
    files: tuple[str, ...] = ()

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
            before = f'no {self.atleast:,} {noun} in a row, and no whole line, stand in the training text'
            if self.symbols < self.atleast:
                before += (
                    f'\nthe text has {self.symbols:,} only: atleast={min(self.symbols, SHORT)} finds shorter spans'
                )
            return Table((), (), before=before)
        number = f'{len(self.spans):,} span{"s" if len(self.spans) > 1 else ""}'
        before = (
            f'{100 * self.share:.1f} % of {self.symbols:,} {noun} stand in the training text, '
            f'in {number} of {self.atleast:,} or more, or of whole lines'
        )
        longest = sorted(self.spans, key=lambda span: span.start - span.end)[:SHOWN_SPANS]
        rows = [(s.end - s.start, s.start, self._place(s), self._spelled(s.start, s.end)) for s in longest]
        columns = (Column(noun, ',', '>'), Column('start', ',', '>'), Column('in training', align='>'), Column('text'))
        more = len(self.spans) - len(rows)
        return Table(columns, rows, before=before, after=f'… {more:,} shorter spans: .spans has all' if more else '')

    def _place(self, span: Span) -> str:
        """Return where a span stands in the training text: the file and the offset in it, if there are several."""
        return self.files[self.spans.index(span)] if self.files else f'{span.offset:,}'

    def _spelled(self, start: int, end: int) -> str:
        return shorten(repr(self.text[self.places[start, 0] : self.places[end - 1, 1]]), 50)


class Copies(Several, Tabular, tuple[Copied, ...]):
    """The copied parts of each of several texts, in the order in which these were given, shown as a table."""

    __slots__ = ()

    def table(self) -> Table:
        """Return a row for each of the first texts: its share, and where its longest span stands."""
        whole, none = (sum(one.share == share for one in self) for share in (1, 0))
        before = f'{whole:,} of {len(self):,} texts stand in the training text as a whole, {none:,} not at all'
        rows = [(n, 100 * one.share, first_place(one), shorten(one.text, 50)) for n, one in enumerate(self, 1)]
        columns = (Column('no.', ',', '>'), Column('share %', '.1f', '>'), Column('in training', ',', '>'))
        more = f'… {len(self) - SHOWN_TEXTS:,} more\n' if len(self) > SHOWN_TEXTS else ''
        after = f'{more}[0] shows the spans of text 1; [one.share for one in _] has all shares'
        return Table((*columns, Column('text')), rows[:SHOWN_TEXTS], before=before, after=after)


def first_place(found: Copied) -> int | None:
    """Return where the longest span stands in the training text; None without one."""
    return max(found.spans, key=lambda span: span.end - span.start).offset if found.spans else None


def inside(spans: Sequence[Span], size: int) -> NDArray[np.bool_]:
    """Return for each symbol of a text if it is in one of the spans, (size,)."""
    found = np.zeros(size, np.bool_)
    for span in spans:
        found[span.start : span.end] = True
    return found


def spans_of(
    given: Sequence[Given], training: Indices, newline: int | None, atleast: int, screen: Screen
) -> list[tuple[Span, ...]]:
    """Return the spans of each text that stand in the training text, which is read once for all of them.

    Parameters
    ----------
    newline : int or None    the symbol that is a line break
    atleast : int            the smallest length of a span that is no whole line
    """
    parts: list[NDArray[np.int64]] = []
    for one in given:
        parts += [comparable(one), np.array([SEPARATOR])]
    text = np.concatenate(parts)
    with screen.bar('reading the training text', blocks(len(training), atleast), BLOCK * gram_and_step(atleast)[1]):
        found = common_spans(text, training, atleast, screen.advance)
    if newline is not None:
        found = outermost([*found, *common_lines(text, training, newline, atleast - 1)])
    begins = np.cumsum([0, *(len(one.ids) + 1 for one in given)])
    spans: list[list[Span]] = [[] for _ in given]
    for start, end, offset in found:
        k = int(np.searchsorted(begins, start, 'right')) - 1
        first = int(begins[k])
        spans[k].append(Span(start - first, end - first, offset))
    return list(map(tuple, spans))


def share_of(spans: Sequence[Span], symbols: int) -> float:
    """Return the share of a text's symbols that are in its spans."""
    return float(inside(spans, symbols).mean())


@overload  # a str is an Iterable as well; the first line that fits counts
def copied(ms: Session, text: str | bytes, atleast: int = ATLEAST) -> Copied: ...  # type: ignore[overload-overlap]
@overload
def copied(ms: Session, text: Iterable[str] | Iterable[bytes], atleast: int = ATLEAST) -> Copies: ...
@known_names_only
def copied(ms: Session, text: Any, atleast: int = ATLEAST) -> Copied | Copies:
    """Find what a text copies from the training text.

    The result has .spans, the longest ones possible (start and end in the
    text, offset of their first occurrence in the training text, all in
    symbols), and .share, the share of the text's symbols in them. A line
    that is a whole line of the training text is a span, however short. The
    prompt shows the text with these spans coloured. A list of texts, such
    as generatestring(n=20) returns, gives a table with a row for each. The
    training text is read once; a text of any size fits.

    Parameters
    ----------
    text : str       such as a generated one, or a list of them; a model of
                     bytes also takes bytes. A symbol that the model does
                     not know ends a span. Words are compared without the
                     spaces between
    atleast : int    the smallest length of a span that is no whole line,
                     in symbols

    Raises SamplingError (no text), HyperParamsError.
    """
    run = run_of(ms)
    atleast = whole(1)('atleast', atleast, ATLEAST)
    if isinstance(text, str | bytes) or not isinstance(text, Iterable):
        return _copied(run, [given_text(run, text, 'replace', 'ms.copied({})')], atleast)[0]
    return Copies(_copied(run, given_list(run, text, 'replace', 'ms.copied([{}])'), atleast))


def _copied(run: Run, given: Sequence[Given], atleast: int) -> list[Copied]:
    level = run.data.chars.level
    found = spans_of(given, run.data.train, newline_of(run), atleast, Screen(level=level))
    return [
        Copied(
            one.text,
            spans,
            share_of(spans, len(one.ids)),
            len(one.ids),
            atleast,
            level,
            one.places,
            tuple(filter(None, (run.data.file_at(span.offset) for span in spans))),
        )
        for one, spans in zip(given, found, strict=True)
    ]


def comparable(given: Given) -> NDArray[np.int64]:
    """Return the indices of a text, with -1 for a symbol that is not the one that its index stands for."""
    chars, unknown = given.chars, given.ids == 0
    if unknown.any():
        spelled = np.array([symbol != chars.decode([0]) for symbol in given.symbols])
        unknown &= spelled | (chars.silent is not None)
    return np.where(unknown, -1, given.ids)
