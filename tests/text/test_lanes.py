"""Law 3: every lane spells the ring without end; one epoch makes every symbol a target; lanes stay evenly spaced."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charrnn.text.lanes import lane_starts, read_before, read_ring, windows_per_epoch


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Draw n, B, T with n >= B·T, and a position anywhere in a long run."""
    lanes, seq_len = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    n = draw(st.integers(lanes * seq_len, 300))
    return n, lanes, seq_len, draw(st.integers(0, 10**20))


def read_window(ring: np.ndarray, position: int, lanes: int, seq_len: int) -> np.ndarray:
    return read_ring(ring, lane_starts(position, len(ring), lanes), seq_len + 1)


def ring(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint16)


@given(sizes())
def test_every_lane_spells_the_ring(given_sizes: tuple[int, int, int, int]) -> None:
    n, lanes, seq_len, position = given_sizes
    count = 2 * windows_per_epoch(n, lanes, seq_len) + 1
    windows = [read_window(ring(n), position + i * seq_len, lanes, seq_len) for i in range(count)]
    for k in range(lanes):
        spelled = np.concatenate([w[k, :-1] for w in windows])
        targets = np.concatenate([w[k, 1:] for w in windows])
        first = (position + k * n // lanes) % n
        assert (spelled == (first + np.arange(len(spelled))) % n).all()
        assert (targets == (spelled + 1) % n).all()


@given(sizes())
def test_one_epoch_makes_every_symbol_a_target(given_sizes: tuple[int, int, int, int]) -> None:
    n, lanes, seq_len, position = given_sizes
    count = windows_per_epoch(n, lanes, seq_len)
    windows = [read_window(ring(n), position + i * seq_len, lanes, seq_len) for i in range(count)]
    targets = {int(t) for w in windows for t in w[:, 1:].flat}
    assert targets == set(range(n))
    assert (count - 1) * lanes * seq_len < n <= count * lanes * seq_len


@given(sizes())
def test_lanes_stay_evenly_spaced(given_sizes: tuple[int, int, int, int]) -> None:
    n, lanes, seq_len, position = given_sizes
    starts = lane_starts(position, n, lanes)
    gaps = np.diff(np.append(starts, starts[0])) % n if lanes > 1 else np.array([n])
    assert gaps.sum() == n
    assert set(gaps.tolist()) <= {n // lanes, -(-n // lanes)}
    walked = lane_starts(position + seq_len, n, lanes)
    assert ((walked - starts) % n == seq_len % n).all()


@given(sizes(), st.integers(1, 700))
def test_a_new_lane_is_primed_with_the_symbols_before_it(given_sizes: tuple[int, int, int, int], length: int) -> None:
    n, lanes, _, position = given_sizes
    before = read_before(ring(n), position, lanes, length)
    assert before.shape == (lanes, length)
    assert ((before[:, -1] + 1) % n == lane_starts(position, n, lanes)).all()
    assert (np.diff(before, axis=1) % n == (1 % n)).all()


def test_the_picture_in_the_module_is_true() -> None:
    from charrnn.text import lanes

    rows = [line.split() for line in (lanes.__doc__ or '').splitlines() if line.strip().startswith('window ')]
    assert len(rows) == 4
    for _, number, picture, position, *_ in rows:
        assert int(position) == 4 * int(number)
        drawn = ['.'] * 23
        for name, start in zip('abc', lane_starts(int(position), 23, 3), strict=True):
            for i in range(4):
                drawn[(start + i) % 23] = name
        assert ''.join(drawn) == picture
