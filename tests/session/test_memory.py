"""Law 10: a fork is exact, from every engine; a state is a value that outlives its model only in its own weights."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ENGINES, MakeRun, learner_of, train

from charrnn import CheckpointError, HyperParamsError, ModelState, SamplingError, State, WorkspaceError
from charrnn.models import MODELTYPES
from charrnn.sampling.filters import Limits
from charrnn.sampling.writer import Request, Writer

LONG = 'the cat sat on a mat, and ran.\nso did the é.\n' * 40


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_a_fork_is_exact(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, modeltype: str, engine: str
) -> None:
    monkeypatch.setenv('CHARRNN_ENGINE', engine)
    ms = make_run(modeltype=modeltype)
    train(ms, 5)
    state = ms.read('the cat')
    copy = dataclasses.replace(state, carry=type(state.carry)({k: v.clone() for k, v in state.carry.items()}))
    texts = [ms.generatestring(30, 1.0, prime=prime, seed=4) for prime in (state, 'the cat', state)]
    assert texts[0] == texts[1] == texts[2] and texts[0].nats.tolist() == texts[1].nats.tolist()
    state.save(tmp_path / 'state')
    assert state == copy == ms.loadstate(tmp_path / 'state') != ms.read('the ca')
    assert ms.generatestring(30, 1.0, prime=ms.loadstate(tmp_path / 'state'), seed=4) == texts[0]
    longer = ms.read(' sat', prime=state)
    for name, tensor in ms.read('the cat sat').carry.items():
        np.testing.assert_allclose(longer.carry[name].numpy(), tensor.numpy(), rtol=1e-4, atol=1e-5)
    assert longer == ms.read(' sat', prime='the cat')


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_m_then_n_symbols_are_m_plus_n(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, modeltype: str, engine: str
) -> None:
    """Rule 9: the state after a text is all that the next symbols depend on, also of several streams."""
    monkeypatch.setenv('CHARRNN_ENGINE', engine)
    ms = make_run(modeltype=modeltype)
    model, start = learner_of(ms).model, ms.read('the cat')

    def write(state: State, length: int, draws: np.random.Generator, streams: int = 1) -> Writer:
        writer = Writer(model, ms.chars, [(state, '')] * streams, Request(length, Limits(1.0, never=(0,))), draws)
        for _ in writer.write():
            pass
        return writer

    for m, n in ((0, 9), (1, 8), (5, 4), (9, 0)):
        whole, draws = write(start, m + n, np.random.default_rng(3)), np.random.default_rng(3)
        first = write(start, m, draws)
        rest = write(first.state(0), n, draws)
        assert first.streams[0].indices + rest.streams[0].indices == whole.streams[0].indices
        assert first.streams[0].nats + rest.streams[0].nats == whole.streams[0].nats
        assert rest.state(0) == whole.state(0)
    several = write(start, 6, np.random.default_rng(3), 3)
    for k, stream in enumerate(several.streams):
        read = ms.read(ms.chars.decode(stream.indices), prime=start)
        assert read.pending == several.state(k).pending == stream.indices[-1]
        for name, tensor in read.carry.items():
            np.testing.assert_allclose(several.state(k).carry[name].numpy(), tensor.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('options', [{}, {'punctuation': True}, {'lower': True}])
@pytest.mark.parametrize('prime', ['the cat', 'the cat ', 'so\n', 'sat on a mat,'])
def test_words_go_on_from_a_state_as_from_the_text(make_run: MakeRun, prime: str, options: Any) -> None:
    """The space before the first word is the same."""
    ms = make_run(level='word', text=LONG, **options)
    prime = prime if options.get('punctuation') else prime.replace(',', '')
    prime = prime.replace('mat', 'mat,') if not options.get('punctuation') else prime
    whole = ms.generatestring(9, 0, prime=prime)
    assert ms.generatestring(9, 0, prime=ms.read(prime)) == whole
    first = ms.generatestring(4, 0, prime=prime)
    assert first + ms.generatestring(5, 0, prime=first.state) == whole


def test_a_state_of_other_weights_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    ms, other = make_run('one'), make_run('two', text='abcdef\n' * 50)
    state = ms.read('the cat')
    state.save(tmp_path / 'state')
    with pytest.raises(SamplingError, match=r"(?s)state of GRUEncode of 'one' at 0 symbols.*'two'.*another vocabulary"):
        other.generatestring(5, prime=state)
    train(ms, 3)
    for use in (
        lambda: ms.generatestring(5, prime=state),
        lambda: ms.read('a', prime=state),
        lambda: ms.next(state),
        lambda: ms.loadstate(tmp_path / 'state'),
        lambda: ms.temperatures(state),
    ):
        with pytest.raises(SamplingError, match='other weights, so it means nothing here'):
            use()
    ms.restore(1)  # the weights that read it
    assert ms.generatestring(5, 0, prime=state) == ms.generatestring(5, 0, prime='the cat')
    with pytest.raises(SamplingError, match='do not mix'):
        state.blend(other.read('abc'))


def test_a_blend_is_between_two_states(make_run: MakeRun) -> None:
    ms = make_run()
    a, b = ms.read('the cat'), ms.read('sat on a mat')
    assert a.blend(b, 0) == a and torch.equal(a.blend(b, 1).carry['h'], b.carry['h'])
    torch.testing.assert_close(a.blend(b, 0.25).carry['h'], 0.75 * a.carry['h'] + 0.25 * b.carry['h'])
    assert len(ms.generatestring(5, prime=a.blend(b))) == 5
    for wrong, message in ((2, 'weight=2'), (True, 'weight=True'), ('x', "weight='x'")):
        with pytest.raises(SamplingError, match=message):
            a.blend(b, wrong)  # type: ignore[arg-type]
    with pytest.raises(SamplingError, match="'text' is no State"):
        a.blend('text')  # type: ignore[arg-type]
    attention = make_run('attention', modeltype='LSTMAttention')
    state = attention.read('the cat')
    with pytest.raises(SamplingError, match='cannot be blended'):
        state.blend(state)


def test_a_lane_is_the_live_state_of_training(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 3, batchsize=2)
    for k in range(2):
        state = ms.lane(k)
        assert torch.equal(state.carry['h'], ms.carry.lane(k)['h'])
        assert state.pending == learner_of(ms).next_symbol(k)
        assert len(ms.generatestring(5, prime=state)) == 5
    assert 'State of GRUEncode of' in repr(ms.lane())
    before = {name: tensor.clone() for name, tensor in state.carry.items()}
    train(ms, 3)
    assert all(torch.equal(tensor, state.carry[name]) for name, tensor in before.items())
    for wrong in (9, -1, '0', 1.0):
        with pytest.raises(HyperParamsError, match='this run has'):
            ms.lane(wrong)  # type: ignore[arg-type]


def test_reading_nothing_or_the_unknown_is_a_clear_error(make_run: MakeRun) -> None:
    ms = make_run()
    with pytest.raises(SamplingError, match='nothing to read'):
        ms.read('')
    with pytest.raises(ValueError, match="'é'"):
        ms.read('é')
    assert ms.read('é', errors='replace').pending == 0
    with pytest.raises(SamplingError, match='3 is no text'):
        ms.read(3)  # type: ignore[arg-type]


def test_a_saved_state_is_verified_and_replaces_nothing_else(make_run: MakeRun, tmp_path: Path) -> None:
    ms, place = make_run(), tmp_path / 'state'
    state = ms.read('the cat')
    state.save(place)
    ms.read('a').save(place)  # a state may be replaced
    assert ms.loadstate(place) == ms.read('a')
    (tmp_path / 'file').write_text('mine')
    for theirs in (tmp_path / 'file', ms.curdir):
        with pytest.raises(WorkspaceError, match='is no saved state'):
            state.save(theirs)
    with pytest.raises(CheckpointError):
        ms.loadstate(tmp_path / 'missing')
    for name in ('state.json', 'tensors.safetensors'):
        state.save(place)
        data = bytearray((place / name).read_bytes())
        data[len(data) // 2] ^= 1
        (place / name).write_bytes(data)
        with pytest.raises(CheckpointError, match='was changed'):
            ms.loadstate(place)


def test_a_stranger_s_state_is_checked(make_run: MakeRun, tmp_path: Path) -> None:
    from charrnn.storage.sealed import write_sealed

    ms, place = make_run(), tmp_path / 'state'
    ms.read('the cat').save(place)
    facts = json.loads((place / 'state.json').read_bytes())
    tensors = (place / 'tensors.safetensors').read_bytes()
    changes: list[dict[str, Any]] = [
        {'pending': 10**6},
        {'pending': -1},
        {'pending': True},
        {'line': 3},
        {'of': {}},
        {'of': {**facts['of'], 'weights': 3}},
        {'of': {**facts['of'], 'position': 1.5e30}},
    ]
    for n, changed in enumerate(changes):
        made = tmp_path / f'made{n}'
        write_sealed(made, {'state.json': json.dumps({**facts, **changed}).encode(), 'tensors.safetensors': tensors})
        with pytest.raises(CheckpointError, match='no state of such a model'):
            ms.loadstate(made)
    write_sealed(tmp_path / 'junk', {'state.json': json.dumps(facts).encode(), 'tensors.safetensors': b'junk'})
    with pytest.raises(CheckpointError, match='no state of such a model'):
        ms.loadstate(tmp_path / 'junk')
    (tmp_path / 'page.html').write_text('a page')
    with pytest.raises(CheckpointError, match='is a file, and a saved state is a folder'):
        ms.loadstate(tmp_path / 'page.html')
    other = make_run('other', state_size=9)
    with pytest.raises(CheckpointError, match='no state of such a model'):
        other.loadstate(place)


def test_next_sums_to_1_and_agrees_with_the_costs(make_run: MakeRun) -> None:
    """Law 11."""
    ms: ModelState = make_run()
    train(ms, 10)
    text, state = 'the cat', ms.read('the cat')
    found = ms.next(state, k=3)
    assert abs(found.probabilities.sum() - 1) < 1e-12 and len(found.symbols) == 3
    assert found.probabilities[list(found.indices)].tolist() == sorted(found.probabilities)[::-1][:3]
    assert ms.next(text, k=3).probabilities.tolist() == found.probabilities.tolist()
    drawn = ms.generatestring(1, 1.0, prime=state, seed=1)
    index = int(ms.chars.encode(drawn)[0])
    assert abs(-np.log(found.probabilities[index]) - drawn.nats[0]) < 1e-5
    assert repr(found).splitlines()[0].split() == ['char', 'probability', 'bits']
    assert len(ms.next(k=10**6).symbols) == len(ms.chars)
    with pytest.raises(HyperParamsError, match='k=0'):
        ms.next(text, 0)
