"""One yardstick for models of different levels: bits per byte of the same text as UTF-8.

A char or byte model gives every text back, so its loss is the whole cost.  A word model does not: what decoding cannot
give back (an unknown word, capitals it does not read, other white space than one space or a line break) it must pay for
besides, by spelling it, character by character and with an end mark, under the unigram of the training text's
characters.  So a word model that knows few words cannot win by calling the others <unk>.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from charrnn.evaluation.protocol import SplitScore
from charrnn.text.charset import CODE_POINTS, code_points
from charrnn.text.dataset import NOUNS, Dataset
from charrnn.text.wordset import WordSet

MOST_BYTES = 64 * 2**20  # of the training text, for the unigram of characters


@dataclass(frozen=True)
class TextSize:
    """How much text a number of symbols stands for.

    Parameters
    ----------
    bytes, chars, words : int    of its UTF-8; words between white space, and every line break
    spelling_nats : float        what the vocabulary must pay besides its own loss
    """

    bytes: int
    chars: int
    words: int
    spelling_nats: float


def measure_text(text: bytes, data: Dataset) -> TextSize:
    """The size of a text for the vocabulary of `data`, whose training split gives the unigram of characters."""
    decoded = text.decode('utf-8', 'surrogateescape')
    words = len(decoded.split()) + decoded.count('\n')
    spelling = spelling_nats(decoded, data.chars, data) if isinstance(data.chars, WordSet) else 0.0
    return TextSize(len(text), len(decoded), words, spelling)


def spelling_nats(text: str, words: WordSet, data: Dataset) -> float:
    """What it costs to spell all that the word vocabulary cannot give back of a text.

    The alphabet is the characters of the training text with one added to each count, an end mark as frequent as words
    are, and one more symbol, of count 1, for any other code point, which then costs log(1,114,112) more.
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
class Evaluation:
    """The loss of one split in every unit, and what it is measured against.

    Parameters
    ----------
    nats : float             mean cross-entropy in nats per symbol (character, byte or word)
    stderr : float           its standard error, from blocks of seq_len symbols; nan for a single block
    symbols : int            how many symbols were scored, each once
    bits_per_char, bits_per_byte : float     of the text as UTF-8; what words cannot spell is paid for
    perplexity : float       e^nats, per symbol
    word_perplexity : float  per word of the text (line breaks counted), at any level
    ladder : dict            the same split in nats per symbol for readers who know less: see evaluation/ladder.py
    protocol : str           how it was measured
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
        rungs = ', '.join(f'{rung} {nats:.4f}' for rung, nats in self.ladder.items())
        lines = [
            f'{self.nats:.4f} ± {self.stderr:.4f} nats/{self.level} over {self.symbols:,} {NOUNS[self.level]}',
            f'bits      {self.bits_per_char:.4f} per character, {self.bits_per_byte:.4f} per byte',
            f'perplex.  {self.perplexity:.4g} per {self.level}, '
            f'{self.word_perplexity:.4g} per word of the text, spelling included',
            f'ladder    {rungs}',
            f'protocol  {self.protocol}',
        ]
        if self.nats >= self.ladder.get('unigram', math.inf):
            lines.insert(1, f'not better than the unigram rung: counting {NOUNS[self.level]} does as well')
        return '\n'.join(lines)


def in_every_unit(score: SplitScore, size: TextSize, ladder: dict[str, float], label: str, level: str) -> Evaluation:
    """Return an Evaluation from a measured loss and the size of its text; `label` begins the protocol's line."""
    total = score.nats * score.symbols + size.spelling_nats
    part = 'whole split' if score.is_whole else f'{score.symbols:,} of {score.size:,} symbols'
    reads = f'each reads {score.warmup} symbols before its slice, carry runs on'
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
