"""The units of a loss: nats, bits, perplexity, and bits per byte, which compare models of different levels.

A char or byte model encodes a text without loss, so its loss is the whole cost.  A word model does not: decoding loses
unknown words, capitals (with `lower`), and white space other than one space or a line break.  What is lost is added to
the cost: it is spelled character by character, with an end mark, under the unigram of the training text's characters.
Where a spelled part does not stand for <unk>, its place is paid too: choosing k of n places costs log(n! / k! (n-k)!).
So a word model with a small vocabulary does not win by encoding all other words as <unk>.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from charrnn.display.standing import OVERSHOOT, diverged, guessing
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import NOUNS, fitted
from charrnn.evaluation.archivers import ARCHIVERS
from charrnn.evaluation.protocol import SplitScore
from charrnn.text.charset import CODE_POINTS, code_points
from charrnn.text.dataset import Dataset
from charrnn.text.wordset import WordSet

MOST_BYTES = 64 * 2**20
"""The unigram of characters is fitted on this many bytes at the end of the training text."""

PER_WORD = 'per word: as unsure as among that many words, at each word and line break of the text'
LEARNS = 'an adaptive coder learns while it reads'
LEFT_OUT = 'without the package pyppmd, the rung PPMd is left out.  Next: at a shell: pip install pyppmd'
UNKNOWN_WORDS = 'words it does not know are charged letter by letter'


@dataclass(frozen=True)
class TextSize:
    """The size of a text in every unit.

    Parameters
    ----------
    bytes, chars : int       of the text as UTF-8
    words : int              strings between white space, plus line breaks; 0 for other white space alone
    spelling_nats : float    the cost of what a word vocabulary cannot encode; 0 for characters and bytes
    """

    bytes: int
    chars: int
    words: int
    spelling_nats: float


class Letters(NamedTuple):
    """The cost of spelling, in nats: of each code point, (CODE_POINTS,), and of an end mark."""

    costs: NDArray[np.float64]
    end: float

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64], ends: int) -> Self:
        """Return the cost that follows from how often the training text has each code point, and words that end.

        The alphabet is the characters of the training text with one added to each count, an end mark that is as
        frequent as words are, and one more symbol, of count 1, for all other code points; each of these costs
        log(1,114,112) more.
        """
        known = counts > 0
        total = counts.sum() + known.sum() + (ends + 1) + 1
        other = math.log(total) + math.log(CODE_POINTS)
        return cls(np.where(known, math.log(total) - np.log(counts + 1), other), math.log(total) - math.log(ends + 1))


def measure_text(
    text: bytes, data: Dataset, before: bytes = b'', letters: Callable[[], Letters] | None = None
) -> TextSize:
    """Return the size of a text for the vocabulary of `data`; its training split gives the unigram of characters.

    Parameters
    ----------
    before : bytes         the last byte before the text in its source, if there is one: a space that parts a word
                           before the text from its first word comes back in decoding, and is free
    letters : callable     returns ``letters_of(data)``, if the caller keeps that
    """
    decoded = text.decode('utf-8', 'surrogateescape')
    words = len(decoded.split()) + decoded.count('\n')
    continues = before not in (b'', b'\n') and text[:1].isspace()
    spelling = 0.0
    if isinstance(data.chars, WordSet):
        spelling = spelling_nats(decoded, data.chars, data, continues, letters)
    return TextSize(len(text), len(decoded), words, spelling)


def letters_of(data: Dataset) -> Letters:
    """Return the cost of spelling, from the training text of `data`."""
    return Letters.of_counts(*letter_counts(data))


def letter_counts(data: Dataset) -> tuple[NDArray[np.int64], int]:
    """Return how often the training text has each code point, (CODE_POINTS,), and how many words and line breaks."""
    training = data.text('train', MOST_BYTES).decode('utf-8', 'replace')
    counts = np.bincount(code_points(training), minlength=CODE_POINTS)
    return counts, len(training.split()) + training.count('\n')


def spelling_nats(
    text: str,
    words: WordSet,
    data: Dataset,
    continues: bool = False,
    letters: Callable[[], Letters] | None = None,
) -> float:
    """Return the cost, in nats, of spelling the parts of a text that the word vocabulary cannot encode.

    Which places are spelled is paid for too, given their number: among the white spaces, the symbols with index 0, and
    the other symbols.  For index 0 that is nothing, unless the vocabulary itself holds <unk>.
    """
    spelled = list(words.spelled(text, continues))
    if not spelled:
        return 0.0
    costs, end = letters() if letters else letters_of(data)
    unknown = words.encode(text, errors='replace') == 0
    places = np.array([place for place, _ in spelled])
    symbols = unknown[places[places % 2 == 1] // 2]  # for each spelled symbol, True if its index is 0
    chosen = (
        _log_choices(len(unknown) + 1, int((places % 2 == 0).sum()))
        + _log_choices(int(unknown.sum()), int(symbols.sum()))
        + _log_choices(int((~unknown).sum()), int((~symbols).sum()))
    )
    return float(costs[code_points(''.join(part for _, part in spelled))].sum()) + end * len(spelled) + chosen


def _log_choices(n: int, k: int) -> float:
    """Return the logarithm of the number of ways to choose k of n places."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@fitted
