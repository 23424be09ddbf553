"""The ladder has its rungs in order, keeps those it has, and its unigram sums to one."""

import math
import sys

import numpy as np
import pytest
from conftest import MakeRun, words

from charrnn import ModelState
from charrnn.evaluation import ladder
from charrnn.evaluation.archivers import xz_bytes
from charrnn.evaluation.ladder import (
    ADAPTIVE,
    STATIC,
    baseline_ladder,
    missing,
    unigram_nats,
    unigram_probabilities,
)
from charrnn.text import dataset

pytest.importorskip('pyppmd')


def test_the_unigram_adds_one_and_leaves_out_the_unknown_symbol() -> None:
    train, split = np.array([0, 3, 1, 0]), np.array([0, 1, 1, 1])
    assert unigram_nats(train, split) == pytest.approx(-(math.log(4 / 7) + math.log(2 / 7) + math.log(1 / 7)) / 3)
    assert unigram_probabilities(train, split)[0] == 0
    with_unknown = np.array([1, 1, 0, 0])
    assert math.isfinite(unigram_nats(train, with_unknown))
    assert unigram_probabilities(train, with_unknown).sum() == pytest.approx(1)


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_rungs_are_named_finite_and_in_their_order(make_run: MakeRun, level: str) -> None:
    ms = make_run(level=level, text='the cat sat on the mat and ran\n' * 80)
    rungs = baseline_ladder(ms.data, 'valid')
    assert list(rungs) == ['uniform', 'unigram', 'Kneser-Ney', 'xz', 'PPMd'] == [*STATIC, *ADAPTIVE]
    assert all(math.isfinite(nats) for nats in rungs.values())
    assert rungs['uniform'] > rungs['unigram'] > rungs['Kneser-Ney']


def test_known_rungs_are_kept_and_a_missing_one_is_computed(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_run(text='the cat sat on the mat and ran\n' * 80).data
    old = {'xz': 2.0, '6-gram': 1.5, 'unigram': 3.0, 'uniform': 4.0}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'pyppmd', None)
        without = baseline_ladder(data, 'valid', old)
        assert missing(old) == ['Kneser-Ney'] and missing(without) == []
    assert list(without) == ['uniform', 'unigram', '6-gram', 'Kneser-Ney', 'xz'] and old.items() <= without.items()
    assert missing(without) == ['PPMd']
    complete = baseline_ladder(data, 'valid', without)
    assert without.items() < complete.items() and missing(complete) == []
    monkeypatch.setitem(sys.modules, 'pyppmd', None)
    assert baseline_ladder(data, 'valid', complete) == complete, 'a kept rung stays without the package'


def test_the_unknown_symbol_is_possible_where_the_unigram_has_it(make_run: MakeRun) -> None:
    """A word of the split that the training text lacks is the unknown symbol, of which the n-gram is never certain."""
    ms = make_run(level='word', text=words(9000) + 'and a dog ran\n')
    assert (ms.data.valid == 0).any() and not (ms.data.train == 0).any()
    rungs = baseline_ladder(ms.data, 'valid')
    assert 0 < rungs['Kneser-Ney'] < rungs['unigram'] < rungs['uniform']


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_the_ladder_of_a_long_split_is_measured_on_its_beginning_and_says_so(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    text = words(4000)
    whole = make_run(f'{level} whole', text=text, level=level).evaluate()
    monkeypatch.setattr(ladder, 'MOST_MEASURED', most := 30)
    monkeypatch.setattr(dataset, 'MOST_COUNTED', 100)
    ms = make_run(f'{level} part', text=text, level=level)
    found = ms.evaluate()
    assert found.symbols == whole.symbols and found.nats == whole.nats, 'the model is measured on all of it'
    assert found.ladder_symbols == most and whole.ladder_symbols == whole.symbols
    assert 'measured on the first 30: a sample' in str(found) and 'sample' not in str(whole)
    data = ms.data
    begun = data.beginning('valid', most)
    assert data.text('valid').startswith(begun) and len(data.chars.encode(begun.decode(), 'replace')) == most
    counts = [np.bincount(part, minlength=len(data.chars)) for part in (data.train[-100:], data.valid[:most])]
    assert found.ladder['unigram'] == unigram_nats(*counts)
    assert found.ladder['unigram'] != whole.ladder['unigram']
    assert found.ladder['xz'] == pytest.approx(xz_bytes(data.text('train'), begun) * 8 * math.log(2) / most)
    monkeypatch.undo()
    again = ModelState.load(ms.curdir, device='cpu').evaluate()
    assert again.ladder == whole.ladder, 'a ladder of a sample is kept apart'
