"""The n-gram rung is a code that could be decoded: its probabilities sum to one, and are those of the equation."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
from conftest import words

from charrnn.evaluation import ngram
from charrnn.evaluation.ngram import best_order, kneser_ney_nats, probabilities_by_order


def draw(size: int, symbols: int, seed: int, skewed: bool = True) -> np.ndarray:
    """Return symbols from 1 on, the first ones more often, so that counts of every size occur."""
    u = np.random.default_rng(seed).random(size)
    return (1 + symbols * (u**2 if skewed else u)).astype(np.uint8)


def without_unknown(V: int) -> np.ndarray:
    return np.arange(V) > 0


def plain(train: list[int], possible: np.ndarray, order: int) -> Callable[[int, list[int]], float]:
    """Return the probability of a symbol after a context, from the definitions alone: counts in dictionaries."""

    def grams(n: int) -> list[tuple[int, ...]]:
        return [tuple(train[i : i + n]) for i in range(len(train) - n + 1)]

    counts: dict[int, Counter[tuple[int, ...]]] = {order: Counter(grams(order))}
    for n in range(1, order):
        before = defaultdict(set)
        for first, *rest in grams(n + 1):
            before[tuple(rest)].add(first)
        counts[n] = Counter({gram: len(symbols) for gram, symbols in before.items()})

    def discount(n: int, count: int) -> float:
        n1, n2, n3, n4 = (sum(c == k for c in counts[n].values()) for k in (1, 2, 3, 4))
        k = min(count, 3)
        if 0 in (n1, n2, n3, n4):
            return k / 2
        ratio = {1: n2 / n1, 2: n3 / n2, 3: n4 / n3}[k]
        found = k - (k + 1) * n1 / (n1 + 2 * n2) * ratio
        return found if found > 0 else k / 2

    def probability(w: int, h: list[int]) -> float:
        n = len(h) + 1
        lower = probability(w, h[1:]) if h else possible[w] / possible.sum()
        follow = {gram[-1]: count for gram, count in counts[n].items() if list(gram[:-1]) == h}
        if not follow:
            return lower
        freed = sum(discount(n, count) for count in follow.values())
        own = follow[w] - discount(n, follow[w]) if w in follow else 0.0
        return (own + freed * lower) / sum(follow.values())

    return probability


@pytest.mark.parametrize(('size', 'V'), [(400, 4), (60, 4), (25, 6), (9, 3), (3, 3), (1, 3), (0, 3)])
def test_it_equals_the_equation_written_out(size: int, V: int) -> None:
    """Compare with dictionaries, at every order: enough text for real discounts, and too little for them."""
    train, split, possible = draw(size, V - 1, 2), draw(25, V - 1, 3, skewed=False), without_unknown(V)
    text = [*train.tolist(), *split.tolist()]
    found = list(islice(probabilities_by_order(train, train[:0], split, possible), 4))
    assert len(found) == max(1, min(size, 4))
    for order, probabilities in enumerate(found, 1):
        probability = plain(train.tolist(), possible, order)
        expected = [probability(text[t], text[max(0, t - order + 1) : t]) for t in range(size, size + 25)]
        assert probabilities == pytest.approx(expected, rel=1e-12), order


def test_in_every_context_the_probabilities_sum_to_one() -> None:
    """Take contexts from the training text, others never seen, and one with a symbol that the text lacks."""
    V, train, possible = 6, draw(300, 4, 0), without_unknown(6)
    seen = [train[i : i + 5] for i in (0, 17, 200)]
    never = [draw(5, 4, seed, skewed=False) for seed in range(4)]
    lacking = np.array([1, 5, 2, 5, 1], np.uint8)
    assert 5 not in train
    for before in [*seen, *never, lacking]:
        total = np.zeros(ngram.LONGEST)
        for symbol in range(1, V):
            block = np.array([symbol], np.uint8)
            total += [float(p[0]) for p in probabilities_by_order(train, before, block, possible)][: ngram.LONGEST]
        assert total == pytest.approx(np.ones(ngram.LONGEST), abs=1e-12)
    (first,) = (p for p in islice(probabilities_by_order(train, lacking, np.array([0], np.uint8), possible), 1))
    assert first[0] == 0, 'the unknown symbol, which never occurs'


@pytest.mark.parametrize('train', [[1] * 50, [1, 2] * 30, [1, 2, 3, 4] * 9 + [5], [1]])
def test_a_symbol_never_seen_has_a_probability(train: list[int]) -> None:
    split = np.array([*train[:3], 6, 1], np.uint8)
    nats = kneser_ney_nats(np.array(train, np.uint8), split, without_unknown(7))
    assert 0 < nats < 9
    assert kneser_ney_nats(np.ones(50, np.uint8), np.ones(9, np.uint8), without_unknown(2)) == 0
    assert str(kneser_ney_nats(np.ones(50, np.uint8), np.ones(9, np.uint8), without_unknown(2))) == '0.0'


def test_the_order_is_what_the_training_text_deserves() -> None:
    rng = np.random.default_rng(1)
    alone = draw(4000, 4, 1)
    copied, noise = rng.integers(1, 3, size=4000).astype(np.uint8), rng.random(4000) < 0.2
    for t in range(3, 4000):  # each symbol is the one three places before it, but for one in five
        copied[t] = copied[t] if noise[t] else copied[t - 3]
    assert best_order(alone, 5) == 1 and best_order(copied, 3) == 4
    assert best_order(alone[:1], 5) == 1
    period = np.resize(np.arange(1, 5, dtype=np.uint8), 200)
    assert kneser_ney_nats(period, period[:20], without_unknown(5)) < 0.2


def test_longer_contexts_help_where_there_are_words() -> None:
    text = np.frombuffer(words(20_000, seed=5).encode(), np.uint8) + np.uint8(1)
    shuffled = np.random.default_rng(0).permutation(text)
    assert best_order(text, 256) > 2 and best_order(shuffled, 256) == 1, 'letters alone'
    found = [kneser_ney_nats(ids[:18_000], ids[18_000:], without_unknown(256)) for ids in (text, shuffled)]
    assert found[0] < 0.8 * found[1]


def test_a_split_is_scored_in_blocks_and_by_both_sorts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    train, split, possible = draw(50, 3, 4), draw(145, 3, 5), without_unknown(4)
    whole = kneser_ney_nats(train, split, possible)
    monkeypatch.setattr(ngram, 'AT_ONCE', 50)
    assert kneser_ney_nats(train, split, possible) == pytest.approx(whole, rel=1e-12)
    keys = np.random.default_rng(0).integers(0, 9, 40)
    small, large = ngram._numbered(keys), ngram._numbered(keys + 2**60)
    assert (large[0] == small[0] + 2**60).all() and all(
        (a == b).all() for a, b in zip(small[1:], large[1:], strict=True)
    )
    assert (keys[small[1]] == small[0]).all() and (small[0][small[2]] == keys).all()


def test_only_the_end_of_a_long_training_text_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    train, split, possible = draw(90, 3, 6), draw(30, 3, 7), without_unknown(4)
    monkeypatch.setattr(ngram, 'MOST_TRAINED', 40)
    assert kneser_ney_nats(train, split, possible) == kneser_ney_nats(train[-40:], split, possible)
    assert math.isfinite(kneser_ney_nats(train, split, possible))
