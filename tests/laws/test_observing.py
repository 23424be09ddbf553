"""Laws 4 and 13: observing leaves every bit, the position and torch's random stream as they were."""

import contextlib
import inspect
import io
import itertools
import random
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import numpy as np
import pytest
import torch
from conftest import MakeRun, moment, train
from torture import TORTURE, count

from charrnn import CharRNNError, ModelState, SamplingError, generatestring, loadmodel
from charrnn.session.dialogue import converse
from charrnn.session.generation import sample_on_the_way
from charrnn.session.run import run_of


@pytest.fixture(autouse=True)
def no_pictures_left() -> Iterator[None]:
    """Close the pictures that were drawn; pyplot keeps each one open."""
    yield
    if 'matplotlib.pyplot' in sys.modules:
        sys.modules['matplotlib.pyplot'].close('all')


def provoke(ms: ModelState) -> None:
    for request in (
        lambda: ms.generatestring(5, prime='\x01'),
        lambda: ms.restore(99),
        lambda: ms.evaluate('test'),
        lambda: ms.trainmodel(batchsize=10_000),
        lambda: ms.trainmodel(epochs=3),  # type: ignore[call-overload]
    ):
        with contextlib.suppress(CharRNNError):
            request()


def write_together(ms: ModelState) -> None:
    with contextlib.suppress(SamplingError):  # there is no terminal
        ms.write('the', seed=1)
    answers = iter(['1', ' cat', 't', 'u', 'q'])
    converse(run_of(ms), ms.read('the'), '', 0.5, np.random.default_rng(), lambda shown: next(answers))


NUMBERS = itertools.count()

OBSERVERS: dict[str, Callable[[ModelState], object]] = {
    'evaluate': lambda ms: ms.evaluate(),
    'evaluate adaptively': lambda ms: ms.evaluate(adapt=True),
    'score adaptively': lambda ms: ms.score(['the cat', 'on a mat'], adapt=True),
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
    'copied': lambda ms: repr(ms.copied('the cat sat on a mat, and ran.')),
    'score': lambda ms: [repr(ms.score('the cat')), ms.score(['the cat', 'on a mat'])],
    'plot': lambda ms: ms.plot(),
    'track neurons': lambda ms: ms.trackneurons('the cat'),
    'find neurons': lambda ms: [
        repr(ms.findneurons(None, 'line')),
        ms.findneurons('the cat', [1, 0, 0, 0, 1, 0, 0]),
        repr(ms.showneuron('the cat', 0, 1)),
    ],
    'temperatures': lambda ms: ms.temperatures('the cat'),
    'export a page': lambda ms: ms.exporthtml(f'{ms.curdir}.html'),
    'export': lambda ms: loadmodel(ms.export(f'{ms.curdir} {next(NUMBERS)}').path).score('the cat'),
    'compress': lambda ms: ms.decompress(ms.compress('the cat, or no cat', verify=True)),
    'save': lambda ms: ms.newcheckpoint(),
    'save under a name': lambda ms: ms.newcheckpoint(name=f'name {next(NUMBERS)}'),
    'branch': lambda ms: ms.branch(f'{ms.curdir} {next(NUMBERS)}', learnrate=0.5).family(),
    'doctor': lambda ms: repr(ms.doctor()),
    'family': lambda ms: repr(ms.family()),
    'load': lambda ms: ModelState.load(ms.curdir, device='cpu'),
    'errors': provoke,
    'global seeds': lambda ms: (np.random.seed(0), random.seed(0)),  # noqa: NPY002  what a user may do
}


CHANGERS = {'initfromsrcfile', 'load', 'restore', 'rewind', 'sethyperparams', 'trainmodel'}
CHANGERS |= {'addsource', 'attach', 'detach', 'reattach'}


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


class Interrupt:
    """A profile function of sys that raises KeyboardInterrupt at a call of a function of the package; 0: it counts."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.calls = at, 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event == 'call' and str(frame.f_globals.get('__name__')).startswith('charrnn.'):
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt


def profiled(look: Callable[[ModelState], object], ms: ModelState, at: int = 0) -> int:
    """Call an observer with such a function; return the number of calls."""
    interrupt = Interrupt(at)
    sys.setprofile(interrupt)
    try:
        look(ms)
    finally:
        sys.setprofile(None)
    return interrupt.calls


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')  # interrupted in a finalizer
@pytest.mark.parametrize('name', [name for name in OBSERVERS if name != 'global seeds'])
def test_looking_that_is_interrupted_changes_nothing(make_run: MakeRun, name: str) -> None:
    """Law 13, at some calls of functions of the package while an observer works."""
    ms = make_run(dropout=0.3, modeltype='LSTMAttention' if 'attention' in name else 'GRUEncode')
    train(ms, 7)
    before, stream, draws = moment(ms), torch.get_rng_state(), random.Random(name)
    number, tries = profiled(OBSERVERS[name], ms), 100 if TORTURE else 2
    for _ in range(tries):
        with contextlib.suppress(KeyboardInterrupt):
            profiled(OBSERVERS[name], ms, draws.randint(1, number))
        assert moment(ms) == before
        assert torch.equal(torch.get_rng_state(), stream)
    count('interruptions of observing calls that changed nothing', tries)
    if name != 'load':  # the loaded object owns the run
        train(ms, 1)


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
