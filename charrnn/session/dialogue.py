"""Writing together with a model at a terminal: the verb write, a loop over State values and nothing else."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from charrnn.arguments import real, whole
from charrnn.display.tables import Column, Table
from charrnn.display.text import BARS, fitting, printable
from charrnn.errors import CharRNNError, CharSetError, SamplingError
from charrnn.models import LanguageModel
from charrnn.sampling.sample import Sample
from charrnn.sampling.state import State, expected
from charrnn.session.generation import write_samples
from charrnn.session.prime import Prime, start_of
from charrnn.session.run import Run, Session, run_of
from charrnn.session.wishes import Wishes, request_of
from charrnn.signatures import known_names_only
from charrnn.text.vocabulary import Vocabulary

HELP = """\
  a number   takes that continuation; Enter takes the first
  text       is written as it is; \\n in it is a line break; =7 writes 7, =u writes u
  t          lets the model write to the end of the line
  u          undoes the last step
  q          ends, and returns the text; Ctrl-D too"""
BAR = 20
"""Characters of the bar of a certain symbol."""
SYMBOLS, WORDS = 5, 4
"""Continuations of each kind that are shown."""
LOOKS, BRANCHES, LONGEST = 60, 5, 24
"""For words: states that are looked at, continuations that each is given, and symbols of the longest."""
LINE = 500
"""Symbols of a line at most."""
SHOWN = 600
"""Characters of the end of the text that are shown."""

Continuations = list[tuple[str, list[int], float]]
"""Texts that may come next, each with its symbols and its probability."""


@dataclass(frozen=True)
class Draft:
    """A text on the way.

    Parameters
    ----------
    start : State    what was read before it
    indices : tuple of int      its symbols
    nats : tuple of float       the cost of each
    state : State    what the model remembers after it
    """

    start: State
    indices: tuple[int, ...]
    nats: tuple[float, ...]
    state: State

    def text(self, chars: Vocabulary[Any]) -> str:
        """Return the text, as it goes on after what was read before."""
        return chars.decode_after(self.start.line, self.indices)

    def sample(self, chars: Vocabulary[Any]) -> Sample:
        """Return the text as a Sample."""
        drawn = chars.to_bytes(self.indices) if chars.level == 'byte' else None
        return Sample(self.text(chars), drawn, np.array(self.nats), self.state)


def extended(model: LanguageModel, chars: Vocabulary[Any], draft: Draft, indices: Sequence[int]) -> Draft:
    """Return the draft with more symbols."""
    state, nats = draft.state, list(draft.nats)
    for index in indices:
        costs, carry = expected(model, state)
        nats.append(float(costs[index]))
        state = replace(state, carry=carry, pending=index)
    longer = Draft(draft.start, (*draft.indices, *indices), tuple(nats), state)
    if chars.level == 'word':
        line = (draft.start.line + longer.text(chars)).rpartition('\n')[2]
        longer = replace(longer, state=replace(state, line=line))
    return longer


def continuations(model: LanguageModel, chars: Vocabulary[Any], state: State) -> Continuations:
    """Return the likeliest symbols, and for characters the likeliest whole words: text, symbols and probability."""
    costs, _ = expected(model, state)
    likeliest = [i for i in np.argsort(costs, kind='stable').tolist() if i != chars.silent][:SYMBOLS]
    found = [(chars.decode_after(state.line, [i]), [i], math.exp(-costs[i])) for i in likeliest]
    if chars.level == 'char':
        found += [each for each in words_after(model, chars, state) if each[0] not in {text for text, *_ in found}]
    return found


def words_after(model: LanguageModel, chars: Vocabulary[Any], state: State) -> Continuations:
    """Return the likeliest ends of the word that a text of characters stands in, or words that it may go on with.

    The probability is that of the letters and of any other symbol after them.  The likeliest beginnings are looked at
    first, so the words come in the order of their probabilities.
    """
    is_letter = np.array([c.isalpha() or c in "'’" for c in (chars.decode([i]) for i in range(len(chars)))])
    found: Continuations = []
    numbers, looks = itertools.count(), 0
    queue: list[tuple[float, int, tuple[int, ...], State | None]] = [(0.0, 0, (), state)]
    while queue and len(found) < WORDS and looks < LOOKS:
        cost, _, indices, before = heapq.heappop(queue)
        if before is None:
            found.append((chars.decode(indices), list(indices), math.exp(-cost)))
            continue
        costs, carry = expected(model, before)
        looks += 1
        if indices and is_letter[indices[-1]]:
            end = -np.logaddexp.reduce(-costs[~is_letter], initial=-np.inf)
            heapq.heappush(queue, (cost + end, next(numbers), indices, None))
        for index in np.argsort(costs, kind='stable').tolist()[:BRANCHES]:
            if len(indices) < LONGEST and index != chars.silent and (is_letter[index] or not indices):
                after = replace(before, carry=carry, pending=index)
                heapq.heappush(queue, (cost + costs[index], next(numbers), (*indices, index), after))
    return found


def table_of(found: Continuations) -> Table:
    """Return the continuations with their numbers and probabilities."""
    rows = [(n, repr(text), p, BARS[-1] * round(BAR * p)) for n, (text, _, p) in enumerate(found, 1)]
    return Table([Column('', align='>'), Column(''), Column('', '.3f', '>'), Column('')], rows)


def converse(
    run: Run, start: State, before: str, temp: float, draws: np.random.Generator, ask: Callable[[str], str]
) -> Draft:
    """Extend a text step by step, as the answers of `ask` say, until one ends it; `ask` shows what it is given.

    Ctrl-C ends it too, also while the model writes: the text so far is kept.

    Parameters
    ----------
    before : str    the text before, to show
    """
    model, chars = run.learner.evaluated, run.data.chars
    drafts, said = [Draft(start, (), (), start)], HELP
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            draft, found = drafts[-1], continuations(model, chars, drafts[-1].state)
            text = before + draft.text(chars)
            cut = '…' if len(text) > SHOWN else ''
            typed = ask(f'{said}\n{cut}{text[-SHOWN:]}▌\n{table_of(found)}\nnumber, text, t, u, q or ?  ')
            said = ''
            if typed == 'q':
                break
            if typed == 'u' and len(drafts) > 1:
                drafts.pop()
            elif typed in ('u', '?'):
                said = HELP if typed == '?' else '  there is nothing to undo'
            elif typed.isdecimal() and not 0 < int(typed) <= len(found):
                said = f'  there are {len(found)} continuations; ={typed} writes {typed}'
            else:
                try:
                    indices = chosen(run, draft.state, found, typed, temp, draws)
                    drafts.append(extended(model, chars, draft, indices))
                except CharRNNError as error:
                    said = f'  {printable(error.what)}'
    return drafts[-1]


def chosen(
    run: Run, state: State, found: Continuations, typed: str, temp: float, draws: np.random.Generator
) -> list[int]:
    """Return the symbols that an answer adds: the rest of a line, a continuation by number, or a text."""
    if typed == 't':
        return rest_of_line(run, state, temp, draws)
    if typed == '' or typed.isdecimal():
        return found[int(typed or 1) - 1][1]
    symbols: list[int] = run.data.chars.encode(typed.removeprefix('=').replace('\\n', '\n')).tolist()
    return symbols


def rest_of_line(run: Run, state: State, temp: float, draws: np.random.Generator) -> list[int]:
    """Return the symbols that the model writes up to a line break; at the end of a line, the line break."""
    chars = run.data.chars
    request = request_of(run, LINE, temp, Wishes(stop='\n'))
    (line,) = write_samples(run, [(state, state.line)], request, draws)
    drawn = line.bytes if chars.level == 'byte' else line
    symbols = list(drawn) if isinstance(drawn, bytes) else chars.encode(drawn, errors='replace').tolist()
    return symbols or chars.encode('\n', errors='replace').tolist()


@known_names_only
def write(ms: Session, prime: Prime = None, temp: float = 0.5, *, seed: int | None = None) -> Sample:
    """Write a text together with the model, at a terminal.

    It shows the likeliest continuations: symbols, and for characters whole
    words. Choose one by number, type text of your own, let the model write
    to the end of the line, undo. The result is the text, as generatestring
    returns it, with its state to go on from.

    Parameters
    ----------
    prime : str     the text before, or a State; by default as in
                    generatestring
    temp : float    of the lines that the model writes
    seed : int      fixes them; by default they differ each time

    Raises SamplingError (no terminal), CharSetError (an unknown symbol).
    """
    run = run_of(ms)
    run.attachments.refuse_waiting('samplefilter')
    temp = real(0)('temp', temp, 0.5)
    draws = np.random.default_rng(None if seed is None else whole(0)('seed', seed, 0))
    try:
        start, before = start_of(run, prime)
    except CharSetError as error:  # write takes no errors=
        raise CharSetError(error.what, "ms.chars shows them; prime=ms.read(text, errors='replace')") from None
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise SamplingError(
            'ms.write() talks with you at a terminal, and this is a notebook, a pipe or a script.',
            'ms.next() shows what may come, ms.generatestring() goes on',
        )
    return converse(run, start, before, temp, draws, lambda shown: input(fitting(shown))).sample(run.data.chars)
