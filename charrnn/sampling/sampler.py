"""The sampler: reader → filters → choice, one symbol at a time, on any number of streams at once.

    State ──► Reader.step(symbols) ──► logits (B, V) ──► filters ──► choose(temp, draw) ──► symbols ──┐
                     ▲                                                                               │
                     └───────────────────────────────────────────────────────────────────────────────┘

Draws come from a NumPy generator of their own, so that sampling never touches torch's random stream and a seed fixes
a text on any device.  Where nothing but the unknown symbol is filtered, the native engine runs the whole loop in C.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from typing import Self, SupportsIndex, overload

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.display.text import Text, fitting, printable
from charrnn.errors import SamplingError
from charrnn.models import Carry, LanguageModel
from charrnn.models.engines import native
from charrnn.sampling.filters import Filter, never
from charrnn.sampling.readers import Reader, open_reader
from charrnn.sampling.state import State

Follow = Callable[[NDArray[np.int64]], object]
"""Called with the symbols (B,) of each step, before the next one."""


class Sample(Text):
    """Generated text: a str, except that the prompt shows it with its line breaks.

    Parameters
    ----------
    text : str         with U+FFFD for bytes that are not UTF-8, such as the first half of a character at the end
    drawn : bytes      the bytes that a model of bytes has drawn; by default the UTF-8 of the text
    """

    __slots__ = ('_bytes',)

    _bytes: builtins.bytes | None

    def __new__(cls, text: str = '', drawn: builtins.bytes | None = None) -> Self:
        self = super().__new__(cls, text)
        self._bytes = drawn
        return self

    def __repr__(self) -> str:
        return fitting(printable(str.__str__(self)))

    @property
    def bytes(self) -> builtins.bytes:
        """The bytes that were drawn, one for each symbol, of a model of bytes; else the text as UTF-8."""
        return self.encode() if self._bytes is None else self._bytes


class Samples(list[str]):
    """Generated texts: a list, except that the prompt numbers them and shows one below the other."""

    __slots__ = ()

    def __repr__(self) -> str:
        return fitting(self.numbered())

    def numbered(self) -> str:
        """Return the texts with their numbers, one below the other; control characters are escaped."""
        width, lines = len(str(len(self))), list[str]()
        for number, text in enumerate(self, 1):
            first, *rest = printable(str.__str__(text)).split('\n')
            lines += [f'{number:>{width}} │ {first}', *(f'{"":{width}} │ {line}' for line in rest)]
        return '\n'.join(map(str.rstrip, lines)) or '[]'

    @overload
    def __getitem__(self, which: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, which: slice) -> Samples: ...
    def __getitem__(self, which: SupportsIndex | slice) -> str | Samples:
        """Return one text, or several ones that are shown in the same way."""
        found = super().__getitem__(which)
        return found if isinstance(found, str) else Samples(found)


def choose(logits: NDArray[np.float64], temp: float, draw: float) -> int:
    """Return the index that `draw` in [0, 1) picks from softmax(logits / temp); the largest logit's at temp 0.

    Parameters
    ----------
    logits : (V,) float64     -inf for a symbol that must not come
    """
    if temp == 0:
        return int(logits.argmax())
    with np.errstate(over='ignore'):  # a tiny temp sends all but the largest to exp(-inf) = 0, as it should
        weights = np.exp((logits - logits.max()) / temp)
    heights = weights.cumsum()
    return int(heights.searchsorted(draw * heights[-1], side='right'))


def draw_symbols(
    reader: Reader, pending: NDArray[np.int64], draws: NDArray[np.float64], temp: float, filters: Sequence[Filter] = ()
) -> Iterator[NDArray[np.int64]]:
    """Read the pending symbols (B,), draw the next ones, yield them, read them, and so on.

    Parameters
    ----------
    draws : (length, B)      one number in [0, 1) for each symbol
    filters : sequence       applied in order
    Raises
    ------
    SamplingError            logits that are not numbers
    """
    for numbers in draws:
        logits = reader.step(pending).astype(np.float64)
        for each in filters:
            logits = each(logits)
        if np.isnan(logits).any() or not np.isfinite(logits.max(axis=1)).all():
            raise not_numbers()
        pending = np.array([choose(row, temp, draw) for row, draw in zip(logits, numbers, strict=True)])
        yield pending


@torch.no_grad()
def sample_indices(
    model: LanguageModel,
    state: State,
    length: int,
    temp: float,
    draws: np.random.Generator,
    *,
    silent: int | None,
    streams: int = 1,
    filters: Sequence[Filter] = (),
    follow: Follow | None = None,
) -> tuple[NDArray[np.int64], list[State]]:
    """Draw `length` symbols on every stream, each stream from the same state.

    Parameters
    ----------
    silent : int or None     the index that must not come: the unknown symbol, unless the text holds it
    filters : sequence       applied in order, before the silent symbol is removed
    follow : callable        called with the symbols of each step where they are drawn one by one
    Returns
    -------
    indices : (streams, length)
    states : list            the state of each stream after its last symbol
    Raises
    ------
    SamplingError            logits that are not numbers
    """
    reader = open_reader(model, Carry.join([state.carry] * streams))
    pending, numbers = np.full(streams, state.pending, np.int64), draws.random((length, streams))
    found = draw_block(reader, pending, numbers, temp, silent, filters, follow)
    return found.T, states_of(reader.carry, found[-1] if length else pending)


def draw_block(
    reader: Reader,
    pending: NDArray[np.int64],
    draws: NDArray[np.float64],
    temp: float,
    silent: int | None,
    filters: Sequence[Filter] = (),
    follow: Follow | None = None,
) -> NDArray[np.int64]:
    """Draw a symbol for each of `draws` (length, B), in C if there is no filter; return all symbols, (length, B)."""
    if isinstance(reader, native.Reader) and not filters:
        found = reader.draw(pending, draws, temp, silent)
        if found is None:
            raise not_numbers()
        return found
    drawn = []
    for symbols in draw_symbols(reader, pending, draws, temp, [*filters, *([] if silent is None else [never(silent)])]):
        drawn.append(symbols)
        if follow:
            follow(symbols)
    return np.array(drawn, np.int64).reshape(draws.shape)


def states_of(carry: Carry, pending: NDArray[np.int64]) -> list[State]:
    """Return the state of each stream of a reader."""
    return [State(carry.lane(k), int(symbol)) for k, symbol in enumerate(pending)]


def not_numbers() -> SamplingError:
    """Return the error for logits that are not numbers."""
    return SamplingError('the model answers nan: its weights are no longer numbers.', "ms.restore('best')")
