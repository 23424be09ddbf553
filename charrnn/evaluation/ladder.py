"""The baseline ladder: the cost of a split under simple models, for comparison with a recurrent model.

    uniform       static      all symbols are equally likely
    unigram       static      symbol frequencies of the training split, with one added to each count, so that none is 0
    Kneser-Ney    static      n-grams: frequencies in context, mixed with those in shorter contexts; n is chosen
    xz, PPMd      adaptive    the size that the split adds to the compressed training split; PPMd needs pyppmd

Each rung is fitted on the training split and given in mean nats per symbol of the split.  A static one is then fixed;
an adaptive one goes on learning while it reads the split, as a model does in ``evaluate(adapt=True)``.

Time and memory are bounded, whatever the size of the text: the unigram reads at most the last MOST_COUNTED symbols of
the training split, each slow rung the last MOST_TRAINED symbols or bytes, and all rungs measure at most the first
MOST_MEASURED symbols of the split.

Source: Laplace's rule of succession (unigram); for the others see ngram.py and archivers.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from charrnn.evaluation.archivers import ARCHIVERS, has_ppmd
from charrnn.evaluation.ngram import MOST_TRAINED, kneser_ney_nats
from charrnn.text.dataset import Dataset
from charrnn.text.vocabulary import COUNTED_AT_ONCE, Indices, count_symbols

Counts = NDArray[np.int64]
MOST_MEASURED = 2**20
"""Symbols of a split that its ladder is measured on, at most: the first ones."""
STATIC, ADAPTIVE = ('uniform', 'unigram', 'Kneser-Ney'), tuple(ARCHIVERS)
"""All rungs.  Runs of older versions have another static one, '6-gram' or '3-gram' (Witten-Bell)."""


def baseline_ladder(
    data: Dataset,
    name: str,
    known: Mapping[str, float] | None = None,
    each_rung: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Return all rungs for the split called `name`, in nats per symbol, in their order.

    Parameters
    ----------
    known : mapping         rungs that were computed before; they are not computed again
    each_rung : callable    called after each rung that is computed
    """
    found = dict(known or {})
    for rung in missing(found):
        found[rung] = _rung_nats(rung, data, name)
        each_rung()
    return in_order(found)


def _rung_nats(rung: str, data: Dataset, name: str) -> float:
    split = data.split(name)[:MOST_MEASURED]
    if rung == 'uniform':
        return uniform_nats(data, name)
    if rung in ARCHIVERS:
        size = ARCHIVERS[rung](data.text('train', MOST_TRAINED), data.beginning(name, len(split)))
        return size * 8 * math.log(2) / len(split)
    found = count_symbols(split, len(data.chars))
    if rung == 'unigram':
        return unigram_nats(data.train_counts, found)
    return kneser_ney_nats(data.train, split, unigram_probabilities(data.train_counts, found) > 0)


def measured_on(data: Dataset, name: str) -> int:
    """Return the number of symbols of a split that its ladder is measured on."""
    return min(MOST_MEASURED, len(data.split(name)))


def missing(ladder: Mapping[str, float]) -> list[str]:
    """Return the rungs that a ladder lacks and this Python can compute."""
    return [rung for rung in STATIC + ADAPTIVE if rung not in ladder and (rung != 'PPMd' or has_ppmd())]


def in_order(ladder: Mapping[str, float]) -> dict[str, float]:
    """Return a ladder with its rungs in the order above; a file may have them in another one.

    >>> in_order({'xz': 2.0, '3-gram': 2.5, 'uniform': 4.0, 'Kneser-Ney': 1.0, 'unigram': 3.0})
    {'uniform': 4.0, 'unigram': 3.0, '3-gram': 2.5, 'Kneser-Ney': 1.0, 'xz': 2.0}
    """
    order = {rung: place for place, rung in enumerate((*STATIC[:2], '', *STATIC[2:], *ADAPTIVE))}
    return {rung: ladder[rung] for rung in sorted(ladder, key=lambda rung: (order.get(rung, order['']), rung))}


def uniform_nats(data: Dataset, name: str) -> float:
    """Return the uniform rung of a split, in nats per symbol."""
    silent = data.chars.silent
    unknown = silent is not None and holds(data.split(name), silent)  # then it is one of the targets
    return math.log(len(data.chars.symbols) + unknown)


def holds(indices: Indices, index: int) -> bool:
    """Return True if an index occurs."""
    return any(index in indices[at : at + COUNTED_AT_ONCE] for at in range(0, len(indices), COUNTED_AT_ONCE))


def unigram_probabilities(counts: Counts, found: Counts) -> NDArray[np.float64]:
    """Return the probability of each index, (V,); 0 for index 0, the unknown symbol, if neither split holds it.

    Parameters
    ----------
    counts, found : (V,)     the number of times that each index occurs in the training text, and in the split
    """
    fitted = counts + 1
    if not counts[0] and not found[0] and len(counts) > 1:
        fitted[0] = 0
    probabilities: NDArray[np.float64] = fitted / fitted.sum()
    return probabilities


def unigram_nats(counts: Counts, found: Counts) -> float:
    """Return the unigram rung, in nats per symbol; see ``unigram_probabilities``."""
    probabilities, seen = unigram_probabilities(counts, found), np.flatnonzero(found)
    return max(0.0, -float(found[seen] @ np.log(probabilities[seen]) / found.sum()))  # never -0.0


LEAST_SHIFT = 0.15
"""Nats per symbol by which the unigram rung of a split exceeds that of the training text, at least, in a shift."""
SURE = 6
"""Standard errors of a shift, at least; natural text varies by more than independent symbols would."""


def unigram_shift(counts: Counts, found: Counts) -> tuple[float, float] | None:
    """Return the unigram rungs of the training text and of a split, if the split is another population; else None.

    Each training symbol is left out of the counts that it is measured with: few symbols would seem too cheap otherwise.
    """
    other, size = unigram_nats(counts, found), int(counts.sum())
    probabilities = unigram_probabilities(counts, found)
    seen, counts = probabilities[counts > 0], counts[counts > 0]
    left_out = math.log(size - 1 + np.count_nonzero(probabilities)) - np.log(counts)
    own = float(counts @ left_out) / size
    spread = math.sqrt(float(counts @ (np.log(seen) + own) ** 2) / size)
    return (own, other) if other - own > max(LEAST_SHIFT, SURE * spread / math.sqrt(found.sum())) else None
