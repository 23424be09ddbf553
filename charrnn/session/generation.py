"""Generating text: the verbs generatestring and temperatures, and the samples on the way of a training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import check_errors_argument, memory_bytes, real, whole
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import fitted
from charrnn.errors import SamplingError, shown
from charrnn.evaluation.cost import score_indices
from charrnn.models import derive_seed
from charrnn.sampling.filters import by_text
from charrnn.sampling.sampler import Sample, Samples, sample_indices
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
    prime: str | bytes | None = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: None = None,
) -> Sample: ...
@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: str | bytes | None = None,
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
    prime: str | bytes | None = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: int | None = None,
) -> Sample | list[str]:
    """Draw `numchars` symbols at temperature `temp`.

    The result is a str that goes on after the prime: prime + result is one
    text, with the space between two words. A model of bytes has U+FFFD for
    bytes that are not UTF-8 there; result.bytes are the bytes. Only print
    and str() replace characters that the screen lacks.

    Parameters
    ----------
    numchars : int   symbols to draw: characters, bytes or words
    temp : float     below 1, likely symbols come more often; 0 always takes
                     the likeliest
    prime : str      the text to go on from, not part of the result; by
                     default a line break, or the first training symbol of
                     a text without one. A model of bytes also takes bytes,
                     and goes on from the bytes of an earlier result
    seed : int       fixes the draws; by default they differ each time
    errors : str     'strict', or 'replace': symbols of the prime that the
                     model does not know are read as U+FFFD or <unk>
    n : int          texts to draw side by side; the result is a list

    Raises CharSetError (an unknown symbol), SamplingError.
    """
    run = run_of(ms)
    given: object = numchars
    if isinstance(given, str) and not given.strip().isdecimal():
        raise SamplingError(f'numchars={shown(given)} is a text, not a number.', f'prime={shown(given)}')
    numchars, temp = whole(0)('numchars', numchars, 500), real(0)('temp', temp, 0.5)
    before = prime_of(run, prime, errors)
    run.attachments.refuse_waiting('samplefilter')
    draws = np.random.default_rng(None if seed is None else whole(0)('seed', seed, 0))
    streams = 1 if n is None else whole(1)('n', n)
    refuse_too_large(numchars, streams)
    drawn = draw_indices(run, read_prime(run.learner.model, before), before, numchars, temp, draws, streams)
    samples = (sample_after(run, prime, indices) for indices in drawn)
    return next(samples) if n is None else Samples(samples)


def sample_after(run: Run, prime: str | bytes | None, drawn: list[int]) -> Sample:
    """Return drawn symbols as the text that goes on after a prime, so that ``prime + sample`` reads as a text does.

    Parameters
    ----------
    prime : str, bytes or None    None: the sample stands alone
    drawn : list of indices
    """
    chars = run.data.chars
    text = chars.decode_after(prime if isinstance(prime, str) else '', drawn)
    return Sample(text, chars.to_bytes(drawn) if chars.level == 'byte' else None)


def refuse_too_large(numchars: int, streams: int) -> None:
    """Raise SamplingError if texts of this size cannot be held in the memory of this machine."""
    needed, memory = BYTES_OF_A_SYMBOL * numchars * streams, memory_bytes()
    if needed > memory:
        raise SamplingError(
            f'{numchars:,} symbols on {streams:,} streams need some {needed / 1e9:,.0f} GB of memory, '
            f'and this machine has {memory / 1e9:,.0f} GB.',
            'numchars=1000000, several times: each call can go on from the end of the last text with prime=...',
        )


def indices_of(run: Run, text: str | bytes, errors: str = 'strict') -> list[int]:
    """Return the indices of a text that the user gave; a model of bytes also takes the bytes of a sample, or bytes."""
    if run.data.chars.level == 'byte':
        given = text.bytes if isinstance(text, Sample) else text
        if isinstance(given, bytes):
            return list(given)
    if not isinstance(text, str):
        raise SamplingError(f'{shown(text)} is no text.', "a str, such as prime='The '")
    indices: list[int] = run.data.chars.encode(text, errors).tolist()
    return indices


def prime_of(run: Run, prime: str | bytes | None, errors: str = 'strict') -> list[int]:
    """Return the indices of a prime: at least one."""
    check_errors_argument(errors)
    before = default_prime(run) if prime is None else indices_of(run, prime, errors)
    if not before:
        raise SamplingError('the prime is empty: there is nothing to go on from.', "prime='\\n', or leave it out")
    return before


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
    return sample_after(run, None, [first, *rest])


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
    prime: str | bytes | None = None,
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
    if isinstance(temps, (str, bytes)) or not isinstance(temps, Iterable) or not (temps := list(temps)):
        raise SamplingError(f'temps={shown(temps)} is no sequence of temperatures.', 'temps=(0.1, 0.5, 1.0, 2.0)')
    numchars, seed = whole(0)('numchars', numchars, 200), whole(0)('seed', seed, 0)
    temps = [real(0)('temp', temp, 1.0) for temp in temps]
    refuse_too_large(numchars, 1)
    run.attachments.refuse_waiting('samplefilter')
    before, found = prime_of(run, prime, errors), list[TemperedSample]()
    model, level = run.learner.model, run.data.chars.level
    for temp in temps:
        state, draws = read_prime(model, before), np.random.default_rng(seed)
        (indices,) = draw_indices(run, state, before, numchars, temp, draws)
        text = sample_after(run, prime, indices)
        nats = float(score_indices(model, before, indices).sum()) if indices else 0.0
        bits_per_char = nats / math.log(2) / max(1, len(text))
        found.append(TemperedSample(temp, text, nats / max(1, len(indices)), bits_per_char, level))
    return TemperedSamples(found)
