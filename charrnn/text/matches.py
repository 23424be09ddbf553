"""Searches of a training text: the longest spans that a text shares with it, whole lines, and the places of one gram.

``common_spans`` and ``common_lines`` stream the training text once; ``places_of`` is quick enough to be asked while a
text is drawn.

    training text   │.........│.........│.........│.........│      anchors: one gram of W symbols at every S-th place
                                  └───── W ─────┘
    text                     ....├═══════════════════════┤....     a match of `least` symbols or more

With S = least - W + 1, every match of at least `least` symbols covers a whole gram at some anchor.  So the grams at the
anchors are looked up in the set of all grams of the text.  A hash finds candidates; each is then compared symbol by
symbol, to the left for fewer than S symbols (one that reaches further belongs to the anchor before) and to the right.
A candidate that cannot be longer than what is known at its place is dropped after one comparison, so texts that repeat
themselves cost no more.

The memory is that of the text and of one block of the training text.

Source: Karp & Rabin 1987 (hashes of grams); the anchors are those of rsync (Tridgell 1999), on the longer text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from charrnn.text.vocabulary import Indices

BLOCK = 2**17
"""Anchors that are hashed at once; their hashes take 1 MB, which stays in the cache of a core."""
LONGEST_GRAM = 32
"""Symbols of a gram, at most: longer ones are no rarer."""
PAIRS = 2**18
"""Candidates that are compared at once."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""An odd number with bits in no order: 2^64 divided by the golden ratio."""

SEPARATOR = -2
"""The symbol between two texts that are searched for together: it matches nothing, and ends a line."""
LINE_BLOCK = 2**16
"""Symbols in which lines are looked for at once; what is computed of them stays in the cache of a core."""

PIECE = 2**20
"""Symbols of the training text in which one gram is sought at once."""

Ints = NDArray[np.int64]


class Span(NamedTuple):
    """A part of a text that stands in the training text, as numbers of symbols.

    Parameters
    ----------
    start, end : int    in the text
    offset : int        of its first occurrence in the training text
    """

    start: int
    end: int
    offset: int


def common_spans(
    text: Ints, training: Indices, least: int, each_block: Callable[[], object] = lambda: None
) -> list[Span]:
    """Return the spans of a text, of at least `least` symbols, that stand in the training text; none is within another.

    Parameters
    ----------
    text : (N,) int64            a symbol that the vocabulary lacks as a negative number: it matches nothing
    training : (n,) indices      may be a memory map
    each_block : callable        called before every block of ``blocks(n, least)``
    """
    finder = _Finder(text, training, least)
    for anchors in _blocks(len(training), least):
        each_block()
        for pairs in finder.candidates(anchors):
            finder.compare(*pairs)
    return finder.spans()


def common_lines(text: Ints, training: Indices, newline: int, longest: int) -> list[Span]:
    """Return the lines of a text that are whole lines of the training text too, each at its first place there.

    A line ends at a line break, at the end of a text and at a SEPARATOR; a break that both have belongs to the span.

    Parameters
    ----------
    text, training    as for ``common_spans``
    newline : int     the symbol that is a line break
    longest : int     symbols of a line, at most; longer ones are passed over, as empty ones are
    """
    text = text.astype(np.int64)
    cuts = np.flatnonzero((text == newline) | (text == SEPARATOR))
    begins, ends = np.append(0, cuts + 1), np.append(cuts, len(text))
    foreign = np.append(0, np.cumsum(text < 0))
    kept = (begins < ends) & (ends - begins <= longest) & (foreign[ends] == foreign[begins])
    begins, ends = begins[kept], ends[kept]
    if not len(begins):
        return []
    dtype, longest = training.dtype, int((ends - begins).max())
    ours = np.where(text < 0, 0, text).astype(dtype)
    sought: dict[bytes, list[tuple[int, int]]] = {}
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        sought.setdefault(ours[begin:end].tobytes(), []).append((begin, end))
    table, shift = _table_of(_keys(ours, begins, ends))
    lengths = np.zeros(longest + 2, np.bool_)
    lengths[ends - begins] = True
    size, found = max(LINE_BLOCK, longest), list[Span]()
    for start in range(0, len(training), size):
        origin, stop = max(0, start - 1), start + size + longest + 1
        piece = np.asarray(training[origin:stop])
        cuts = np.flatnonzero(piece == newline)
        before, after = [-1] if start == 0 else [], [len(piece)] if stop >= len(training) else []
        cuts = np.concatenate([before, cuts, after]).astype(np.int64)
        begins, ends = cuts[:-1] + 1, cuts[1:]
        kept = lengths[np.minimum(ends - begins, longest + 1)]
        begins, ends = begins[kept], ends[kept]
        hashed = _keys(piece, begins, ends)
        maybe = np.flatnonzero(table[hashed >> shift])
        for begin, end in zip(begins[maybe].tolist(), ends[maybe].tolist(), strict=True):
            for first, last in sought.pop(piece[begin:end].tobytes(), []):
                both = last < len(text) and text[last] == newline and origin + end < len(training)
                found.append(Span(first, last + both, origin + begin))
        if not sought:
            break
        if len(maybe):  # the lines that come again are not looked for again
            rest = [np.frombuffer(line, dtype) for line in sought]
            ends = np.cumsum([len(line) for line in rest])
            table, shift = _table_of(_keys(np.concatenate(rest), np.append(0, ends[:-1]), ends))
    return outermost(found)


