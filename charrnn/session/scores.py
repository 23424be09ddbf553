"""Measuring a model, and a text by a model: the verbs evaluate, checkcausal and score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import truth
from charrnn.display.colours import CIVIDIS, Coloured, ColouredText, Scale, first_of_each, places_table
from charrnn.display.progress import Screen
from charrnn.display.tables import Column, Several, Table, Tabular, write_csv
from charrnn.display.text import NOUNS, fitted, shorten
from charrnn.errors import warn
from charrnn.evaluation.adaptation import Adaptive
from charrnn.evaluation.causality import first_look_ahead
from charrnn.evaluation.cost import score_texts
from charrnn.evaluation.units import Evaluation, perplexity, word_perplexity
from charrnn.sampling.sampler import not_numbers
from charrnn.sampling.state import State
from charrnn.session.beginnings import half_again, unusual
from charrnn.session.copied import ATLEAST, share_of, spans_of
from charrnn.session.given import Given, given_list, given_text
from charrnn.session.prime import Prime, newline_of, start_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.training.launch import rank_here, together

MOST_SURPRISING = 10
"""Places of a text in the table of its score."""
BRIGHTEST = 1.5
"""The upper end of the colours, in costs of a guess among all symbols: beyond it, a symbol is very odd."""
ODDEST = 20
"""Texts in the table of several scores."""
MOST_SEARCHED = 5_000_000
"""Symbols of the training text in which a scored text is looked for: a few hundredths of a second."""
MOSTLY = 0.9
"""Share of a text in the training text from which on the text counts as standing there."""


@known_names_only
def evaluate(ms: Session, split: str = 'valid', *, adapt: bool = False) -> Evaluation:
    """Measure the loss of a split, beside its baselines.

    Every symbol is scored once, under a protocol that the result states.
    Nothing of the run changes. The ladder is measured once for a text;
    of a long split on its beginning, which the result says.

    Parameters
    ----------
    split : str     'valid', 'train', or 'test', which is measured on the
                    best checkpoint
    adapt : bool    a copy of the model reads the split in one stream and
                    learns from each symbol after it was scored (dynamic
                    evaluation), as xz and other adaptive coders do;
                    100,000 symbols take a minute or more

    Raises TrainingError (there is no such split).
    """
    run = run_of(ms)
    run.data.split(split)  # or it says what is wrong
    adapt = truth('adapt', adapt, False)
    model, label = run.best_model() if split == 'test' else (run.learner.evaluated, '')
    screen = Screen(level=run.data.chars.level, quiet=rank_here() > 0)
    with together(run.learner.device) as team:
        return run.measurements.evaluate(model, split, label, screen, adapt=adapt, team=team)


@known_names_only
def checkcausal(ms: Session) -> bool:
    """Test that no symbol changes an earlier prediction.

    Tried on this model, with its weights as they are. A model that
    looks ahead is named in a warning too: its losses are no losses of
    prediction.
    """
    run = run_of(ms)
    place = first_look_ahead(run.learner.evaluated, len(run.data.chars))
    if place is not None:
        warn(
            f'this {run.modeltype} looks ahead: the symbol at place {place} changed predictions before it. '
            'Its losses are not losses of prediction.'
        )
    return place is None


@fitted
@dataclass(frozen=True, eq=False, repr=False)
class Score(Coloured):
    """The cost of each symbol of a text for a model that has read everything before it.

    ``sum(score)``, ``len(score)`` and ``score[3]`` are those of `nats`.

    Parameters
    ----------
    text : str
    symbols : tuple of str        the text in symbols: characters, bytes or words
    nats : (symbols,) float64     the cost of each, -ln of its probability; read-only
    bits_per_char, bits_per_byte : float     of the text as UTF-8; for words with the cost of spelling
    perplexity : float            e^(mean of nats), per symbol
    word_perplexity : float       per word of the text at any level; a line break counts as a word; nan without any
    spelling_nats : float         for words: the cost of what the model cannot encode, which nats lacks
    level : str                   'char', 'byte' or 'word'
    number : int                  the place of the text in the list that was given, from 1 on
    places : (symbols, 2) int64   begin and end of each symbol in the text, in characters
    uniform_nats : float          the cost of a symbol if all were equally likely
    copied : float                the share of the text that stands word for word in the training text, or in its first
                                  MOST_SEARCHED symbols, as ms.copied(text).share: the model may know it by heart
    unread : str                  the call that begins a run on half of the training text; empty if the file is gone
    """

    text: str
    symbols: tuple[str, ...]
    nats: NDArray[np.float64]
    bits_per_char: float
    bits_per_byte: float
    perplexity: float
    word_perplexity: float
    spelling_nats: float
    level: str
    number: int
    places: NDArray[np.int64]
    uniform_nats: float
    copied: float
    unread: str

    @property
    def total(self) -> float:
        """The cost of all symbols, in nats, without that of spelling."""
        return float(self.nats.sum())

    def __len__(self) -> int:
        return len(self.nats)

    def __iter__(self) -> Iterator[float]:
        return iter(self.nats.tolist())

    def __getitem__(self, which: Any) -> Any:
        return self.nats[which]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.nats, dtype) if copy else np.asarray(self.nats, dtype)

    def to_csv(self, path: str | Path) -> None:
        """Write a row for each symbol as comma-separated values: its number, the symbol, nats, bits."""
        rows = zip(range(len(self)), self.symbols, self, (self.nats / math.log(2)).tolist(), strict=True)
        write_csv(path, ('number', 'symbol', 'nats', 'bits'), rows)

    def coloured(self) -> ColouredText:
        """Return the text with the bits of each symbol; those of the bytes of one character are added."""
        first = first_of_each(self.places)
        bits = np.add.reduceat(self.nats, first) / math.log(2)
        scale = Scale(0, max(1.0, BRIGHTEST * self.uniform_nats / math.log(2)), CIVIDIS, 'bits')
        return ColouredText(self.text, self.places[first], bits, scale, NOUNS[self.level])

    def table(self) -> Table:
        """Return the totals, and the most surprising places of the text."""
        bits = (self.total + self.spelling_nats) / math.log(2)
        size = f'{len(self):,} {NOUNS[self.level]}'
        lines = [f'{size}: {bits:.4g} bits, {self.bits_per_char:.4f} per character, {self.bits_per_byte:.4f} per byte']
        words = f', {self.word_perplexity:.4g} per word' if not math.isnan(self.word_perplexity) else ''
        lines.append(f'perplexity {self.perplexity:.4g} per {self.level}{words}')
        if self.spelling_nats:
            lines.append(f'{self.spelling_nats / math.log(2):.4g} of the bits spell what the model cannot encode')
        if self.copied:
            lines.append(f'{100 * self.copied:.0f} % of it stands {_known_by_heart("it")}')
            lines += [half_of(self.unread)] if self.copied >= MOSTLY and self.unread else []
        shown = self.coloured()
        order = np.argsort(-shown.values, kind='stable')[:MOST_SURPRISING].tolist()
        column = Column('bits', '.2f', '>')
        return places_table(shown, order, column, '\n'.join(lines), 'the most surprising places; .nats has all')


class Scores(Several, Tabular, tuple[Score, ...]):
    """The scores of several texts, the oddest first: a tuple that the prompt shows as a table."""

    __slots__ = ()

    def table(self) -> Table:
        """Return a row for each of the first scores."""
        level = self[0].level
        columns = [
            Column('no.', ',', '>'),
            Column('bits/char', '.3f', '>'),
            Column(f'{level}s', ',', '>'),
            Column('text'),
        ]
        rows = [(s.number, s.bits_per_char, len(s), shorten(s.text, 50)) for s in self[:ODDEST]]
        lines = [f'… {len(self) - ODDEST:,} more'] if len(self) > ODDEST else []
        lines.append('no. counts the texts as given, from 1; [0] shows the oddest by symbol')
        if median(map(len, self[:ODDEST])) < median(map(len, self)) / 2:
            lines.append('short texts cost more per character, also usual ones: compare texts of like length')
        if copied := sum(one.copied >= MOSTLY for one in self):
            lines.append(f'{copied:,} of these {len(self):,} texts stand {_known_by_heart("them")}')
            lines += [half_of(self[0].unread)] if self[0].unread else []
        return Table(columns, rows, after='\n'.join(lines))


def _known_by_heart(them: str) -> str:
    return f'word for word in the training text: the model may know {them} by heart, and find nothing odd'


def half_of(call: str) -> str:
    """Return the line that tells how a run is begun which has read half of the text only."""
    return f'Next: ms = {call}, then ms.trainmodel(), which reads half of the text; score the other half'


@overload  # a str is an Iterable as well; the first line that fits counts
def score(  # type: ignore[overload-overlap]
    ms: Session, text: str | bytes, *, prime: Prime = None, errors: str = 'strict', adapt: bool = False
) -> Score: ...
@overload
def score(
    ms: Session,
    text: Iterable[str] | Iterable[bytes],
    *,
    prime: Prime = None,
    errors: str = 'strict',
    adapt: bool = False,
) -> Scores: ...
@known_names_only
def score(
    ms: Session, text: Any, *, prime: Prime = None, errors: str = 'strict', adapt: bool = False
) -> Score | Scores:
    """Measure the cost of each symbol of a text.

    The prompt shows the text coloured by surprise; without colours, the
    most surprising places. `.nats` is the cost of each symbol, in nats,
    .total their sum, .bits_per_char the cost of the text, .to_csv(path)
    saves. A list of texts gives a table, the oddest text first; a short
    text costs more per character than a long one. A text that stands in
    the training text (.copied is the share of it) may be known by heart:
    a run that has not read it finds it odd, this one does not.

    Parameters
    ----------
    text : str       or a list of them, each by itself; a model of bytes
                     also takes bytes
    prime : str      read first, and not scored; by default as in
                     generatestring: a line break, or the first training
                     symbol of a text without one
    errors : str     'strict', or 'replace': symbols that the model does
                     not know are read as U+FFFD or <unk>
    adapt : bool     a copy of the model learns from each symbol after
                     it was scored, for each text from the start

    Raises CharSetError (an unknown symbol), SamplingError (no text).
    """
    run = run_of(ms)
    adapt = truth('adapt', adapt, False)
    state, _ = start_of(run, prime, errors)
    if isinstance(text, str | bytes) or not isinstance(text, Iterable):
        return _scores(run, [given_text(run, text, errors, 'ms.score({})')], state, adapt)[0]
    given = given_list(run, text, errors, 'ms.score([{}])')
    return Scores(sorted(_scores(run, given, state, adapt), key=lambda one: -one.bits_per_char))


def costs_of_texts(run: Run, state: State, texts: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float64]]:
    """Return the cost of each symbol of each text, each from one state on."""
    return score_texts(run.learner.evaluated, state.carry, state.pending, texts)


def costs_adaptively(run: Run, state: State, texts: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float64]]:
    """Return the same by a copy of the model that learns while it reads, and forgets that after each text."""
    reader = Adaptive(run.learner.evaluated, run.data.train, run.learner.hyper.seq_len)
    found = []
    for ids in texts:
        nats = reader.nats(np.concatenate([[state.pending], ids]), state.carry)
        assert nats is not None, 'nothing stops it'
        found.append(nats)
        reader.reset()
    return found


def _scores(run: Run, given: Sequence[Given], state: State, adapt: bool) -> list[Score]:
    """Return the score of each text, as it goes on from a state."""
    chars, found = run.data.chars, list[Score]()
    before = chars.to_bytes([state.pending])[-1:]
    training, quiet = run.data.train[:MOST_SEARCHED], Screen(level=chars.level, quiet=True)
    spans = spans_of(given, training, newline_of(run), ATLEAST, quiet)
    options = unusual(run.learner.modeltype, run.learner.hyper, run.learner.seed)
    unread = half_again(run.data, run.workspace.name, options) if any(spans) else ''
    read = costs_adaptively if adapt else costs_of_texts
    costs = read(run, state, [one.ids for one in given])
    for number, (one, nats) in enumerate(zip(given, costs, strict=True), 1):
        if np.isnan(nats).any():
            raise not_numbers()
        nats.flags.writeable = False
        size = run.measurements.size_of(one.bytes, before)
        total = float(nats.sum()) + size.spelling_nats
        found.append(
            Score(
                text=one.text,
                symbols=one.symbols,
                nats=nats,
                bits_per_char=total / math.log(2) / size.chars,
                bits_per_byte=total / math.log(2) / size.bytes,
                perplexity=perplexity(float(nats.mean())),
                word_perplexity=word_perplexity(total, size),
                spelling_nats=size.spelling_nats,
                level=chars.level,
                number=number,
                places=one.places,
                uniform_nats=math.log(len(chars.symbols)),
                copied=share_of(spans[number - 1], len(one.ids)),
                unread=unread,
            )
        )
    return found
