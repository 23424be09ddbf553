"""The n-gram rung of the ladder: modified Kneser-Ney smoothing, interpolated, as long as the text deserves.

For a gram of the context h and the symbol w, with h' for h without its first symbol:

    p(w | h) = (c(h, w) - D(c(h, w)) + d(h) · p(w | h')) / c(h),    and p(w | h') where c(h) is 0

c(h, w) is a count, c(h) its sum over w, D(c) a discount (one each for the counts 1, 2, and 3 or more), and d(h) the sum
of the discounts over w.  The count of a gram of n symbols is how often it stands in the training text; that of a
shorter one is the number of different symbols before it there.  Below the single symbols all symbols are alike.

Source: Kneser & Ney 1995; Chen & Goodman 1999, section 3 (the three discounts, from the counts of counts).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from charrnn.text.vocabulary import Indices

MOST_TRAINED = 2**23
"""The n-gram is fitted on this many symbols at the end of the training split; more cost memory and gain little."""
AT_ONCE = 2**21
"""Symbols of a split that are scored at once."""
LONGEST = 12
"""The largest n that is tried: 12 bytes are 6 letters of Cyrillic."""
PATIENCE = 3
"""Orders that may gain nothing before longer ones are not tried."""
HELD_OUT = 10
"""One symbol in this many, at the end of the training split, is held out to choose n."""
DISCOUNTS = (0.0, 0.5, 1.0, 1.5)
"""Discounts of the counts 0, 1, 2 and 3 or more, where the counts of counts give none: half of the largest possible."""


def kneser_ney_nats(train: Indices, split: Indices, possible: NDArray[np.bool_]) -> float:
    """Return the n-gram rung, in nats per symbol.

    Parameters
    ----------
    possible : bool array, shape (V,)    False for a symbol that has the probability 0: the unknown one, if it never
                                         occurs
    """
    train = train[-MOST_TRAINED:]
    order = best_order(train, len(possible))
    total = 0.0
    for start in range(0, len(split), AT_ONCE):
        before, block = split[max(0, start - order) : start], split[start : start + AT_ONCE]
        *_, probabilities = islice(probabilities_by_order(train, before, block, possible), order)
        total -= float(np.log(probabilities).sum())
    return max(0.0, total) / len(split)  # never -0.0


def best_order(train: Indices, vocab_size: int) -> int:
    """Return the n whose n-gram predicts the end of the training text best, from what is before it."""
    possible = np.ones(vocab_size, dtype=bool)
    possible[0] = bool((train == 0).any())
    fitted, held = np.split(train, [len(train) - math.ceil(len(train) / HELD_OUT)])
    best, least = 1, math.inf
    for order, probabilities in enumerate(probabilities_by_order(fitted, fitted[:0], held, possible), 1):
        cost = -float(np.log(probabilities).sum())
        if cost < least:
            best, least = order, cost
        elif order >= best + PATIENCE:
            break
    return best


def probabilities_by_order(
    train: Indices, before: Indices, block: Indices, possible: NDArray[np.bool_]
) -> Iterator[NDArray[np.float64]]:
    """Give for n = 1, 2, ... the n-gram probability of each symbol of `block`, up to LONGEST or the length of `train`.

    Parameters
    ----------
    before : array    the symbols in front of the block; if there are none, the training text is in front of it
    """
    n, V = len(train), len(possible)
    symbols = np.concatenate([train, before, block]).astype(np.int64)
    lower = (possible / possible.sum())[block]  # the probabilities of the next shorter grams
    # grams[i] numbers the gram that begins at place i; heads[g] numbers the context of gram g.
    grams, heads = symbols, np.zeros(V, dtype=np.int64)
    for length in range(1, min(LONGEST, max(n, 1)) + 1):
        scored = grams[-len(block) :]
        yield _mixed(np.bincount(grams[: max(0, n - length + 1)], minlength=len(heads)), heads, scored, lower)
        if length < min(LONGEST, n):
            keys, places, longer = _numbered(grams[:-1] * V + symbols[length:])
            # One place of each longer gram of the training text, which comes first.
            trained = places[places < n - length]
            before_each = np.bincount(grams[trained + 1], minlength=len(heads))
            lower = _mixed(before_each, heads, scored, lower)
            grams, heads = longer, keys // V


def _mixed(
    counts: NDArray[np.int64], heads: NDArray[np.int64], scored: NDArray[np.int64], lower: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probabilities of the grams `scored`; `lower` are those of the same symbols after shorter contexts."""
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    sums, freed = np.bincount(heads, counts), np.bincount(heads, discounts)
    head = heads[scored]
    kept = (counts - discounts)[scored] + freed[head] * lower
    return np.where(sums[head] > 0, kept / np.maximum(sums[head], 1), lower)


def _discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the discounts of the counts 0, 1, 2 and 3 or more; few or unusual counts get fixed ones."""
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()
    if not (n1 and n2 and n3 and n4):
        return np.array(DISCOUNTS)
    y = n1 / (n1 + 2 * n2)
    found = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return np.where(found > 0, found, DISCOUNTS)  # below 0, a symbol never seen would get no probability


def _numbered(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the different keys in order, the first place of each, and for each place the number of its key."""
    bits = len(keys).bit_length()
    if int(keys.max()).bit_length() + bits > 63:
        return np.unique(keys, return_index=True, return_inverse=True)
    both = np.sort(keys << bits | np.arange(len(keys)))  # one sort of key and place is four times as fast
    ordered, places = both >> bits, both & ((1 << bits) - 1)
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    numbers = np.empty_like(keys)
    numbers[places] = np.cumsum(is_first) - 1
    return ordered[is_first], places[is_first], numbers
