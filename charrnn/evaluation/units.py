"""The units of a loss: nats, bits, perplexity, and bits per byte, which compare models of different levels.

A char or byte model encodes a text without loss, so its loss is the whole cost.  A word model does not: decoding loses
unknown words, capitals (with `lower`), and white space other than one space or a line break.  What is lost is added to
the cost: it is spelled character by character, with an end mark, under the unigram of the training text's characters.
So a word model with a small vocabulary does not win by encoding all other words as <unk>.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from charrnn.display.standing import guessing
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import NOUNS
from charrnn.evaluation.protocol import SplitScore
from charrnn.text.charset import CODE_POINTS, code_points
from charrnn.text.dataset import Dataset
from charrnn.text.wordset import WordSet

MOST_BYTES = 64 * 2**20
"""The unigram of characters is fitted on this many bytes at the end of the training text."""


@dataclass(frozen=True)
class TextSize:
    """The size of a text in every unit.

    Parameters
    ----------
    bytes, chars : int       of the text as UTF-8
    words : int              strings between white space, plus line breaks
    spelling_nats : float    the cost of what a word vocabulary cannot encode; 0 for characters and bytes
    """

    bytes: int
    chars: int
    words: int
    spelling_nats: float


def measure_text(text: bytes, data: Dataset) -> TextSize:
    """Return the size of a text for the vocabulary of `data`; its training split gives the unigram of characters."""
    decoded = text.decode('utf-8', 'surrogateescape')
    words = len(decoded.split()) + decoded.count('\n')
    spelling = spelling_nats(decoded, data.chars, data) if isinstance(data.chars, WordSet) else 0.0
    return TextSize(len(text), len(decoded), words, spelling)


def spelling_nats(text: str, words: WordSet, data: Dataset) -> float:
    """Return the cost, in nats, of spelling the parts of a text that the word vocabulary cannot encode.

    The alphabet is the characters of the training text with one added to each count, an end mark that is as frequent
    as words are, and one more symbol, of count 1, for all other code points; each of these costs log(1,114,112) more.
    """
    spelled = list(words.unspoken(text))
    if not spelled:
        return 0.0
    training = data.text('train', MOST_BYTES).decode('utf-8', 'replace')
    counts = np.bincount(code_points(training), minlength=CODE_POINTS)
    known = counts > 0
    ends = len(training.split()) + training.count('\n')
    total = counts.sum() + known.sum() + (ends + 1) + 1
    other = math.log(total) + math.log(CODE_POINTS)
    cost = np.where(known, math.log(total) - np.log(counts + 1), other)
    end = math.log(total) - math.log(ends + 1)
    return float(cost[code_points(''.join(spelled))].sum()) + end * len(spelled)


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
    word_perplexity : float  per word of the text at any level; a line break counts as a word
    ladder : dict            baselines of the same split, in nats per symbol: see evaluation/ladder.py
    protocol : str           the split, the symbols scored, the lanes and the warm-up
    level : str              'char', 'byte' or 'word'
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

    def __repr__(self) -> str:
        ladder = ', '.join(f'{rung!r}: {nats:.4f}' for rung, nats in self.ladder.items())
        return (
            f'Evaluation(nats={self.nats:.4f}, stderr={self.stderr:.4f}, symbols={self.symbols}, '
            f'bits_per_char={self.bits_per_char:.4f}, bits_per_byte={self.bits_per_byte:.4f}, '
            f'perplexity={self.perplexity:.4g}, word_perplexity={self.word_perplexity:.4g}, '
            f'ladder={{{ladder}}}, protocol={self.protocol!r}, level={self.level!r})'
        )

    def __str__(self) -> str:
        return str(self.table())

    def table(self) -> Table:
        """Return a row for each unit, the ladder and the protocol."""
        nouns, words = NOUNS[self.level], f'{self.word_perplexity:.4g} per word of the text, spelling included'
        rows = [
            ('loss', f'{self.nats:.4f} ± {self.stderr:.4f} nats/{self.level} over {self.symbols:,} {nouns}'),
            ('bits', f'{self.bits_per_char:.4f} per character, {self.bits_per_byte:.4f} per byte'),
            ('perplexity', f'{self.perplexity:.4g} per {self.level}, {words}'),
            ('ladder', ', '.join(f'{rung} {nats:.4f}' for rung, nats in self.ladder.items())),
            ('protocol', self.protocol),
        ]
        unigram = self.ladder.get('unigram', math.inf)
        note = guessing(self.level, unigram) if self.nats >= unigram else ''
        return Table((Column(''), Column('')), rows, after=note)


def in_every_unit(score: SplitScore, size: TextSize, ladder: dict[str, float], label: str, level: str) -> Evaluation:
    """Return the Evaluation for a measured loss and the size of its text; its protocol begins with `label`."""
    total = score.nats * score.symbols + size.spelling_nats
    part = 'whole split' if score.is_whole else f'{score.symbols:,} of {score.size:,} symbols'
    reads = f'each reads {score.warmup} symbols before its slice, carry goes on'
    return Evaluation(
        score.nats,
        score.stderr,
        score.symbols,
        total / math.log(2) / max(size.chars, 1),
        total / math.log(2) / max(size.bytes, 1),
        _exp(score.nats),
        _exp(total / max(size.words, 1)),
        ladder,
        f'{label}{part}, {score.lanes} lanes, {reads}',
        level,
    )


def _exp(nats: float) -> float:
    return math.inf if nats >= 700 else math.exp(nats)  # nan stays nan
