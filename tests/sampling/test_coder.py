"""The coder: symbols come back from their code, whose length is their cost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from charrnn import SamplingError
from charrnn.sampling.coder import PRECISION, STEPS, Decoder, Encoder, lengths_of, weight_table, weights_of


def test_the_table_of_weights_is_the_exponential() -> None:
    table = weight_table()
    expected = [2**PRECISION * math.exp(-k / STEPS) for k in range(len(table))]
    assert abs(table - np.maximum(expected, 1)).max() <= 1
    assert table[0] == 2**PRECISION and table[-1] == 1 and (np.diff(table) <= 0).all()


def test_weights_are_in_the_ratio_of_the_softmax_and_never_0() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32) * 4
    weights = weights_of(logits)
    expected = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(weights / 2**PRECISION, expected, rtol=5e-4, atol=1e-9)
    assert weights_of(np.array([[0, -1e30, 3e38]], np.float32)).tolist() == [[1, 1, 2**PRECISION]]
    for wrong in (math.nan, math.inf):
        with pytest.raises(SamplingError, match='nan'):
            weights_of(np.array([[0, wrong]], np.float32))


@pytest.mark.parametrize('spread', [0.0, 1.0, 12.0])
def test_symbols_come_back_and_cost_what_the_weights_say(spread: float) -> None:
    draws = np.random.default_rng(1)
    V, N = 7, 3000
    weights = weights_of((spread * draws.normal(size=(N, V))).astype(np.float32))
    symbols = np.where(draws.random(N) < 0.9, weights.argmax(1), draws.integers(V, size=N))
    heights, each, coder = weights.cumsum(1), np.arange(N), Encoder()
    own = weights[each, symbols]
    for some in np.array_split(each, 10):
        coder.put(*(part[some].tolist() for part in (heights[each, symbols] - own, own, heights[:, -1])))
    data = coder.finish()
    bits = float(np.log2(heights[:, -1] / own).sum())
    assert bits <= 8 * len(data) <= bits * 1.00001 + 16
    decoder = Decoder(data)
    assert [decoder.take(row) for row in heights] == symbols.tolist()


def test_a_carry_goes_through_many_bytes() -> None:
    """The interval stands across a power of two for 20 bytes, and then lies above it."""
    total = 3
    for last in (0, 1, 2):
        symbols = [1] * 100 + [last]  # the middle third again and again: 0.0111…, the ones carry at the end
        coder = Encoder()
        coder.put(symbols, [1] * 101, [total] * 101)
        decoder, row = Decoder(coder.finish()), np.array([1, 2, 3])
        assert [decoder.take(row) for _ in symbols] == symbols


def test_a_code_that_ends_early_is_an_error() -> None:
    decoder = Decoder(b'\x12')
    with pytest.raises(ValueError, match='ends before the text'):
        for _ in range(100):
            decoder.take(np.array([1, 2, 300]))


def test_lanes_divide_a_text() -> None:
    assert lengths_of(10, 4).tolist() == [3, 3, 2, 2]
    assert lengths_of(0, 1).tolist() == [0]
