"""Sizes are counted before memory is taken: the count is right, and each door refuses what no memory holds."""

from __future__ import annotations

import ast
import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ENGINES, MakeRun, files_below, learner_of, moment, train, words

from charrnn import HyperParams, HyperParamsError, ModelState, TrainingError, arguments
from charrnn.arguments import memory_bytes
from charrnn.models import MODELTYPES, build_model, device
from charrnn.training.limits import refuse_beyond, training_bytes

V = 11
BUILT_IN = ('GRUEncode', 'GRUResize', 'RNN_TANH', 'RNN_RELU', 'LSTM', 'GRU', 'LSTMAttention')
every_model = pytest.mark.parametrize('modeltype', BUILT_IN)
GIGABYTE = 10**9


def settings_of(modeltype: str) -> list[HyperParams]:
    """Return settings in which each size differs from the others."""
    found: list[dict[str, Any]] = [{}, {'layers': 1}]
    if 'emsize' in MODELTYPES[modeltype].settings:
        found += [{'emsize': 7}, {'tied': True}]
    if 'memory' in MODELTYPES[modeltype].settings:
        found += [{'memory': 13}]
    return [HyperParams(**{'layers': 3, 'state_size': 5, 'seq_len': 9, **each}) for each in found]


@every_model
def test_the_counts_are_those_of_the_model(modeltype: str) -> None:
    kind = MODELTYPES[modeltype]
    for hyper in settings_of(modeltype):
        model = build_model(modeltype, V, hyper, None)
        assert kind.count_weights(V, hyper) == sum(p.numel() for p in model.parameters())
        assert kind.count_carry(hyper) == sum(
            state.numel() for state in model.zero_carry(1).values() if state.is_floating_point()
        )


