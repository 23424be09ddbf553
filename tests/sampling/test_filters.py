"""Law 12: a limit that removes nothing changes nothing, bit for bit; one that leaves one symbol gives it."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.sampling.filters import Limits, cost

some_logits = st.lists(st.floats(-30, 30), min_size=1, max_size=9).map(np.array)
some_draw = st.floats(0, 1, exclude_max=True)
some_temp = st.floats(0.05, 5)


def kept_by_definition(p: np.ndarray, limits: Limits) -> set[int]:
    """Return the symbols that may be drawn from the probabilities p, each definition written out."""
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    order = order[: limits.topk or len(p)]
    order = [i for i in order if p[i] >= limits.minp * p.max()]
    kept, total = list[int](), sum(p[order])
    for i in order:
        if limits.topp < 1 and sum(p[kept]) >= limits.topp * total:
            break
        kept.append(i)
    return set(kept)


@settings(deadline=None)
@given(some_logits, some_temp, st.none() | st.integers(1, 10), st.floats(0, 1), st.floats(0.01, 1))
def test_the_limits_keep_what_their_definitions_say(
    logits: np.ndarray, temp: float, topk: int | None, minp: float, topp: float
) -> None:
    weights = np.exp((logits - logits.max()) / temp)
    p = weights / weights.sum()
    limits = Limits(temp, topk, minp, topp)
    expected = kept_by_definition(p, limits)
    found = {limits.pick(logits, draw) for draw in np.linspace(0, 1, 300, False)}
    # A share or a ratio that is met to the last bit may round to either side.
    sharp = [
        kept_by_definition(p, Limits(temp, topk, minp * a, min(1.0, topp * b)))
        for a in (0.999, 1.001)
        for b in (0.999, 1.001)
    ]
    assert found <= expected.union(*sharp)
    assert {i for i in expected.intersection(*sharp) if p[i] > 0.01 * p[sorted(expected)].sum()} <= found


@given(some_logits, st.floats(0, 5), some_draw)
def test_limits_that_remove_nothing_change_nothing(logits: np.ndarray, temp: float, draw: float) -> None:
    plain = Limits(temp).pick(logits, draw)
    assert plain == Limits(temp, len(logits), 0.0, 1.0).pick(logits, draw)
    assert plain == Limits(temp, minp=1e-300, topp=1.0).pick(logits, draw) or np.ptp(logits) / temp > 600


@given(some_logits, some_temp, some_draw)
def test_a_limit_that_leaves_one_symbol_gives_it(logits: np.ndarray, temp: float, draw: float) -> None:
    weights = np.exp((logits - logits.max()) / temp)
    likeliest = weights.argmax()  # equally likely in float64: the first
    assert Limits(temp, topk=1).pick(logits, draw) == likeliest
    assert Limits(temp, topp=1e-9).pick(logits, draw) == likeliest
    assert weights[Limits(temp, minp=1.0).pick(logits, draw)] == 1, 'one of the likeliest'
    others = tuple(range(1, len(logits)))
    assert Limits(temp, never=others).pick(logits, draw) == 0 == Limits(temp).pick(logits, draw, others)
    assert Limits(temp, never=(*others, 0)).pick(logits, draw) is None


@given(some_logits)
def test_the_cost_is_that_of_the_softmax(logits: np.ndarray) -> None:
    p = np.exp(logits) / np.exp(logits).sum()
    for symbol in range(len(logits)):
        assert math.isclose(cost(logits, symbol), -math.log(p[symbol]), rel_tol=1e-9, abs_tol=1e-12)
