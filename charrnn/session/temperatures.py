"""The verb temperatures: one text continued at several temperatures, each measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.arguments import real, whole
from charrnn.display.tables import Column, Several, Table, Tabular
from charrnn.display.text import fitted
from charrnn.errors import HyperParamsError, SamplingError, shown
from charrnn.session.generation import write_samples
from charrnn.session.prime import Prime, start_of
from charrnn.session.run import Session, run_of
from charrnn.session.wishes import refuse_too_large, request_of
from charrnn.signatures import known_names_only


@fitted
@dataclass(frozen=True, repr=False)
class TemperedSample:
    """One of the texts of ``temperatures``.

    Parameters
    ----------
    temp : float
    text : str               without the prime: a ``Sample``
    nats : float             cost of the text for the model itself, at temperature 1, per symbol (character, byte, word)
    bits_per_char : float    the same for the whole text, by its characters
    level : str              'char', 'byte' or 'word'
    """

    temp: float
    text: str
    nats: float
    bits_per_char: float
    level: str

    def __repr__(self) -> str:
        parts = (f'{name}={str.__repr__(v) if isinstance(v, str) else repr(v)}' for name, v in vars(self).items())
        return f'TemperedSample({", ".join(parts)})'


class TemperedSamples(Several, Tabular, tuple[TemperedSample, ...]):
    """The samples, in the order of the temperatures: a tuple that the prompt shows one below the other."""

    __slots__ = ()

    def table(self) -> Table:
        """Return the samples as a table, each text below its numbers."""
        level = self[0].level
        columns = [Column('temp', 'g', '>'), Column(f'bits/{level}', '.3f', '>')]
        rows: list[list[float]] = [[sample.temp, sample.nats / math.log(2)] for sample in self]
        if level != 'char':
            columns.append(Column('bits/char', '.3f', '>'))
            rows = [[*row, sample.bits_per_char] for row, sample in zip(rows, self, strict=True)]
        after = 'bits: the cost of each text for the model itself, at temperature 1'
        return Table(columns, rows, [sample.text for sample in self], after=after)


@known_names_only
def temperatures(
    ms: Session,
    prime: Prime = None,
    temps: Any = (0.1, 0.5, 1.0, 2.0),
    *,
    numchars: int = 200,
    seed: int = 0,
    errors: str = 'strict',
) -> TemperedSamples:
    """Continue a text at several temperatures.

    Each text is measured: .nats per symbol and .bits_per_char are its cost
    for the model itself, at temperature 1. Far below its loss on real text
    the model repeats itself; far above it, the text is babble.

    Parameters
    ----------
    prime : str       continued at each temperature, as in generatestring
    temps : sequence  the temperatures; the draws are the same for all
    numchars : int    symbols of each text
    seed : int        fixes the draws
    errors : str      'strict', or 'replace', as in generatestring

    Raises CharSetError (an unknown symbol in the prime), SamplingError.
    """
    run = run_of(ms)
    example = 'temps=(0.1, 0.5, 1.0, 2.0)'
    if isinstance(temps, (str, bytes)) or not isinstance(temps, Iterable) or not (temps := list(temps)):
        raise SamplingError(f'temps={shown(temps)} is no sequence of temperatures.', example)
    numchars, seed = whole(0)('numchars', numchars, 200), whole(0)('seed', seed, 0)
    try:
        temps = [real(0)('temp', temp, 1.0) for temp in temps]
    except HyperParamsError as error:
        raise HyperParamsError(error.what, example) from None
    refuse_too_large(numchars, 1)
    run.attachments.refuse_waiting('samplefilter')
    start, found, level = start_of(run, prime, errors), list[TemperedSample](), run.data.chars.level
    for temp in temps:
        (text,) = write_samples(run, [start], request_of(run, numchars, temp), np.random.default_rng(seed))
        nats = float(text.nats.sum())
        bits_per_char = nats / math.log(2) / max(1, len(text))
        found.append(TemperedSample(temp, text, nats / max(1, len(text.nats)), bits_per_char, level))
    return TemperedSamples(found)
