"""Generated texts as values: one sample, and several that are shown one below the other."""

from __future__ import annotations

import builtins
from typing import Self, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from charrnn.display.tables import Several
from charrnn.display.text import Text, fitting, printable
from charrnn.sampling.state import State


class Sample(Text):
    """Generated text: a str, except that the prompt shows it with its line breaks.

    Parameters
    ----------
    text : str         with U+FFFD for bytes that are not UTF-8, such as the first half of a character at the end
    drawn : bytes      the bytes that a model of bytes has drawn; by default the UTF-8 of the text
    nats : (symbols,)  the cost of each symbol for the model, at temperature 1; by default empty
    state : State      what the model remembers after the text
    """

    __slots__ = ('_bytes', 'nats', 'state')

    _bytes: builtins.bytes | None
    nats: NDArray[np.float64]
    state: State | None

    def __new__(
        cls,
        text: str = '',
        drawn: builtins.bytes | None = None,
        nats: NDArray[np.float64] | None = None,
        state: State | None = None,
    ) -> Self:
        self = super().__new__(cls, text)
        self._bytes, self.state = drawn, state
        self.nats = np.empty(0) if nats is None else nats
        return self

    # A prompt shows the repr of a value and nothing else, so this is the text itself. A list or a tuple asks for the
    # same repr, and nothing tells the two apart: a Sample stands without quotes there, and repr(str(sample)) has them.
    def __repr__(self) -> str:
        return fitting(printable(str.__str__(self)))

    @property
    def bytes(self) -> builtins.bytes:
        """The bytes that were drawn, one for each symbol, of a model of bytes; else the text as UTF-8."""
        return self.encode() if self._bytes is None else self._bytes


class Samples(Several, list[str]):
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
