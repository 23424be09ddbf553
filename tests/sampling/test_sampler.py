"""Law 6: temp → 0 is argmax; temp = 1 frequencies match the softmax; logits of ±1e4 do not overflow."""

import json
import math
from typing import Any

import numpy as np
import pytest
from conftest import MakeRun, train
from hypothesis import given
from hypothesis import strategies as st

from charrnn import CharSetError, HyperParamsError, SamplingError, generatestring
from charrnn.sampling.filters import Limits
from charrnn.sampling.sample import Sample, Samples


def choose(logits: np.ndarray, temp: float, draw: float) -> int:
    found = Limits(temp).pick(logits, draw)
    assert found is not None
    return found


logits_of_any_size = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8)


@given(logits_of_any_size, st.floats(0, 1, exclude_max=True))
def test_small_temperatures_take_the_largest(values: list[float], draw: float) -> None:
    logits = np.array(values)
    largest = logits.max()
    assert choose(logits, 0.0, draw) == logits.argmax()
    clear = np.where((logits < largest) & (logits > largest - 1e-6), largest - 1, logits)
    assert clear[choose(clear, 1e-12, draw)] == largest


@given(logits_of_any_size, st.floats(1e-300, 1e300), st.floats(0, 1, exclude_max=True))
def test_no_temperature_and_no_logits_overflow(values: list[float], temp: float, draw: float) -> None:
    with np.errstate(all='raise', under='ignore'):
        assert 0 <= choose(np.array(values), temp, draw) < len(values)


def test_removed_symbols_are_never_drawn() -> None:
    logits = np.array([-math.inf, 1.0, -math.inf, 2.0, -math.inf])
    found = {choose(logits, temp, draw) for temp in (0.0, 1e-9, 1.0, 1e9) for draw in np.linspace(0, 1, 999, False)}
    assert found == {1, 3}


@pytest.mark.parametrize('temp', [0.5, 1.0, 2.0])
def test_frequencies_match_the_softmax(temp: float) -> None:
    """Test with chi-square, 4 degrees of freedom: one fair trial in ten thousand exceeds 23.5; the seed is fixed."""
    logits = np.array([0.0, 1.0, -1.0, 2.0, 0.5])
    expected = np.exp(logits / temp) / np.exp(logits / temp).sum()
    count = 20_000
    found = np.bincount([choose(logits, temp, u) for u in np.random.default_rng(0).random(count)], minlength=5)
    assert ((found - count * expected) ** 2 / (count * expected)).sum() < 23.5


def test_a_seed_fixes_the_text_and_temperature_0_needs_none(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 20)
    one, again, other = (ms.generatestring(80, seed=seed) for seed in (1, 1, 2))
    assert one == again != other
    assert ms.generatestring(50, temp=0) == generatestring(ms, 50, 0.0)
    assert generatestring(ms, 60, seed=1) == one[:60]
    assert ms.generatestring(0) == ''
    assert set(ms.generatestring(300, temp=100.0)) <= set(ms.chars.symbols)


def test_several_streams_side_by_side(make_run: MakeRun) -> None:
    """Draw a list of n texts; with n = 1, it holds the text that is drawn without n."""
    ms = make_run()
    train(ms, 20)
    texts = ms.generatestring(40, seed=3, n=5)
    assert isinstance(texts, list) and len(set(texts)) == 5 and {len(text) for text in texts} == {40}
    assert texts == generatestring(ms, 40, seed=3, n=5)
    assert ms.generatestring(40, seed=3, n=1) == [ms.generatestring(40, seed=3)]
    assert ms.generatestring(9, temp=0, n=3) == [ms.generatestring(9, temp=0)] * 3
    with pytest.raises(HyperParamsError, match='n=0'):
        ms.generatestring(5, n=0)


def test_the_prime_is_read_and_is_not_part_of_the_result(make_run: MakeRun) -> None:
    ms = make_run()
    for _ in range(4):
        train(ms, 60)
    assert ms.generatestring(1, 0, prime='the ca') == 't'
    assert ms.generatestring(3, 0, prime='the ca') == ms.generatestring(4, 0, prime='the c')[1:]
    long_prime = 'the cat sat ' * 300
    assert len(ms.generatestring(5, 0, prime=long_prime)) == 5


def test_the_default_prime(make_run: MakeRun) -> None:
    with_newline = make_run('one')
    assert with_newline.generatestring(20, seed=1) == with_newline.generatestring(20, seed=1, prime='\n')
    without = make_run('two', text='abcd' * 50)
    assert without.generatestring(20, seed=1) == without.generatestring(20, seed=1, prime='a')


def test_the_unknown_character_comes_only_if_the_text_holds_it(make_run: MakeRun) -> None:
    assert '\ufffd' not in make_run('without').generatestring(2000, temp=1e6, seed=0)
    assert '\ufffd' in make_run('with', text='ab\ufffd' * 50).generatestring(200, temp=1e6, seed=0)


def test_bad_requests_are_clear_errors(make_run: MakeRun) -> None:
    ms = make_run()
    with pytest.raises(CharSetError, match="'é'"):
        ms.generatestring(5, prime='é')
    assert len(ms.generatestring(5, prime='é', errors='replace')) == 5
    with pytest.raises(SamplingError, match='prime is empty'):
        ms.generatestring(5, prime='')
    for wrong in ({'temp': -1}, {'temp': math.nan}, {'temp': 'hot'}, {'numchars': -1}, {'numchars': 2.5}, {'seed': -1}):
        with pytest.raises(HyperParamsError, match=next(iter(wrong))):
            ms.generatestring(**wrong)
    with pytest.raises(HyperParamsError, match=r"no argument 'temperature'\.\n  Next: temp"):
        generatestring(ms, temperature=1.0)  # type: ignore[call-overload]


def test_a_sample_shows_its_line_breaks_and_is_otherwise_a_str() -> None:
    sample = Sample('one\ntwo\x1b[31m')
    assert repr(sample) == 'one\ntwo\\x1b[31m'
    assert sample == 'one\ntwo\x1b[31m' and sample[:3] == 'one' and f'{sample}' == str(sample)


def test_several_samples_are_numbered_and_told_apart() -> None:
    samples = Samples(map(Sample, ['Adaka\nFedorw', 'Belan\x1b[31m\n', '']))
    assert repr(samples) == str(samples) == '1 │ Adaka\n  │ Fedorw\n2 │ Belan\\x1b[31m\n  │\n3 │'
    assert repr(samples[:2]) == '1 │ Adaka\n  │ Fedorw\n2 │ Belan\\x1b[31m\n  │' and repr(samples[:0]) == '[]'
    assert repr(samples[0]) == 'Adaka\nFedorw'
    assert json.loads(json.dumps(samples)) == samples == ['Adaka\nFedorw', 'Belan\x1b[31m\n', '']
    assert repr(Samples(['a'] * 10)).splitlines()[8:] == [' 9 │ a', '10 │ a']


@pytest.mark.parametrize('given', [{'numchars': 10**13}, {'n': 10**14}, {'numchars': 10**6, 'n': 10**9}])
def test_a_text_beyond_memory_is_refused_before_memory_is_taken(make_run: MakeRun, given: Any) -> None:
    ms = make_run()
    with pytest.raises(SamplingError, match='GB of memory, and this machine has'):
        ms.generatestring(**given)
