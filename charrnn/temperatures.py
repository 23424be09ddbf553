"""temperatures: one beginning, continued at several temperatures, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.arguments import real
from charrnn.display.text import printable
from charrnn.errors import SamplingError
from charrnn.evaluation.cost import score_indices
from charrnn.modelstate import ModelState
from charrnn.signatures import known_names_only


@dataclass(frozen=True)
class TemperedSample:
    """One of the texts.

    Parameters
    ----------
    temp : float
    text : str               without the prime
    nats : float             what the text costs the model itself, at temperature 1, per symbol (character, byte, word)
    bits_per_char : float    the same for the whole text, by its characters
    level : str              'char', 'byte' or 'word'
    """

    temp: float
    text: str
    nats: float
    bits_per_char: float
    level: str


class TemperedSamples(tuple[TemperedSample, ...]):
    """The samples, in the order of the temperatures: a tuple that the prompt shows one below the other."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = []
        for sample in self:
            cost = f'{sample.nats / math.log(2):.3f} bits/{sample.level}'
            if sample.level != 'char':
                cost += f', {sample.bits_per_char:.3f} bits/char,'
            lines.append(f'temp {sample.temp:g}: {cost} by the model’s own measure')
            lines += [f'  │ {line}' for line in printable(sample.text).split('\n')]
        return '\n'.join(lines)


@known_names_only
def temperatures(
    ms: ModelState,
    prime: str | None = None,
    temps: Any = (0.1, 0.5, 1.0, 2.0),
    *,
    numchars: int = 200,
    seed: int = 0,
) -> TemperedSamples:
    """Continue `prime` at each of `temps`, with the same draws, and measure each text.

    The measure (.nats per symbol, .bits_per_char) is what the model itself
    pays for the .text at temperature 1:
    far below its loss on real text it repeats itself, far above it babbles.
    Raises CharSetError (a foreign symbol in the prime), SamplingError.
    """
    if isinstance(temps, (str, bytes)) or not isinstance(temps, Iterable) or not (temps := list(temps)):
        raise SamplingError(f'temps={temps!r} is no sequence of temperatures.', 'temps=(0.1, 0.5, 1.0, 2.0)')
    found = []
    before = ms._read(prime, 'strict') if prime else ms._default_prime()
    for temp in temps:
        text = ms.generatestring(numchars, real(0)('temp', temp, 1.0), prime=prime, seed=seed)
        assert isinstance(text, str), 'one text was asked for'
        indices = ms.chars.encode(text).tolist()
        costs = score_indices(ms._run.learner.model, before, indices) if indices else np.zeros(0)
        nats = float(costs.sum())
        bits_per_char = nats / math.log(2) / max(1, len(text))
        found.append(TemperedSample(float(temp), text, nats / max(1, len(costs)), bits_per_char, ms.chars.level))
    return TemperedSamples(found)