@dataclass(frozen=True)
class Evaluation(Tabular):
    """The loss of one split in every unit, with the baselines of the same split.

    Parameters
    ----------
    nats : float             mean cross-entropy in nats per symbol (character, byte or word)
    stderr : float           its standard error, from blocks of seq_len symbols; nan for a single block
    symbols : int            the number of symbols scored, each once
    bits_per_char, bits_per_byte : float     of the text as UTF-8; for words with the cost of spelling
    perplexity : float       e^nats, per symbol
    word_perplexity : float  per word of the text at any level; a line break counts as a word; nan without any
    ladder : dict            baselines of the same split, in nats per symbol: see evaluation/ladder.py
    protocol : str           the split, the symbols scored, the lanes and the warm-up
    level : str              'char', 'byte' or 'word'
    in_sample : bool         True for 'train': all rungs but the uniform one were fitted on the text they measure
    adaptive : tuple of str  the rungs that go on learning while they read the split; all others are static
    ladder_symbols : int     the symbols that the ladder was measured on, the first ones of the split
    """

    nats: float
    stderr: float
    symbols: int
    bits_per_char: float
    bits_per_byte: float
    perplexity: float
    word_perplexity: float
    ladder: dict[str, float] = field(default_factory=dict)
    protocol: str = ''
    level: str = 'char'
    in_sample: bool = False
    adaptive: tuple[str, ...] = ()
    ladder_symbols: int = 0

    def __repr__(self) -> str:
        ladder = ', '.join(f'{rung!r}: {_written(nats, ".4f")}' for rung, nats in self.ladder.items())
        return (
            f'Evaluation(nats={_written(self.nats, ".4f")}, stderr={_written(self.stderr, ".4f")}, '
            f'symbols={self.symbols}, bits_per_char={_written(self.bits_per_char, ".4f")}, '
            f'bits_per_byte={_written(self.bits_per_byte, ".4f")}, perplexity={_written(self.perplexity, ".4g")}, '
            f'word_perplexity={_written(self.word_perplexity, ".4g")}, ladder={{{ladder}}}, '
            f'protocol={self.protocol!r}, level={self.level!r}'
            f'{", in_sample=True" if self.in_sample else ""}{f", adaptive={self.adaptive}" if self.adaptive else ""}'
            f'{f", ladder_symbols={self.ladder_symbols}" if self.is_sampled else ""})'
        )

    def __str__(self) -> str:
        return str(self.table())

    def table(self) -> Table:
        """Return a row for each unit, the ladder and the protocol."""
        loss = f'{self.nats:.4f}{error_bar(self.stderr)} nats/{self.level} over {self.symbols:,} {NOUNS[self.level]}'
        if math.isnan(self.stderr):
            loss += ', in one block: too short a text for an error bar'
        has_words = not math.isnan(self.word_perplexity)
        words = f'{self.word_perplexity:.4g} per word of the text' if has_words else 'no words in the text'
        rows = [
            ('loss', loss),
            ('bits', f'{self.bits_per_char:.4f} per character, {self.bits_per_byte:.4f} per byte'),
            ('perplexity', f'{self.perplexity:.4g} per {self.level}, {words}'),
            *[('', PER_WORD)] * has_words,
            *[('', UNKNOWN_WORDS)] * (self.level == 'word'),
            *zip(('ladder', *[''] * 3), self._ladder_lines(), strict=False),
            ('protocol', self.protocol),
        ]
        return Table((Column(''), Column('')), rows, after=self._note())

    @property
    def is_sampled(self) -> bool:
        """True if the ladder was measured on a part of the symbols that the model was."""
        return 0 < self.ladder_symbols < self.symbols

    def _ladder_lines(self) -> list[str]:
        """Return a line for the static rungs, one for the adaptive ones, and one for PPMd if it was left out."""
        lines = [f'measured on the first {self.ladder_symbols:,}: a sample'] if self.is_sampled else []
        for kind, learns in (('static', False), ('adaptive', True)):
            rungs = {r: f'{r} {nats:.4f}' for r, nats in self.ladder.items() if (r in self.adaptive) == learns}
            free = rungs.pop('uniform', '') if self.in_sample else ''
            fitted = ', '.join(rungs.values())
            if self.in_sample and fitted:
                fitted = f'fitted on this same text: {fitted}'
            if free or fitted:
                lines.append(f'{kind}: {"; ".join(filter(None, (free, fitted)))}')
        if self.adaptive:
            lines[-1] += f' ({LEARNS})'
            lines += [] if 'PPMd' in self.ladder else [LEFT_OUT]
        return lines or ['']

    def _note(self) -> str:
        """Return a line about a loss that is no better than a simple rung; empty if it is better."""
        uniform, unigram = self.ladder.get('uniform', math.inf), self.ladder.get('unigram', math.inf)
        if self.nats > uniform + OVERSHOOT:
            return f"{diverged(self.nats, uniform)}.  Next: ms.restore('best')"
        if self.nats >= unigram > 0:  # 0: the text repeats one symbol
            return f'{guessing(self.level, unigram)}: train longer'
        return ''


