"""The laws for every model type at every level, in both ways of choosing windows."""

import pytest
import torch
from conftest import MakeRun, learner_of, moment, train

from charrnn import ModelState
from charrnn.models import MODELTYPES
from charrnn.text.sources import LEVELS

every_run = pytest.mark.parametrize(
    ('modeltype', 'level'), [(modeltype, level) for modeltype in MODELTYPES for level in LEVELS]
)
LONG = 'the cat sat on a mat, and ran.\nso did the é.\n' * 60


@every_run
@pytest.mark.parametrize('sampling', ['lanes', 'random'])
def test_stopping_anywhere_changes_nothing(make_run: MakeRun, modeltype: str, level: str, sampling: str) -> None:
    """Stop and load with dropout, across the end of an epoch of words, with observation in between."""
    given = {
        'modeltype': modeltype, 'level': level, 'sampling': sampling, 'dropout': 0.3, 'text': LONG,
        'optimizer': 'adamw' if sampling == 'random' else 'muon', 'locked': sampling == 'lanes',
        'weightdrop': 0.2, 'average': 0.9,
    }  # fmt: skip
    straight, stopped = make_run('straight', **given), make_run('stopped', **given)
    train(straight, 19)
    for windows in (1, 7, 11):
        train(stopped, windows, print_every=5)
        stopped.generatestring(3)
        stopped.evaluate()
        assert stopped.checkcausal()
        stopped = ModelState.load(stopped.curdir, device='cpu')
    assert moment(stopped) == moment(straight)


@every_run
def test_new_lanes_are_primed(make_run: MakeRun, modeltype: str, level: str) -> None:
    ms = make_run(modeltype=modeltype, level=level, text=LONG)
    train(ms, 3)
    learner_of(ms).lay_lanes(2)
    n, carry = ms.data.train_size, ms.carry
    assert carry is not None
    model = learner_of(ms).model
    for k in range(2):
        start = (ms.position + k * n // 2) % n
        before = torch.tensor([[int(ms.data.train[(start - 16 + i) % n]) for i in range(16)]])
        with torch.no_grad():
            _, expected = model(before, model.zero_carry(1))
        for name in carry:
            torch.testing.assert_close(carry.lane(k)[name], expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_a_prime_is_read_alike_at_once_and_by_itself(make_run: MakeRun, modeltype: str) -> None:
    ms = make_run(modeltype=modeltype, text=LONG)
    train(ms, 20)
    text = 'the cat sat on a mat'
    first, whole = (ms.generatestring(numchars, 0, prime=text) for numchars in (1, 6))
    assert isinstance(first, str) and whole == f'{first}{ms.generatestring(5, 0, prime=text + first)}'


@pytest.mark.parametrize('level', LEVELS)
def test_every_level_generates_its_own_text(make_run: MakeRun, level: str) -> None:
    ms = make_run(level=level, text=LONG, layers=1, state_size=32, learnrate=0.02)
    train(ms, 60, print_every=60)
    drawn = ms.generatestring(20, 0.5, prime='the cat', seed=1)
    assert any(word in drawn for word in ('cat', 'sat', 'mat', 'ran'))
    assert f'nats/{level}' in str(ms.evaluate()) and f'nats/{level}' in repr(ms)
    assert len(ms.chars.encode(ms.history.column('sample')[-1], errors='replace')) in (200, 40)


def test_random_windows_are_a_function_of_seed_and_position(make_run: MakeRun) -> None:
    ms, again, other = (make_run(f'run{i}', sampling='random', seed=seed) for i, seed in enumerate([1, 1, 2]))
    for run in (ms, again, other):
        train(run, 3, print_every=1)
    places = [[learner_of(run).places(p).tolist() for p in (0, 8, 16)] for run in (ms, again, other)]
    assert places[0] == places[1] != places[2] and places[0][0] != places[0][1]
    reports = [row for row in ms.history if row['kind'] == 'report']
    assert all(row['valid_nats'] is not None for row in reports), 'each report has a validation'
    following = (places[0][2][0] + 8) % ms.data.train_size
    assert reports[-1]['sample'][0] == ms.chars.decode(ms.data.train[following : following + 1])


def test_random_windows_begin_with_a_fresh_state(make_run: MakeRun) -> None:
    """Train the same windows after another carry: the moments are equal."""
    one, other = make_run('one', sampling='random'), make_run('other', sampling='random')
    for ms in (one, other):
        learner_of(ms).lay_lanes(3)
    assert other.carry is not None
    learner_of(other).carry = type(other.carry)({'h': other.carry['h'] + 1})
    assert learner_of(one).train_window() == learner_of(other).train_window()
    assert moment(one) == moment(other)
