"""Generating text: the verbs generatestring and temperatures, and the samples on the way of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import memory_bytes, real, whole
from charrnn.display.tables import Column, Table, Tabular
from charrnn.errors import SamplingError, shown
from charrnn.evaluation.cost import score_indices
from charrnn.models import derive_seed
from charrnn.sampling.filters import by_text
from charrnn.sampling.sampler import Sample, sample_indices
from charrnn.sampling.state import State, read_prime
from charrnn.session.hooks import own
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only

BYTES_OF_A_SYMBOL = 64
"""Memory that a drawn symbol takes on the way to a text: its number, its index, as an int in a list, as a character."""

ON_THE_WAY = {'char': 200, 'byte': 200, 'word': 40}
"""Symbols of a sample in a report."""


@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: str | None = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: None = None,
) -> str: ...
@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: str | None = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: int,
) -> list[str]: ...
@known_names_only
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: str | None = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: int | None = None,
) -> str | list[str]:
    """Draw `numchars` symbols at temperature `temp`.

    Symbols are characters, or bytes or words at those levels. `temp` 0
    always takes the likeliest. `prime` is read first and is not part of
    the result; by default it is a newline, or the first training symbol
    of a text without one. `seed` fixes the draws. `errors='replace'` reads
    unknown symbols of the prime as U+FFFD or <unk>. `n` asks for a list of
    n texts, drawn side by side.
    Raises CharSetError (an unknown symbol), SamplingError.
    """
    run = run_of(ms)
    numchars, temp = whole(0)('numchars', numchars, 500), real(0)('temp', temp, 0.5)
    read = default_prime(run) if prime is None else indices_of(run, prime, errors)
    if not read:
        raise SamplingError('the prime is empty: there is nothing to go on from.', "prime='\\n', or leave it out")
    draws = np.random.default_rng(None if seed is None else whole(0)('seed', seed, 0))
    streams = 1 if n is None else whole(1)('n', n)
    refuse_too_large(numchars, streams)
    drawn = draw_indices(run, read_prime(run.learner.model, read), read, numchars, temp, draws, streams)
    samples: list[str] = [Sample(run.data.chars.decode(indices)) for indices in drawn]
    return samples[0] if n is None else samples


def refuse_too_large(numchars: int, streams: int) -> None:
    """Raise SamplingError if texts of this size cannot be held in the memory of this machine."""
    needed, memory = BYTES_OF_A_SYMBOL * numchars * streams, memory_bytes()
    if needed > memory:
        raise SamplingError(
            f'{numchars:,} symbols on {streams:,} streams need some {needed / 1e9:,.0f} GB of memory, '
            f'and this machine has {memory / 1e9:,.0f} GB.',
            'numchars=1000000, several times: each call can go on from the end of the last text with prime=...',
        )


def indices_of(run: Run, text: str, errors: str = 'strict') -> list[int]:
    """Return the indices of a text that the user gave."""
    if not isinstance(text, str):
        raise SamplingError(f'{shown(text)} is no text.', "a str, such as prime='The '")
    indices: list[int] = run.data.chars.encode(text, errors).tolist()
    return indices


def default_prime(run: Run) -> list[int]:
    """Return a line break, if the text has one, else the first training symbol."""
    newline: list[int] = run.data.chars.encode('\n', errors='replace').tolist()
    return newline if newline != [0] else [int(run.data.train[0])]  # 0: unknown; no level has a line break there


def draw_indices(
    run: Run, state: State, before: list[int], length: int, temp: float, draws: np.random.Generator, streams: int = 1
) -> list[list[int]]:
    """Draw the symbols of `streams` texts from one state, with the attached sampling filter if there is one.

    Parameters
    ----------
    before : list of indices    the text so far, for the filter
    """
    chars, function = run.data.chars, own(run.attachments, 'samplefilter')
    decoders = [chars.decoder() for _ in range(streams if function else 0)]
    for decoder in decoders:
        decoder.feed(before)

    def follow(symbols: NDArray[np.int64]) -> None:
        for decoder, symbol in zip(decoders, symbols.tolist(), strict=True):
            decoder.push(symbol)

    found, _ = sample_indices(
        run.learner.model,
        state,
        length,
        temp,
        draws,
        silent=chars.silent,
        streams=streams,
        filters=[by_text(function, decoders)] if function else (),
        follow=follow if function else None,
    )
    drawn: list[list[int]] = found.tolist()
    return drawn


def sample_on_the_way(run: Run) -> Sample:
    """Return a sample from lane 0's live carry, its next symbol first; the draws are a function of the position."""
    learner, chars = run.learner, run.data.chars
    first = learner.next_symbol()
    draws = np.random.default_rng(derive_seed('sample', learner.seed, learner.position))
    length = ON_THE_WAY[chars.level]
    (rest,) = draw_indices(run, State(learner.carry.lane(0), first), [first], length - 1, 0.5, draws)
    return Sample(chars.decode([first, *rest]))


@dataclass(frozen=True)
class TemperedSample:
    """One of the texts of ``temperatures``.

    Parameters
    ----------
    temp : float
    text : str               without the prime
    nats : float             cost of the text for the model itself, at temperature 1, per symbol (character, byte, word)
    bits_per_char : float    the same for the whole text, by its characters
    level : str              'char', 'byte' or 'word'
    """

    temp: float
    text: str
    nats: float
    bits_per_char: float
    level: str


class TemperedSamples(Tabular, tuple[TemperedSample, ...]):
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
    prime: str | None = None,
    temps: Any = (0.1, 0.5, 1.0, 2.0),
    *,
    numchars: int = 200,
    seed: int = 0,
) -> TemperedSamples:
    """Continue a text at several temperatures.

    `prime` is continued at each of `temps`, with the same draws, and each
    text is measured: .nats per symbol and .bits_per_char are its cost for
    the model itself, at temperature 1. Far below its loss on real text the
    model repeats itself; far above it, the text is babble.
    Raises CharSetError (an unknown symbol in the prime), SamplingError.
    """
    run = run_of(ms)
    if isinstance(temps, (str, bytes)) or not isinstance(temps, Iterable) or not (temps := list(temps)):
        raise SamplingError(f'temps={shown(temps)} is no sequence of temperatures.', 'temps=(0.1, 0.5, 1.0, 2.0)')
    found = []
    before = indices_of(run, prime) if prime else default_prime(run)
    for temp in temps:
        text = generatestring(ms, numchars, real(0)('temp', temp, 1.0), prime=prime, seed=seed)
        indices = run.data.chars.encode(text).tolist()
        costs = score_indices(run.learner.model, before, indices) if indices else np.zeros(0)
        nats = float(costs.sum())
        bits_per_char = nats / math.log(2) / max(1, len(text))
        found.append(TemperedSample(float(temp), text, nats / max(1, len(costs)), bits_per_char, run.data.chars.level))
    return TemperedSamples(found)
