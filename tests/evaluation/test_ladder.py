"""Every rung is a code that could be decoded: its probabilities sum to one."""

import math

import numpy as np
import pytest
from conftest import MakeRun

from charrnn.evaluation import ladder
from charrnn.evaluation.ladder import baseline_ladder, ngram_nats, unigram_nats, unigram_probabilities


def draw(size: int, symbols: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, symbols + 1, size=size).astype(np.uint8)


def test_the_unigram_adds_one_and_leaves_out_the_unknown_symbol() -> None:
    train, split = np.array([1, 1, 1, 2], np.uint8), np.array([1, 2, 3], np.uint8)
    assert unigram_nats(train, split, 4) == pytest.approx(-(math.log(4 / 7) + math.log(2 / 7) + math.log(1 / 7)) / 3)
    assert unigram_probabilities(train, split, 4)[0] == 0
    with_unknown = np.array([0, 1], np.uint8)
    assert math.isfinite(unigram_nats(train, with_unknown, 4))
    assert unigram_probabilities(train, with_unknown, 4).sum() == pytest.approx(1)


@pytest.mark.parametrize('order', [1, 2, 3, 5])
def test_ngram_probabilities_sum_to_one(order: int) -> None:
    train, before = draw(60, 4, 0), draw(20, 4, 1)
    total = 0.0
    for symbol in range(1, 5):
        split = np.append(before, np.uint8(symbol))
        total += math.exp(-(ngram_nats(train, split, 5, order) * 21 - ngram_nats(train, before, 5, order) * 20))
    # The unigram under it is fitted on train alone, so that what the split holds changes nothing.
    assert total == pytest.approx(1, abs=1e-9)


def test_ngrams_equal_the_equation_written_out() -> None:
    train, split, V, order = draw(80, 3, 2).tolist(), draw(30, 3, 3).tolist(), 4, 3
    text, n = train + split, len(train)
    unigram = unigram_probabilities(np.array(train), np.array(split), V)

    def probability(w: int, h: list[int]) -> float:
        if not h:
            return float(unigram[w])
        follows = [train[i + len(h)] for i in range(n - len(h)) if train[i : i + len(h)] == h]
        if not follows:
            return probability(w, h[1:])
        kinds = len(set(follows))
        return (follows.count(w) + kinds * probability(w, h[1:])) / (len(follows) + kinds)

    expected = -sum(math.log(probability(text[t], text[t - order + 1 : t])) for t in range(n, len(text))) / len(split)
    found = ngram_nats(np.array(train, np.uint8), np.array(split, np.uint8), V, order)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_split_is_scored_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    train, split = draw(50, 3, 4), draw(45, 3, 5)
    whole = ngram_nats(train, split, 4, 4)
    monkeypatch.setattr(ladder, 'MOST_SYMBOLS', 50)
    monkeypatch.setattr(ladder, 'COUNTED_AT_ONCE', 7)
    assert ngram_nats(train, split, 4, 4) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_rungs_are_named_finite_and_in_their_order(make_run: MakeRun, level: str) -> None:
    ms = make_run(level=level, text='the cat sat on the mat and ran\n' * 80)
    rungs = baseline_ladder(ms.data, 'valid')
    assert list(rungs) == ['uniform', 'unigram', '3-gram' if level == 'word' else '6-gram', 'xz']
    assert all(math.isfinite(nats) for nats in rungs.values())
    assert rungs['uniform'] > rungs['unigram'] > list(rungs.values())[2]