@every_model
@pytest.mark.parametrize('engine', ENGINES)
def test_a_window_keeps_at_least_what_is_counted(modeltype: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CHARRNN_ENGINE', engine)
    B = 3
    for hyper in settings_of(modeltype):
        model, kept = build_model(modeltype, V, hyper, 0), dict[int, int]()

        def keep(tensor: torch.Tensor, kept: dict[int, int] = kept) -> torch.Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        ids = torch.zeros(B, hyper.seq_len, dtype=torch.int64)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(ids, model.zero_carry(B))
        assert sum(kept.values()) >= 4 * B * MODELTYPES[modeltype].count_window(hyper)


def typed(step: str) -> dict[str, Any]:
    """Return the arguments that a next step names, as its reader types them."""
    call = ast.parse(f'f({step})', mode='eval').body
    assert isinstance(call, ast.Call)
    return {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}


@pytest.mark.parametrize(
    ('modeltype', 'given', 'said', 'step'),
    [
        ('GRUEncode', {'state_size': 10**6}, 'state_size=1000000 needs at least 192,003.5 GB', {'state_size': 128}),
        ('GRUEncode', {'state_size': 2**53 - 1}, 'state_size=9007199254740991', {'state_size': 128}),
        ('GRUEncode', {'layers': 10**9}, 'layers=1000000000', {'layers': 2}),
        ('RNN_TANH', {'layers': 2 * 10**6, 'state_size': 1}, 'layers=2000000', {'layers': 2}),
        ('LSTM', {'emsize': 10**12}, 'emsize=1000000000000', {'emsize': 0}),
        ('LSTMAttention', {'memory': 10**12}, 'memory=1000000000000', {'memory': 0}),
        ('GRU', {'seq_len': 10**12}, 'seq_len=1000000000000', {'seq_len': 100}),
        ('LSTMAttention', {'seq_len': 10**6}, 'seq_len=1000000 needs at least 2,', {'seq_len': 100}),
        (
            'GRU',
            {'state_size': 10**6, 'layers': 10**6},
            'layers=1000000, state_size=1000000',
            {'layers': 2, 'state_size': 128},
        ),
        (
            'LSTM',
            {'state_size': 10**6, 'emsize': 10**6, 'tied': True},
            'state_size=1000000, emsize=1000000',
            {'state_size': 128, 'emsize': 0},
        ),
    ],
)
def test_the_size_to_blame_is_named_with_one_that_fits(
    modeltype: str, given: dict[str, Any], said: str, step: dict[str, int]
) -> None:
    hyper = HyperParams(**given)
    with pytest.raises(HyperParamsError) as caught:
        refuse_beyond(8 * GIGABYTE, modeltype, 100, hyper)
    assert (
        caught.value.what.startswith(said) and ' GB of memory, and this process may take 8.0 GB.' in caught.value.what
    )
    assert typed(caught.value.next_step) == step
    again = HyperParams(**{**given, **step})
    refuse_beyond(8 * GIGABYTE, modeltype, 100, again)
    build_model(modeltype, 100, again, None)


@pytest.mark.parametrize('optimizer', ['rmsprop', 'sgd', 'adamw', 'muon'])
@every_model
def test_a_number_of_lanes_is_named_that_fits(modeltype: str, optimizer: str) -> None:
    hyper = HyperParams(optimizer=optimizer)
    for lanes in (17, 500, 10**6, 10**12):
        for memory in (training_bytes(modeltype, V, hyper), 10**9, 10**10):
            needed = training_bytes(modeltype, V, hyper, lanes)
            if needed <= memory:
                refuse_beyond(memory, modeltype, V, hyper, lanes)
                continue
            with pytest.raises(HyperParamsError, match=f'batchsize={lanes} needs at least') as caught:
                refuse_beyond(memory, modeltype, V, hyper, lanes)
            fewer = typed(caught.value.next_step)['batchsize']
            assert 1 <= fewer < lanes
            refuse_beyond(memory, modeltype, V, hyper, fewer)


def test_a_vocabulary_alone_can_be_too_large() -> None:
    with pytest.raises(HyperParamsError, match=r'a vocabulary of 10,000,000 symbols .*\n  Next: vocab_size=10000'):
        refuse_beyond(8 * GIGABYTE, 'LSTM', 10**7, HyperParams(), otherwise='vocab_size=10000')


@pytest.mark.parametrize(
    'given',
    [
        {'state_size': 10**6},
        {'state_size': 10**9},
        {'layers': 10**9},
        {'modeltype': 'LSTM', 'emsize': 10**12},
        {'modeltype': 'LSTMAttention', 'memory': 10**12},
    ],
)
def test_a_beginning_that_no_memory_holds_leaves_nothing(
    make_run: MakeRun, tmp_path: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(HyperParamsError, match=r'needs at least [\d,.]+ GB of memory') as caught:
        make_run(**given)
    assert not (tmp_path / 'run').exists()
    make_run(**{**given, **typed(caught.value.next_step)})


def test_a_text_decides_how_long_windows_and_memory_can_be(make_run: MakeRun) -> None:
    with pytest.raises(
        HyperParamsError, match='memory=631, and the text has 630 training symbols.\n  Next: memory=630'
    ):
        make_run(modeltype='LSTMAttention', memory=631)
    ms = make_run(modeltype='LSTMAttention', memory=630)
    train(ms, 1)
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(ms)


def test_an_open_run_refuses_what_no_memory_holds_and_stays(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run(text='some words. ' * 300)
    train(ms, 2)
    before, files = moment(ms), files_below(ms.curdir)
    learner, least = learner_of(ms), training_bytes(ms.modeltype, len(ms.chars), ms.hyper)
    monkeypatch.setattr(device, 'memory_bytes', lambda: least + 50_000)
    with pytest.raises(HyperParamsError, match=r'batchsize=300 needs .*\n  Next: batchsize=\d+$') as caught:
        ms.trainmodel(batchsize=300)
    with pytest.raises(HyperParamsError, match=r'seq_len=2000 needs .*\n  Next: seq_len=100'):
        ms.sethyperparams(seq_len=2000)
    assert moment(ms) == before and files_below(ms.curdir) == files and learner.lanes == 3
    train(ms, 1, **typed(caught.value.next_step))
    path = ms.curdir
    del ms, learner
    ModelState.load(path, device='cpu')
    monkeypatch.setattr(device, 'memory_bytes', lambda: least // 3)
    with pytest.raises(HyperParamsError, match='needs at least .*\n  Next: a machine with more memory'):
        ModelState.load(path, device='cpu')


def test_limits_on_a_process_and_on_a_container_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = memory_bytes()
    assert machine > GIGABYTE
    monkeypatch.setattr(resource, 'getrlimit', lambda which: (2 * GIGABYTE, -1))
    assert memory_bytes() == min(machine, 2 * GIGABYTE)
    limit = tmp_path / 'memory.max'
    monkeypatch.setattr(arguments, 'CONTAINER', (limit, tmp_path / 'no file'))
    for content, expected in (('max\n', 2 * GIGABYTE), ('700000000\n', 700_000_000)):
        limit.write_text(content)
        assert memory_bytes() == min(machine, expected)


@pytest.mark.parametrize(
    ('size', 'step'),
    [(115, 'seq_len=6, or a longer text'), (50, 'seq_len=2, or a longer text'), (9, 'seq_len=1, then ms.trainmodel(')],
)
def test_a_text_shorter_than_a_window_is_told_settings_that_train(make_run: MakeRun, size: int, step: str) -> None:
    text = words(size)
    with pytest.raises(TrainingError, match='fewer than one window of seq_len=110') as caught:
        make_run(text=text, seq_len=110)
    assert caught.value.next_step.startswith(step)
    seq_len = int(caught.value.next_step.partition(',')[0].removeprefix('seq_len='))
    make_run(text=text, seq_len=seq_len).trainmodel(batchsize=min(16, size * 9 // 10), quiet=True)


def test_lanes_beyond_a_short_text_are_told_what_to_change(make_run: MakeRun) -> None:
    ms = make_run(text=words(50), seq_len=45)
    with pytest.raises(TrainingError) as caught:
        ms.trainmodel()
    assert caught.value.next_step == 'batchsize=1, or ms.sethyperparams(seq_len=2)'
    ms.sethyperparams(seq_len=2)
    ms.trainmodel(quiet=True)