def _keys(symbols: Indices, begins: Ints, ends: Ints) -> NDArray[np.uint64]:
    """Return a number for each part of an array: of its first and last 8 bytes, and of its length."""
    width = symbols.itemsize
    data = bytes(8) + symbols.tobytes() + bytes(8)
    eights = np.ndarray((len(data) - 7,), '<u8', data, strides=(1,))  # the 8 bytes from each byte on
    size = (ends - begins) * width
    first: NDArray[np.uint64] = eights[8 + begins * width]
    last: NDArray[np.uint64] = eights[ends * width]
    first <<= (8 * np.maximum(0, 8 - size)).astype(np.uint64)  # bytes of the next line
    last[size < 8] = 0
    found: NDArray[np.uint64] = ((first * MULTIPLIER + last) * MULTIPLIER + size.astype(np.uint64)) * MULTIPLIER
    return found


def _table_of(keys: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], np.uint64]:
    """Return a table that is True at the upper bits of each key, and the shift to these bits."""
    bits = max(14, int(16 * len(keys)).bit_length())
    shift = np.uint64(64 - bits)
    table = np.zeros(1 << bits, np.bool_)
    table[keys >> shift] = True
    return table, shift


def outermost(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, without those that another one holds."""
    kept, end = list[Span](), 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.end > end:
            kept.append(span)
            end = span.end
    return kept


def blocks(size: int, least: int) -> int:
    """Return the number of blocks in which a training text of that size is read."""
    return len(_blocks(size, least))


def gram_and_step(least: int) -> tuple[int, int]:
    """Return W and S, so that a match of `least` symbols covers a gram; S <= W, so that no symbol is skipped.

    >>> gram_and_step(20), gram_and_step(1), gram_and_step(1000)
    ((11, 10), (1, 1), (32, 32))
    """
    gram = min((least + 2) // 2, LONGEST_GRAM)
    return gram, min(least - gram + 1, gram)


def _blocks(size: int, least: int) -> list[range]:
    """Return the places of the anchors, in blocks."""
    gram, step = gram_and_step(least)
    anchors = range(0, size - gram + 1, step)
    return [anchors[first : first + BLOCK] for first in range(0, len(anchors), BLOCK)]


def hashes(grams: NDArray[np.unsignedinteger]) -> NDArray[np.uint64]:
    """Return a hash of each gram, for grams (N, W)."""
    found = grams[:, 0].astype(np.uint64)
    for column in grams.T[1:]:
        found *= MULTIPLIER
        found += column
    found *= MULTIPLIER  # the upper bits depend on every symbol now
    return found


def places_of(gram: Sequence[int], training: Indices) -> Ints:
    """Return every place of the training text where a gram begins.

    >>> places_of((1, 1), np.array([1, 1, 1, 0, 1], np.uint8)).tolist()
    [0, 1]
    """
    sought, width, found = np.array(gram, training.dtype).tobytes(), training.itemsize, []
    for start in range(0, len(training), PIECE):
        piece = training[start : start + PIECE + len(gram) - 1].tobytes()
        place = piece.find(sought)
        while place >= 0:
            if place % width == 0:
                found.append(start + place // width)
            place = piece.find(sought, place + 1)
    return np.array(found, np.int64)


class _Finder:
    """The grams of a text, and the longest matches that are known so far."""

    def __init__(self, text: Ints, training: Indices, least: int) -> None:
        self.text, self.training, self.least = text, training, least
        self.gram, self.step = gram_and_step(least)
        self.reach = np.arange(len(text))  # the end of the longest match that begins here or before
        self.found: list[Span] = []
        places = np.arange(len(text) - self.gram + 1) if len(text) >= least else np.arange(0)
        keys = hashes(sliding_window_view(text.astype(np.uint64), self.gram)) if len(places) else np.zeros(0, np.uint64)
        foreign = np.concatenate([[0], np.cumsum(text < 0)])
        known = places[foreign[places + self.gram] == foreign[places]] if len(places) else places
        order = np.lexsort((-known, keys[known]))  # equal grams side by side, the last first
        self.places = known[order]
        self.keys, self.first, self.count = np.unique(keys[self.places], return_index=True, return_counts=True)
        self.table, self.shift = _table_of(self.keys)

    def candidates(self, anchors: range) -> Iterator[tuple[Ints, Ints]]:
        """Yield pairs of places, in the training text and in the text, where equal hashes begin, in order."""
        if not len(self.keys):
            return
        piece = np.asarray(self.training[anchors.start : anchors[-1] + self.gram])
        keys = hashes(sliding_window_view(piece, self.gram)[:: self.step])
        maybe = np.flatnonzero(self.table[keys >> self.shift])
        group = np.searchsorted(self.keys, keys[maybe])
        group[group == len(self.keys)] = 0
        equal = self.keys[group] == keys[maybe]
        maybe, group = maybe[equal], group[equal]
        counts = self.count[group]
        ends = np.cumsum(counts)
        first = 0
        while first < len(maybe):
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + PAIRS, 'right')))
            of = np.repeat(np.arange(first, last), counts[first:last])
            within = np.arange(len(of)) - (ends[of] - counts[of] - before)
            yield anchors.start + self.step * maybe[of], self.places[self.first[group[of]] + within]
            first = last

    def compare(self, there: Ints, here: Ints) -> None:
        """Keep each pair of places that begins a match longer than those known."""
        text, training, N, n = self.text, self.training, len(self.text), len(self.training)
        # The match begins fewer than S symbols before the gram, so it has to go beyond this place to be new.
        beyond = self.reach[np.maximum(here - self.step + 1, 0)]
        kept = beyond < N
        there, here, beyond = there[kept], here[kept], beyond[kept]
        ahead = np.maximum(beyond - here, 0)
        kept = there + ahead < n
        there, here, ahead = there[kept], here[kept], ahead[kept]
        kept = text[here + ahead] == training[there + ahead]
        there, here = there[kept], here[kept]
        # To the left, until a symbol differs or a text begins; what goes on for S symbols belongs to another anchor.
        starts = np.zeros(len(here), np.int64)
        active = np.arange(len(here))
        for back in range(1, self.step + 1):
            inside = active[(here[active] >= back) & (there[active] >= back)]
            active = inside[text[here[inside] - back] == training[there[inside] - back]]
            starts[active] = back
        kept = starts < self.step
        there, here = (there - starts)[kept], (here - starts)[kept]
        kept = (here + self.least <= N) & (there + self.least <= n)
        there, here = there[kept], here[kept]
        for ahead_of in range(self.least):
            equal = text[here + ahead_of] == training[there + ahead_of]
            there, here = there[equal], here[equal]
        for offset, start in zip(there.tolist(), here.tolist(), strict=True):
            self._extend(offset, start)

    def _extend(self, offset: int, start: int) -> None:
        """Find the end of a match, and keep the match if it is longer than those known."""
        reach = int(self.reach[start])
        last = offset + reach - start
        if reach == len(self.text) or last >= len(self.training) or self.text[reach] != self.training[last]:
            return
        length = self.least
        while True:
            most = min(length, len(self.text) - start - length, len(self.training) - offset - length)
            ahead = self.text[start + length : start + length + most]
            differ = ahead != self.training[offset + length : offset + length + most]
            if not most or differ.any():
                length += int(differ.argmax()) if most else 0
                break
            length += most
        end = start + length
        if end > reach:
            self.found.append(Span(start, end, offset))
            np.maximum(self.reach[start:end], end, out=self.reach[start:end])

    def spans(self) -> list[Span]:
        """Return the matches found, without those that another one holds."""
        return outermost(self.found)
