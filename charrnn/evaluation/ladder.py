"""The baseline ladder: the cost of a split under simple models, for comparison with a recurrent model.

    uniform    all symbols are equally likely
    unigram    symbol frequencies of the training split, with one added to each count, so that no probability is 0
    n-gram     frequencies in context, mixed with those in shorter contexts (characters, bytes: 6-gram; words: 3-gram)
    xz         the size that the split adds to an xz archive of the training split

Each rung is fitted on the training split and given in mean nats per symbol of the split.

Source: Laplace's rule of succession (unigram); Witten & Bell 1991, method C, interpolated (n-gram); xz is LZMA2.
"""

from __future__ import annotations

import lzma
import math

import numpy as np
from numpy.typing import NDArray

from charrnn.text.dataset import Dataset
from charrnn.text.vocabulary import Indices

COUNTED_AT_ONCE = 2**22
"""Symbols per call of bincount, which copies its input to eight bytes per symbol."""
MOST_SYMBOLS = 2**23
"""The n-gram is fitted on this many symbols at the end of the training split; more cost memory and gain little."""
MOST_BYTES = 64 * 2**20
"""xz gets this many bytes at the end of the training split."""
ORDERS = {'char': 6, 'byte': 6, 'word': 3}
"""n of the n-gram."""


def baseline_ladder(data: Dataset, name: str) -> dict[str, float]:
    """Return all rungs for the split called `name`, in nats per symbol."""
    split, order = data.split(name), ORDERS[data.chars.level]
    return {
        'uniform': uniform_nats(data, name),
        'unigram': unigram_nats(data.train, split, len(data.chars)),
        f'{order}-gram': ngram_nats(data.train, split, len(data.chars), order),
        'xz': xz_bytes(data, data.text(name)) * 8 * math.log(2) / len(split),
    }


def uniform_nats(data: Dataset, name: str) -> float:
    """Return the uniform rung of a split, in nats per symbol."""
    silent = data.chars.silent
    unknown = silent is not None and bool((data.split(name) == silent).any())  # then it is one of the targets
    return math.log(len(data.chars.symbols) + unknown)


def in_order(ladder: dict[str, float]) -> dict[str, float]:
    """Return a ladder with its rungs in the order above; a file may have them in another one.

    >>> in_order({'3-gram': 1.0, 'uniform': 4.0, 'unigram': 3.0, 'xz': 2.0})
    {'uniform': 4.0, 'unigram': 3.0, '3-gram': 1.0, 'xz': 2.0}
    """
    return {rung: ladder[rung] for rung in sorted(ladder, key=lambda rung: (rung == 'xz', rung[:3] != 'uni', rung))}


