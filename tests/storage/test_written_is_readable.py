"""One predicate for writer and reader: what the public calls accept is written, and what was written is read."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import HyperParamsError, ModelState, OwnershipError
from charrnn.storage.checkpoints import Checkpoints
from charrnn.training.history import History
from charrnn.training.schedule import Schedule

LARGEST = 2**53 - 1


@pytest.mark.parametrize('seed', [0, 1, LARGEST, LARGEST + 1, 2**64, 10**30])
def test_a_seed_is_refused_or_comes_back(make_run: MakeRun, seed: int) -> None:
    if seed > LARGEST:
        with pytest.raises(HyperParamsError, match=r'seed is larger than 9,007,199,254,740,991.\n  Next: seed='):
            make_run(seed=seed)
        return
    ms = make_run(seed=seed)
    train(ms, 1)
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(ms)


@pytest.mark.parametrize('nats', [0.0, 1e18, 1e300])
def test_any_finite_validation_comes_back(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, nats: float) -> None:
    ms = make_run()
    train(ms, 1)
    monkeypatch.setattr(History, 'validated', lambda *given: nats)
    learner_of(ms).schedule = Schedule(1, 0, nats)  # as `anneal` keeps it
    number = ms.newcheckpoint()
    again = ModelState.load(ms.curdir, device='cpu')
    assert again.checkpoints()[-1].number == number and again.checkpoints()[-1].valid_nats == nats


@pytest.mark.parametrize('name', ['learnrate', 'regcost', 'clip', 'clipnorm', 'warmup', 'cosine'])
@pytest.mark.parametrize('value', [3.1e38, 1e39, 1e308, 10**55])
def test_a_rate_beyond_float32_is_refused(make_run: MakeRun, name: str, value: float) -> None:
    with pytest.raises(HyperParamsError, match=rf'{name}=\S+ must be a finite number, 0 or more and at most 3e\+38'):
        make_run(**{name: value})


@pytest.mark.parametrize('value', [Decimal('0.25'), Fraction(1, 4), np.float32(0.25), np.float64(0.25), 0.25])
def test_a_number_of_any_type_is_the_number_it_is(make_run: MakeRun, value: Any) -> None:
    ms = make_run(dropout=value)
    assert type(ms.hyper.dropout) is float and ms.hyper.dropout == 0.25
    assert ms.sethyperparams(anneal=value).anneal == 0.25
    ms.newcheckpoint()
    assert ModelState.load(ms.curdir, device='cpu').hyper == ms.hyper


@pytest.mark.parametrize('name', ['layers', 'state_size', 'emsize', 'memory', 'seq_len'])
def test_a_size_beyond_any_memory_is_refused(make_run: MakeRun, name: str) -> None:
    with pytest.raises(HyperParamsError, match=f'{name} is larger than'):
        make_run(**{name: 10**30})


OTHER_WRITER = """
import sys
from charrnn import ModelState
ModelState.load(sys.argv[1], device='cpu').trainmodel(train_len=1, batchsize=3, valid_len=1, print_every=0)
"""


@pytest.mark.parametrize('again', [False, True], ids=['load', 'restore'])
def test_a_writer_between_reading_and_registering_is_noticed(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Another process trains and ends while this one is loading: this one must not supersede its checkpoints."""
    ms = make_run()
    train(ms, 2)
    curdir = ms.curdir
    read = Checkpoints.read_newest

    def read_then_be_overtaken(*given: Any) -> Any:
        found = read(*given)
        subprocess.run([sys.executable, '-W', 'ignore', '-c', OTHER_WRITER, str(curdir)], check=True)
        return found

    del ms
    loaded = ModelState.load(curdir, device='cpu') if again else None
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, 'read_newest', read_then_be_overtaken)
        loaded = loaded.restore() if loaded is not None else ModelState.load(curdir, device='cpu')
    with pytest.raises(OwnershipError, match='another process has trained'):
        train(loaded, 1)
    train(loaded.restore(), 1)
