"""Generating text: the verb generatestring, and the samples on the way of a training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack, overload

import numpy as np

from charrnn.arguments import real, truth, whole
from charrnn.errors import SamplingError, shown
from charrnn.models import derive_seed
from charrnn.sampling.sample import Sample, Samples
from charrnn.sampling.state import State
from charrnn.sampling.writer import Request, Writer
from charrnn.session.pieces import Pieces
from charrnn.session.prime import Prime, as_prime, example_call, origin_of, start_of
from charrnn.session.run import Run, Session, run_of
from charrnn.session.wishes import Strings, Wishes, refuse_too_large, request_of
from charrnn.signatures import known_names_only

ON_THE_WAY = {'char': 200, 'byte': 200, 'word': 40}
"""Symbols of a sample in a report."""


@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: Prime = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: None = None,
    stream: Literal[False] = False,
    **wishes: Unpack[Wishes],
) -> Sample: ...
@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: Prime = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: int,
    stream: Literal[False] = False,
    **wishes: Unpack[Wishes],
) -> list[str]: ...
@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: list[Any] | tuple[Any, ...],
    seed: int | None = None,
    errors: str = 'strict',
    n: None = None,
    stream: Literal[False] = False,
    **wishes: Unpack[Wishes],
) -> list[str]: ...
@overload
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: Prime = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: None = None,
    stream: Literal[True],
    **wishes: Unpack[Wishes],
) -> Pieces: ...
@known_names_only
def generatestring(
    ms: Session,
    numchars: int = 500,
    temp: float = 0.5,
    *,
    prime: Any = None,
    seed: int | None = None,
    errors: str = 'strict',
    n: int | None = None,
    stop: Strings = None,
    topk: int | None = None,
    topp: float | None = None,
    minp: float | None = None,
    forbid: Strings = None,
    pattern: str | None = None,
    novel: int | None = None,
    clamp: Mapping[tuple[int, int], float] | None = None,
    stream: bool = False,
) -> Sample | list[str] | Pieces:
    """Draw `numchars` symbols at temperature `temp`.

    The result is a str that goes on after the prime: prime + result is one
    text, with the space between two words. result.state is what the model
    remembers then, to go on from; result.nats the cost of each symbol. A
    model of bytes has U+FFFD for bytes that are not UTF-8 there;
    result.bytes are the bytes. Only print and str() replace characters that
    the screen lacks.

    Parameters
    ----------
    numchars : int   symbols to draw: characters, bytes or words; with stop,
                     the most
    temp : float     below 1, likely symbols come more often; 0 always takes
                     the likeliest
    prime : str      the text to go on from, not part of the result; by
                     default a line break, or the first training symbol of
                     a text without one. A State goes on from what it
                     remembers; a list of texts and states writes one text
                     for each, side by side. A model of bytes also takes
                     bytes, and goes on from the bytes of an earlier result
    seed : int       fixes the draws; by default they differ each time
    errors : str     'strict', or 'replace': symbols of the prime that the
                     model does not know are read as U+FFFD or <unk>
    n : int          texts to draw side by side; the result is a list of
                     such texts, each with its .state
    stop : str       the text ends before the first of these strings; one or
                     a list. stop='\\n' writes one line
    topk : int       draw from the k likeliest symbols only
    topp : float     draw from the fewest symbols that together have this
                     share of the probability, from 0 to 1
    minp : float     draw from symbols at least this many times as likely
                     as the likeliest, from 0 to 1
    forbid : str     strings that do not appear in the text, nor begin in
                     the prime, of a State in its last symbol, and end in
                     the text; one or a list
    pattern : str    a regular expression that each line of the text
                     matches as a whole (the package regex)
    novel : int      no span longer than this many symbols stands in the
                     training text
    clamp : dict     {(layer, unit): value} holds units at values
    stream : bool    return an iterator over pieces of the text, which the
                     prompt prints as they come; with forbid, pattern or
                     novel, line by line

    topk, minp and topp act in this order, on the probabilities at `temp`.
    Where forbid, pattern or novel refuse a symbol, another one is drawn;
    where they leave none, the text goes back. Raises CharSetError (an
    unknown symbol), SamplingError (no text keeps to the rules, ...).
    """
    run = run_of(ms)
    given: object = numchars
    if isinstance(given, str) and not given.strip().isdecimal():
        raise SamplingError(f'numchars={shown(given)} is a text, not a number.', as_prime(run, given))
    numchars, temp = whole(0)('numchars', numchars, 500), real(0)('temp', temp, 0.5)
    primes = list(prime) if isinstance(prime, list | tuple) else [prime]
    is_list = n is not None or isinstance(prime, list | tuple)
    if not primes or (n is not None and isinstance(prime, list | tuple)):
        example = (
            'prime=[text] * n for one text several times'
            if primes
            else example_call(run, 'ms.generatestring(prime=[{}])')
        )
        raise SamplingError('a list of primes has one text for each, and no n.', example)
    if truth('stream', stream) and is_list:
        raise SamplingError('a stream is one text.', 'leave out n, and give one prime')
    streams = whole(1)('n', n) if n is not None else len(primes)
    run.attachments.refuse_waiting('samplefilter')
    wishes = Wishes(
        stop=stop, topk=topk, topp=topp, minp=minp, forbid=forbid, pattern=pattern, novel=novel, clamp=clamp
    )
    request = request_of(run, numchars, temp, wishes)
    draws = np.random.default_rng(None if seed is None else whole(0)('seed', seed, 0))
    refuse_too_large(numchars, streams)
    starts = [start_of(run, each, errors) for each in primes] * (streams if n is not None else 1)
    if stream:
        writer = Writer(run.learner.evaluated, run.data.chars, starts, request, draws)
        return Pieces(writer, lambda: sample_of(writer, 0))
    samples = write_samples(run, starts, request, draws)
    return Samples(samples) if is_list else next(samples)


def write_samples(
    run: Run, starts: Sequence[tuple[State, str]], request: Request, draws: np.random.Generator
) -> Iterator[Sample]:
    """Write a text for each start, side by side; return the samples."""
    writer = Writer(run.learner.evaluated, run.data.chars, starts, request, draws)
    for _ in writer.write():
        pass
    return (sample_of(writer, k) for k in range(len(starts)))


def sample_of(writer: Writer, k: int) -> Sample:
    """Return what a writer has written on stream k."""
    stream = writer.streams[k]
    drawn = stream.chars.to_bytes(stream.indices) if stream.chars.level == 'byte' else None
    return Sample(stream.whole_text(), drawn, np.array(stream.nats), writer.state(k))


def sample_on_the_way(run: Run) -> Sample:
    """Return a sample from lane 0's live carry, its next symbol first; the draws are a function of the position."""
    learner, chars = run.learner, run.data.chars
    first = learner.next_symbol()
    draws = np.random.default_rng(derive_seed('sample', learner.seed, learner.position))
    line = chars.decode([first]) if chars.level == 'word' else ''
    start = State(learner.carry.lane(0), first, origin_of(run), line), chars.decode([first])
    writer = Writer(learner.evaluated, chars, [start], request_of(run, ON_THE_WAY[chars.level] - 1, 0.5), draws)
    for _ in writer.write():
        pass
    indices = [first, *writer.streams[0].indices]
    return Sample(chars.decode(indices), chars.to_bytes(indices) if chars.level == 'byte' else None)