def count_symbols(indices: Indices, vocab_size: int) -> NDArray[np.int64]:
    """Return the number of times that each index occurs, shape (V,)."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for start in range(0, len(indices), COUNTED_AT_ONCE):
        counts += np.bincount(indices[start : start + COUNTED_AT_ONCE], minlength=vocab_size)
    return counts


def unigram_probabilities(train: Indices, split: Indices, vocab_size: int) -> NDArray[np.float64]:
    """Return the probability of each index, (V,); 0 for index 0, the unknown symbol, if neither split holds it."""
    fitted, found = count_symbols(train, vocab_size) + 1, count_symbols(split, vocab_size)
    if fitted[0] == 1 and not found[0] and vocab_size > 1:
        fitted[0] = 0
    probabilities: NDArray[np.float64] = fitted / fitted.sum()
    return probabilities


def unigram_nats(train: Indices, split: Indices, vocab_size: int) -> float:
    """Return the unigram rung, in nats per symbol."""
    probabilities, found = unigram_probabilities(train, split, vocab_size), count_symbols(split, vocab_size)
    seen = np.flatnonzero(found)
    return max(0.0, -float(found[seen] @ np.log(probabilities[seen])) / len(split))  # never -0.0


LEAST_SHIFT = 0.15
"""Nats per symbol by which the unigram rung of a split exceeds that of the training text, at least, in a shift."""
SURE = 6
"""Standard errors of a shift, at least; natural text varies by more than independent symbols would."""


def unigram_shift(train: Indices, split: Indices, vocab_size: int) -> tuple[float, float] | None:
    """Return the unigram rungs of the training text and of a split, if the split is another population; else None.

    Each training symbol is left out of the counts that it is measured with: few symbols would seem too cheap otherwise.
    """
    probabilities, counts = unigram_probabilities(train, split, vocab_size), count_symbols(train, vocab_size)
    seen, counts = probabilities[counts > 0], counts[counts > 0]
    left_out = math.log(len(train) - 1 + np.count_nonzero(probabilities)) - np.log(counts)
    own = float(counts @ left_out) / len(train)
    spread = math.sqrt(float(counts @ (np.log(seen) + own) ** 2) / len(train))
    other = unigram_nats(train, split, vocab_size)
    return (own, other) if other - own > max(LEAST_SHIFT, SURE * spread / math.sqrt(len(split))) else None


def ngram_nats(train: Indices, split: Indices, vocab_size: int, order: int) -> float:
    """Return the n-gram rung, in nats per symbol; each context is mixed with the next shorter one.

    c(h, w) is the number of times that w followed the context h in training, c(h) the sum of c(h, w) over w, and t(h)
    the number of different w:  p(w | h) = (c(h, w) + t(h) · p(w | h without its first symbol)) / (c(h) + t(h))
    """
    unigram = unigram_probabilities(train, split, vocab_size)
    train = train[-MOST_SYMBOLS:]
    total = 0.0
    for start in range(0, len(split), MOST_SYMBOLS):
        before = split[max(0, start - order) : start]
        block = split[start : start + MOST_SYMBOLS]
        total -= float(np.log(_block_probabilities(train, before, block, unigram, order)).sum())
    return total / len(split)


def _block_probabilities(
    train: Indices, before: Indices, block: Indices, unigram: NDArray[np.float64], order: int
) -> NDArray[np.float64]:
    """Return the n-gram probability of each symbol of `block`; `before` are the symbols in front of the block."""
    n, m = len(train), len(block)
    symbols = np.concatenate([train, before, block]).astype(np.int64)
    probabilities = unigram[symbols[-m:]]
    grams = symbols  # grams[i] numbers the gram of `length` symbols that begins at place i
    for length in range(1, order):
        if length >= n:
            break
        # Contexts of `length` symbols, and the symbol after each; train and block share one numbering.
        contexts, following = grams[:-1], symbols[length:]
        _, grams = np.unique(contexts * len(unigram) + following, return_inverse=True)
        fitted = n - length  # the number of pairs inside the training split; they come first
        pair_counts = np.bincount(grams[:fitted], minlength=grams.max() + 1)
        context_counts = np.bincount(contexts[:fitted], minlength=contexts.max() + 1)
        _, first = np.unique(grams[:fitted], return_index=True)
        kinds = np.bincount(contexts[:fitted][first], minlength=contexts.max() + 1)
        pair, context = grams[-m:], contexts[-m:]
        seen, different = context_counts[context], kinds[context]
        mixed = (pair_counts[pair] + different * probabilities) / np.maximum(seen + different, 1)
        probabilities = np.where(seen > 0, mixed, probabilities)
    return probabilities


def xz_bytes(data: Dataset, text: bytes) -> int:
    """Return len(xz(train + text)) - len(xz(train)), with at most MOST_BYTES of the training split."""
    train = data.text('train', MOST_BYTES)
    return _xz(train + text) - _xz(train)


def _xz(text: bytes) -> int:
    window = max(2**20, min(MOST_BYTES, 1 << len(text).bit_length()))
    filters = [{'id': lzma.FILTER_LZMA2, 'preset': 9, 'dict_size': window}]
    return len(lzma.compress(text, format=lzma.FORMAT_XZ, filters=filters))
