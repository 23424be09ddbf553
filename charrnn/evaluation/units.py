"""The units of a loss: nats, bits, perplexity, and bits per byte, which compare models of different levels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from charrnn.display.standing import OVERSHOOT, diverged, guessing
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import NOUNS, fitted
from charrnn.evaluation.archivers import ARCHIVERS
from charrnn.evaluation.protocol import SplitScore
from charrnn.evaluation.textsize import TextSize

PER_WORD = 'per word: as unsure as among that many words, at each word and line break of the text'
LEARNS = 'an adaptive coder learns while it reads'
LEFT_OUT = 'without the package pyppmd, the rung PPMd is left out.  Next: at a shell: pip install pyppmd'
UNKNOWN_WORDS = 'nats/word with the letters of words it does not know, for which xz and PPMd pay, too'


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
    spelled_nats : float     nats per symbol with the cost of spelling what a word model cannot encode: the adaptive
                             rungs pay for it, too; at other levels the same as `nats`
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
    spelled_nats: float = math.nan

    def __repr__(self) -> str:
        ladder = ', '.join(f'{rung!r}: {_written(nats, ".4f")}' for rung, nats in self.ladder.items())
        spelled = _written(self.spelled_nats, '.4f')
        return (
            f'Evaluation(nats={_written(self.nats, ".4f")}, stderr={_written(self.stderr, ".4f")}, '
            f'symbols={self.symbols}, bits_per_char={_written(self.bits_per_char, ".4f")}, '
            f'bits_per_byte={_written(self.bits_per_byte, ".4f")}, perplexity={_written(self.perplexity, ".4g")}, '
            f'word_perplexity={_written(self.word_perplexity, ".4g")}, ladder={{{ladder}}}, '
            f'protocol={self.protocol!r}, level={self.level!r}'
            f'{", in_sample=True" if self.in_sample else ""}{f", adaptive={self.adaptive}" if self.adaptive else ""}'
            f'{f", ladder_symbols={self.ladder_symbols}" if self.is_sampled else ""}'
            f'{f", spelled_nats={spelled}" if self.level == "word" else ""})'
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
        pays = self.level == 'word' and not math.isnan(self.spelled_nats)
        rows = [
            ('loss', loss),
            *[('', f'{self.spelled_nats:.4f} {UNKNOWN_WORDS}')] * pays,
            ('bits', f'{self.bits_per_char:.4f} per character, {self.bits_per_byte:.4f} per byte'),
            ('perplexity', f'{self.perplexity:.4g} per {self.level}, {words}'),
            *[('', PER_WORD)] * has_words,
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
        total / score.symbols,
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
