"""The mean of several runs: its probabilities are the means of theirs, in every verb."""

from typing import Any

import numpy as np
import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import ModelState, TrainingError, compare, generatestring, mean


@pytest.fixture
def runs(make_run: MakeRun) -> list[ModelState]:
    """Return two runs of different kinds, trained for different times, and one with an average of its weights."""
    kinds: dict[str, dict[str, Any]] = {
        'a': {},
        'b': {'modeltype': 'LSTM', 'state_size': 4},
        'c': {'average': 0.9, 'layers': 1},
    }
    found = [make_run(name, seed=i, **given) for i, (name, given) in enumerate(kinds.items())]
    for i, ms in enumerate(found, 1):
        train(ms, 10 * i)
    return found


def test_probabilities_are_means(runs: list[ModelState]) -> None:
    both, text = mean(*runs), 'the cat sat on a mat'
    each = [ms.next(text).probabilities for ms in runs]
    np.testing.assert_allclose(both.next(text).probabilities, np.mean(each, 0), rtol=1e-4)
    costs = np.array([ms.score(text).nats for ms in runs])
    np.testing.assert_allclose(both.score(text).nats, -np.log(np.exp(-costs).mean(0)), rtol=1e-4)
    assert "modeltype='mean'" not in str(both.score(runs[0].data.text('train').decode())), 'the advice is for a member'
    assert both.score(text).total < costs.sum(1).mean(), 'the mean is never worse than the members are on average'


@pytest.mark.parametrize('adapt', [False, True])
def test_the_mean_of_one_is_that_one(runs: list[ModelState], adapt: bool) -> None:
    for ms in runs:
        alone, twice = mean(ms), mean(ms, ms)
        due = ms.evaluate(adapt=adapt)
        for found in (alone.evaluate(adapt=adapt), twice.evaluate(adapt=adapt)):
            assert found.nats == pytest.approx(due.nats, rel=1e-5) and found.ladder == due.ladder
        assert alone.generatestring(30, temp=0, prime='the') == ms.generatestring(30, temp=0, prime='the')


def test_evaluate_is_the_score_of_every_symbol(runs: list[ModelState]) -> None:
    both = mean(*runs)
    assert both.evaluate('train').symbols == runs[0].data.train_size
    adaptive = both.evaluate(adapt=True)
    assert 'adaptive' in adaptive.protocol and adaptive.nats != both.evaluate().nats
    assert sum(both.score('the cat', adapt=True)) == pytest.approx(sum(both.score('the cat')), rel=1e-4)


def test_it_reads_and_writes_and_compares_as_a_run_does(runs: list[ModelState]) -> None:
    both = mean(*runs)
    state = both.read('the cat ')
    assert generatestring(both, 20, prime=state, seed=1) == both.generatestring(20, prime='the cat ', seed=1)
    sample = both.generatestring(12, prime='the cat ', seed=1)
    np.testing.assert_allclose(sample.nats, both.score(str(sample), prime='the cat ').nats, rtol=1e-3)
    assert both.next(state.blend(both.read('a'), 0.0)).probabilities.sum() == pytest.approx(1)
    rows = {row.name: row.bits_per_byte for row in compare(both, runs[1])}
    assert rows['mean of a, b, c'] == pytest.approx(both.evaluate().bits_per_byte) and 'mean of a, b, c' in repr(both)


def test_it_is_a_value_and_changes_nothing(runs: list[ModelState]) -> None:
    there = [moment(ms) for ms in runs]
    both = mean(*runs)
    before = both.evaluate().nats
    assert [moment(ms) for ms in runs] == there
    learner_of(runs[0]).train_window()
    assert both.evaluate().nats == before and mean(*runs).evaluate().nats != before


def test_what_cannot_be_averaged(make_run: MakeRun, runs: list[ModelState]) -> None:
    with pytest.raises(TrainingError, match='nothing to average'):
        mean()
    with pytest.raises(TrainingError, match='different vocabularies'):
        mean(runs[0], make_run('other', text='another text\n' * 50))
    with pytest.raises(TrainingError, match='different texts or parts'):
        mean(runs[0], make_run('part', trainfrac=0.8))
    with pytest.raises(TrainingError):
        mean(runs)  # type: ignore[arg-type]
