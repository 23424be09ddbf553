"""The symbols that a model expects: the verb next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import whole
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import BARS, fitted
from charrnn.sampling.state import expected
from charrnn.session.prime import Prime, start_of
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only

BAR = 30
"""Characters of the bar of a certain symbol."""


@fitted
@dataclass(frozen=True, repr=False, eq=False)
class Prediction(Tabular):
    """The symbols that a model expects next, the likeliest first.

    Parameters
    ----------
    symbols : tuple of str         the text of the k likeliest
    indices : tuple of int         their indices
    probabilities : (V,) float64   of every symbol, by index; they sum to 1
    level : str                    'char', 'byte' or 'word'
    """

    symbols: tuple[str, ...]
    indices: tuple[int, ...]
    probabilities: NDArray[np.float64] = field(repr=False)
    level: str

    @property
    def entropy(self) -> float:
        """The cost that the model expects of the next symbol, in nats."""
        positive = self.probabilities[self.probabilities > 0]
        return float(-(positive * np.log(positive)).sum())

    def table(self) -> Table:
        """Return a row for each symbol, with its probability, its cost in bits, and a bar."""
        rows = []
        for symbol, index in zip(self.symbols, self.indices, strict=True):
            p = float(self.probabilities[index])
            rows.append((repr(symbol), p, -math.log2(p) if p else math.inf, BARS[-1] * round(BAR * p)))
        columns = [Column(self.level), Column('probability', '.4f', '>'), Column('bits', '.2f', '>'), Column('')]
        left = 1 - sum(float(self.probabilities[index]) for index in self.indices)
        others = f'all others {max(0.0, left):.4f}; ' if len(self.indices) < len(self.probabilities) else ''
        return Table(columns, rows, after=f'{others}expected cost {self.entropy / math.log(2):.2f} bits')


@known_names_only
def next(ms: Session, prime: Prime = None, k: int = 10, *, errors: str = 'strict') -> Prediction:
    """Show the symbols that the model expects next.

    The result shows the `k` likeliest; its .probabilities are those of all
    symbols, by index.

    Parameters
    ----------
    prime : str      the text before, or a State; by default as in
                     generatestring
    k : int          symbols to show
    errors : str     'strict', or 'replace', as in generatestring

    Raises CharSetError (an unknown symbol), SamplingError.
    """
    run = run_of(ms)
    k = whole(1)('k', k, 10)
    state, _ = start_of(run, prime, errors)
    costs, _ = expected(run.learner.evaluated, state)
    probabilities = np.exp(-costs)
    probabilities /= probabilities.sum()
    likeliest = np.argsort(-probabilities, kind='stable')[:k].tolist()
    chars = run.data.chars
    texts = tuple(chars.decode([index]) for index in likeliest)
    return Prediction(texts, tuple(likeliest), probabilities, chars.level)
