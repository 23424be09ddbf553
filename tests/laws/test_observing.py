"""Law 4: observing is free: it leaves every bit, the position and torch's random stream as they were."""

import contextlib
import inspect
import io
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import MakeRun, moment, train

from charrnn import CharRNNError, ModelState, SamplingError, generatestring
from charrnn.session.dialogue import converse
from charrnn.session.generation import sample_on_the_way
from charrnn.session.run import run_of


def provoke(ms: ModelState) -> None:
    for request in (
        lambda: ms.generatestring(5, prime='\x01'),
        lambda: ms.restore(99),
        lambda: ms.evaluate('test'),
        lambda: ms.trainmodel(batchsize=10_000),
        lambda: ms.trainmodel(epochs=3),  # type: ignore[call-arg]
    ):
        with contextlib.suppress(CharRNNError):
            request()


def write_together(ms: ModelState) -> None:
    with contextlib.suppress(SamplingError):  # there is no terminal
        ms.write('the', seed=1)
    answers = iter(['1', ' cat', 't', 'u', 'q'])
    converse(run_of(ms), ms.read('the'), '', 0.5, np.random.default_rng(), lambda shown: next(answers))


OBSERVERS: dict[str, Callable[[ModelState], object]] = {
    'evaluate': lambda ms: ms.evaluate(),
    'evaluate train': lambda ms: ms.evaluate('train'),
    'generate': lambda ms: generatestring(ms, 30),
    'generate with a seed': lambda ms: ms.generatestring(30, temp=0, prime='the cat', seed=3),
    'generate with rules': lambda ms: list(ms.generatestring(30, forbid='a', stop='\n', topk=3, stream=True)),
    'read': lambda ms: [ms.read('the cat').blend(ms.read('a')), ms.next(ms.read('the cat')), repr(ms.lane(0))],
    'save a state': lambda ms: ms.lane().save(f'{ms.curdir}.state') or ms.loadstate(f'{ms.curdir}.state'),
    'write together': write_together,
    'repr': repr,
    'complete names': dir,
    'properties': lambda ms: [getattr(ms, name) for name in dir(ms) if not name.startswith('__')],
    'history': lambda ms: [repr(ms.history), list(ms.history), ms.history.column('train_nats')],
    'checkpoints': lambda ms: repr(ms.checkpoints()),
    'check causality': lambda ms: ms.checkcausal(),
    'track attention': lambda ms: ms.trackattention('the cat'),
    'compare': lambda ms: ms.compare(ms),
    'score': lambda ms: [repr(ms.score('the cat')), ms.score(['the cat', 'on a mat'])],
    'plot': lambda ms: ms.plot(),
    'track neurons': lambda ms: ms.trackneurons('the cat'),
    'temperatures': lambda ms: ms.temperatures('the cat'),
    'export a page': lambda ms: ms.exporthtml(f'{ms.curdir}.html'),
    'save': lambda ms: ms.newcheckpoint(),
    'load': lambda ms: ModelState.load(ms.curdir, device='cpu'),
    'errors': provoke,
    'global seeds': lambda ms: (np.random.seed(0), random.seed(0)),  # noqa: NPY002  what a user may do
}


CHANGERS = {'initfromsrcfile', 'load', 'restore', 'sethyperparams', 'trainmodel', 'attach', 'detach', 'reattach'}


def test_every_method_that_looks_is_tried() -> None:
    """P11: name each new public method here, as one that changes a run or as one that is tried."""
    methods = {name for name, value in vars(ModelState).items() if inspect.isroutine(value) and name[0] != '_'}
    tried = ' '.join(inspect.getsource(look) for look in OBSERVERS.values() if inspect.isfunction(look))
    assert {name for name in methods - CHANGERS if f'ms.{name}(' not in tried} == set()


@pytest.mark.parametrize('name', OBSERVERS)
def test_looking_changes_nothing(make_run: MakeRun, name: str) -> None:
    ms = make_run(dropout=0.3, modeltype='LSTMAttention' if 'attention' in name else 'GRUEncode')
    train(ms, 7)
    before, stream = moment(ms), torch.get_rng_state()
    OBSERVERS[name](ms)
    assert moment(ms) == before
    assert torch.equal(torch.get_rng_state(), stream)


def test_looking_between_windows_changes_nothing_that_is_learned(make_run: MakeRun) -> None:
    plain, watched = make_run('plain', dropout=0.3), make_run('watched', dropout=0.3)
    train(plain, 12)
    with contextlib.redirect_stdout(io.StringIO()):
        for windows in (1, 3, 8):
            for name, look in OBSERVERS.items():
                if name not in (
                    'load',
                    'track attention',
                ):  # the loaded object would own the run; this model has no attention
                    look(watched)
            with torch.random.fork_rng():
                torch.manual_seed(windows)
                train(watched, windows, print_every=1)
    assert moment(watched) == moment(plain)


def test_a_sample_on_the_way_begins_with_the_next_symbol_and_continues_lane_0(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 60, print_every=60)
    report = next(row for row in ms.history if row['kind'] == 'report')
    upcoming = ms.chars.decode(ms.data.train[ms.position : ms.position + 1])
    assert len(report['sample']) == 200
    assert report['sample'][0] == upcoming
    assert sample_on_the_way(run_of(ms)) == report['sample'], 'its draws are a function of the position'
