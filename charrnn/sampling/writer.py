"""The writer: texts that end at a stop string and keep to constraints, drawn block by block.

A block is drawn without a look at its text.  Then each stream takes of it what it can use: up to a stop string, or up
to a symbol that a constraint refuses.  There another symbol is drawn; where every symbol is refused, the stream goes
back by one symbol.  The state at any earlier place is read again from the nearest one that was kept, by the same steps,
so it is the same to the bit.  The numbers that choose symbols are those of a plain text, so that a stop string or a
constraint that never acts changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from charrnn.errors import SamplingError
from charrnn.models import Carry, LanguageModel
from charrnn.models.engines.native import Reader as NativeReader
from charrnn.sampling.filters import Limits, OwnFilter, cost
from charrnn.sampling.readers import Reader, open_reader
from charrnn.sampling.sampler import draw_block, next_logits
from charrnn.sampling.state import State
from charrnn.text.vocabulary import Vocabulary

FIRST_BLOCK, LARGEST_BLOCK = 16, 256
KEPT_STATES = 100
"""States at the beginnings of blocks that each stream keeps."""
EFFORT, EFFORT_PER_SYMBOL = 3000, 30
"""A stream may go back this often, and so often more for each symbol that was asked for."""


class Constraint(Protocol):
    """A rule for the text of a stream, tried after each symbol."""

    def allows(self, stream: Stream, new: str) -> bool:
        """Return False if the last symbol of `stream`, whose text is `new`, must not come."""

    def __str__(self) -> str:
        """Return the rule as it was typed."""


@dataclass(frozen=True)
class Request:
    """The length of a text, and the rules for it.

    Parameters
    ----------
    length : int              symbols, at most
    limits : Limits           the symbols that may be drawn
    stop : tuple of str       a text ends before the first of these
    constraints : tuple       of Constraint
    own : callable or None    the user's filter
    held : dict               of (layer, unit) to the value that it keeps
    """

    length: int
    limits: Limits
    stop: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    own: OwnFilter | None = None
    held: Mapping[tuple[int, int], float] | None = None


class Stream:
    """One text while it is written.

    Parameters
    ----------
    start : State             the text goes on from here
    before : str              the text before it, for the user's filter
    Attributes
    ----------
    indices, nats : list      the symbols so far, and the cost of each
    text : str                their text; of bytes, up to the last whole character
    ends : list of int        the length of the text after each symbol
    frozen : int              the number of symbols that can no longer be taken back
    """

    def __init__(self, chars: Vocabulary[Any], start: State, before: str) -> None:
        self.chars, self.start, self.before = chars, start, before
        self.indices: list[int] = []
        self.nats: list[float] = []
        self.ends: list[int] = []
        self.text, self.is_ended, self.frozen = '', False, 0
        self._decoder = chars.decoder_after(start.line)

    def add(self, symbol: int, nats: float) -> str:
        """Add a symbol; return the text that it adds."""
        self._decoder.push(symbol)
        new = self._decoder.take()
        self.text += new
        self.indices.append(symbol)
        self.nats.append(nats)
        self.ends.append(len(self.text))
        return new

    def take_back(self) -> int:
        """Remove the last symbol, and return it."""
        symbol = self.indices.pop()
        self.nats.pop()
        self.ends.pop()
        self.text = self.text[: self.ends[-1] if self.ends else 0]
        self._decoder = self.chars.decoder_after(self.start.line)
        self._decoder.feed(self.indices)
        self._decoder.take()
        return symbol

    def end_before(self, stops: Sequence[str], tried: int) -> None:
        """End the text before the first of the stop strings, if one ends behind place `tried`."""
        places = [self.text.find(stop, max(0, tried - len(stop) + 1)) for stop in stops]
        if not (found := [place for place in places if place >= 0]):
            return
        self.text, self.is_ended = self.text[: min(found)], True
        # Of bytes, several symbols end at the same place: those that begin the stop string are left out.
        whole = next((n for n, end in enumerate([0, *self.ends]) if end >= len(self.text)), len(self.ends))
        whole -= [0, *self.ends][whole] > len(self.text)  # a word that is cut
        del self.indices[whole:], self.nats[whole:], self.ends[whole:]

    def settled(self, stops: Sequence[str]) -> int:
        """Return the length of the text that no stop string can take back."""
        if self.is_ended:
            return len(self.text)
        begun = [n for stop in stops for n in range(1, len(stop)) if self.text.endswith(stop[:n])]
        return len(self.text) - max(begun, default=0)

    def whole_text(self) -> str:
        """Return the text, with U+FFFD for an unfinished character of bytes."""
        return self.text if self.is_ended else self.text + self._decoder.text

    def state_with(self, carry: Carry) -> State:
        """Return the state after the text, given its carry."""
        line = (self.start.line + self.text).rpartition('\n')[2] if self.chars.level == 'word' else ''
        pending = self.indices[-1] if self.indices else self.start.pending
        return replace(self.start, carry=carry, pending=pending, line=line)


class Writer:
    """Writes the texts of several streams side by side.

    Parameters
    ----------
    starts : sequence of (state, text before it)    one for each stream
    draws : numpy Generator                         chooses the symbols
    """

    def __init__(
        self,
        model: LanguageModel,
        chars: Vocabulary[Any],
        starts: Sequence[tuple[State, str]],
        request: Request,
        draws: np.random.Generator,
    ) -> None:
        self.model, self.request = model, request
        self.streams = [Stream(chars, state, before) for state, before in starts]
        self._numbers = draws.random((request.length, len(starts)))
        self._again = draws.spawn(len(starts)) if request.constraints else []
        kept = [(0, state.carry.to(model.device)) for state, _ in starts]
        self._kept = [deque([first], KEPT_STATES) for first in kept]
        """Of each stream: numbers of symbols, and the carry before the last of them is read; the newest last."""
        self._refused: list[dict[int, set[int]]] = [{} for _ in starts]
        """Of each stream: the symbols that were refused at a place."""
        self._returns = [0] * len(starts)
        self._single: Reader | None = None

    @torch.no_grad()
    def write(self, block: int | None = None) -> Iterator[None]:
        """Write all texts, and yield after each block, of at most `block` symbols; by default, of as many as fit."""
        request, size = self.request, FIRST_BLOCK
        is_plain = not (request.stop or request.constraints or request.own or block)
        columns, reader = list[int](), None
        while alive := [k for k, stream in enumerate(self.streams) if not self._is_done(stream)]:
            if reader is None or 2 * len(alive) <= len(columns):
                columns = alive
                reader = open_reader(self.model, Carry.join([self._kept[k][-1][1] for k in columns]), request.held)
            streams = [self.streams[k] for k in columns]
            places = np.array([len(stream.indices) for stream in streams])
            length = request.length - int(places.min())
            if not is_plain:
                in_c = isinstance(reader, NativeReader) and not request.own
                length = min(length, size, block or size) if in_c else 1
            rows = (places + np.arange(length)[:, None]).clip(max=request.length - 1)
            pending = [self._pending(stream) for stream in streams]
            texts = [stream.before + stream.text for stream in streams] if request.own else ()
            numbers = self._numbers[rows, columns]
            drawn = draw_block(reader, np.array(pending, np.int64), numbers, request.limits, request.own, texts)
            after, is_whole = reader.carry, True
            for lane, k in enumerate(columns):
                if self._is_done(self.streams[k]):
                    continue
                if self._take(k, drawn.symbols[:, lane].tolist(), drawn.nats[:, lane].tolist()):
                    self._kept[k].append((len(self.streams[k].indices), after.lane(lane)))
                elif not self._is_done(self.streams[k]):
                    is_whole = False
                    self._kept[k].append((len(self.streams[k].indices), self._carry_at(k)))
            if not is_whole:
                reader.carry = Carry.join([self._kept[k][-1][1] for k in columns])
            size = min(2 * size, LARGEST_BLOCK) if is_whole else 1
            yield

    def state(self, k: int) -> State:
        """Return the state after the text of stream k."""
        carry = Carry.join([self._carry_at(k)])  # memory of its own: a lane would keep all lanes in memory
        return self.streams[k].state_with(carry)

    def _is_done(self, stream: Stream) -> bool:
        return stream.is_ended or len(stream.indices) >= self.request.length

    def _pending(self, stream: Stream) -> int:
        return stream.indices[-1] if stream.indices else stream.start.pending

    def _take(self, k: int, symbols: Sequence[int], nats: Sequence[float]) -> bool:
        """Add symbols to stream k, up to a stop string or a refused one; return True if all were added as they are."""
        stream, request = self.streams[k], self.request
        for n, (symbol, each) in enumerate(zip(symbols, nats, strict=True), 1):
            tried = len(stream.text)
            is_allowed = self._allows(stream, stream.add(symbol, each))
            if not is_allowed:
                tried = self._mend(k)
            stream.end_before(request.stop, tried)
            if not is_allowed or self._is_done(stream):
                return is_allowed and not stream.is_ended and n == len(symbols)
        return True

    def _allows(self, stream: Stream, new: str) -> bool:
        return all(constraint.allows(stream, new) for constraint in self.request.constraints)

    def _mend(self, k: int) -> int:
        """Replace the last symbol of stream k, which is refused, by one that is allowed; go back where there is none.

        Returns
        -------
        the length of the text before the new symbol

        Raises
        ------
        SamplingError    no text was found
        """
        stream, refused, limits = self.streams[k], self._refused[k], self.request.limits
        while True:
            symbol, place = stream.take_back(), len(stream.indices)
            tried = refused.setdefault(place, set())
            tried.add(symbol)
            raw, logits = self._logits_at(k)
            while (found := limits.pick(logits, self._again[k].random(), tried)) is not None:
                before = len(stream.text)
                if self._allows(stream, stream.add(found, cost(raw, found))):
                    return before
                tried.add(stream.take_back())
            self._returns[k] += 1
            if place <= stream.frozen or self._returns[k] > EFFORT + EFFORT_PER_SYMBOL * self.request.length:
                raise self._impossible(k)
            del refused[place]

    def _logits_at(self, k: int) -> tuple[Any, Any]:
        """Return the logits (V,) after the symbols of stream k, and as the user's filter leaves them."""
        stream, request = self.streams[k], self.request
        reader = self._reader_at(k)
        raw, logits = next_logits(reader, np.array([self._pending(stream)]), request.own, [stream.before + stream.text])
        return raw[0], logits[0]

    def _carry_at(self, k: int) -> Carry:
        """Return the carry of stream k before its last symbol is read."""
        symbols = len(self.streams[k].indices)
        if self._kept[k][-1][0] == symbols:
            return self._kept[k][-1][1]
        return self._reader_at(k).carry

    def _reader_at(self, k: int) -> Reader:
        """Return a reader of one stream that stands before the last symbol of stream k."""
        stream, kept = self.streams[k], self._kept[k]
        while len(kept) > 1 and kept[-1][0] > len(stream.indices):
            kept.pop()
        at, carry = kept[-1]
        if at > len(stream.indices):  # further back than states are kept
            at, carry = 0, stream.start.carry.to(self.model.device)
        if self._single is None:
            self._single = open_reader(self.model, carry, self.request.held)
        else:
            self._single.carry = carry
        before = [stream.start.pending, *stream.indices]
        for symbol in before[at : len(stream.indices)]:
            self._single.step(np.array([symbol]))
        return self._single

    def _impossible(self, k: int) -> SamplingError:
        rules = ' and '.join(str(constraint) for constraint in self.request.constraints)
        return SamplingError(
            f'no text was found that keeps to {rules}; tried until it had gone back {self._returns[k]:,} times, '
            f'at symbol {len(self.streams[k].indices):,}.',
            'a rule that the training text keeps to, or a smaller numchars',
        )