def in_every_unit(
    score: SplitScore,
    size: TextSize,
    ladder: dict[str, float],
    label: str,
    level: str,
    in_sample: bool,
    learns: int = 0,
    ladder_symbols: int = 0,
) -> Evaluation:
    """Return the Evaluation for a measured loss and the size of its text; its protocol begins with `label`.

    Parameters
    ----------
    ladder_symbols : int    symbols that the ladder was measured on
    learns : int    symbols after which the model learned from them, in an adaptive evaluation; 0: it did not
    """
    total = score.nats * score.symbols + size.spelling_nats
    part = 'whole split' if score.is_whole else f'{score.symbols:,} of {score.size:,} symbols'
    reads = f'{score.lanes} lanes, each reads {score.warmup} symbols before its slice, carry goes on'
    if learns:
        reads = (
            f'one stream, adaptive: learns from each {learns} symbols once they are scored; {score.warmup} read before'
        )
    return Evaluation(
        score.nats,
        score.stderr,
        score.symbols,
        total / math.log(2) / size.chars,
        total / math.log(2) / size.bytes,
        perplexity(score.nats),
        word_perplexity(total, size),
        ladder,
        f'{label}{part}, {reads}',
        level,
        in_sample,
        tuple(rung for rung in ladder if rung in ARCHIVERS),
        ladder_symbols or score.size,
    )


def _written(number: float, form: str) -> str:
    """Return a number as Python reads it: also nan and inf."""
    return format(number, form) if math.isfinite(number) else f'float({str(number)!r})'


def error_bar(stderr: float) -> str:
    """Return a standard error as it follows a number; nothing for nan, the standard error of a single block."""
    return '' if math.isnan(stderr) else f' ± {stderr:.4f}'


def perplexity(nats: float) -> float:
    """Return e^nats; inf beyond the largest float, nan for nan."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def word_perplexity(total: float, size: TextSize) -> float:
    """Return the perplexity per word of a text that costs `total` nats; nan for a text without words."""
    return perplexity(total / size.words) if size.words else math.nan
