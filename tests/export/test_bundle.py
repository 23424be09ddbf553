"""A model that is handed on as a folder writes and scores as its run does, and holds nothing of the text."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun, files_below, train, words

import charrnn
from charrnn import Carry, CheckpointError, LanguageModel, ModelState, WorkspaceError, generatestring, loadmodel
from charrnn.errors import HyperParamsError, TrainingError, UnusableHereError
from charrnn.models import MODELTYPES
from charrnn.sampling.readers import open_reader
from charrnn.session import scores
from charrnn.session.prime import start_of
from charrnn.session.run import run_of
from charrnn.storage.sealed import as_json, write_sealed

KINDS: dict[str, dict[str, Any]] = {
    'GRUEncode': {},
    'GRUResize': {'modeltype': 'GRUResize'},
    'LSTM': {'modeltype': 'LSTM', 'emsize': 5, 'average': 0.9},
    'RNN_RELU of bytes': {'modeltype': 'RNN_RELU', 'level': 'byte'},
    'RNN_TANH, tied, of words': {'modeltype': 'RNN_TANH', 'level': 'word', 'tied': True, 'emsize': 6},
    'LSTMAttention': {'modeltype': 'LSTMAttention', 'layers': 1, 'memory': 4},
    'GRU of words': {'modeltype': 'GRU', 'level': 'word', 'punctuation': True, 'vocab_size': 20},
}
TEXT = 'the cat sat, and the dog\nran. '


def trained(make_run: MakeRun, kind: str) -> ModelState:
    text = {'text': words(4000)} if 'words' in kind else {}
    ms = make_run(**text, **KINDS[kind])
    train(ms, 6)
    return ms


@pytest.mark.parametrize('kind', KINDS)
def test_it_writes_and_scores_as_its_run_does(make_run: MakeRun, tmp_path: Path, kind: str) -> None:
    ms = trained(make_run, kind)
    found = ms.export(tmp_path / 'out')
    model = loadmodel(tmp_path / 'out', device='cpu')
    assert found.nats == ms.evaluate().nats and found.bytes == sum(map(len, files_below(tmp_path / 'out').values()))
    assert generatestring(model, 60, seed=3) == generatestring(ms, 60, seed=3)
    assert model.generatestring(20, prime=TEXT, errors='replace', seed=1) == ms.generatestring(
        20, prime=TEXT, errors='replace', seed=1
    )
    ours, theirs = (each.score(TEXT, errors='replace') for each in (ms, model))
    assert np.array_equal(ours.nats, theirs.nats)
    assert (ours.bits_per_char, ours.spelling_nats) == (theirs.bits_per_char, theirs.spelling_nats)
    state = model.read(TEXT, errors='replace')
    again = [each.generatestring(9, prime=state, seed=2) for each in (ms, model)]
    assert again[0] == again[1], 'one and the same weights'
    assert repr(model.next(TEXT, errors='replace')) == repr(ms.next(TEXT, errors='replace'))
    for other in ('generate', 'generatstring'):
        with pytest.raises(AttributeError, match=rf"has no '{other}'\.  Next: model\.generatestring\(\)"):
            getattr(model, other)
    with pytest.raises(WorkspaceError, match='is an exported model, without the text.*') as refused:
        ModelState.load(tmp_path / 'out')
    assert 'loadmodel(' in refused.value.next_step
    with pytest.raises(WorkspaceError, match='a run needs a directory of its own'):
        ModelState.initfromsrcfile(__file__, tmp_path / 'out')
    assert not (tmp_path / 'out' / 'dataset').exists()
    with pytest.raises(AttributeError, match="has no 'trainmodel': it has no text.*\\.  Next: the run"):
        model.trainmodel()  # type: ignore[attr-defined]
    if kind != 'LSTMAttention':
        assert model.decompress(ms.compress(TEXT)) == TEXT
    assert repr(model).startswith(f'<{ms.modeltype} of ')


def test_the_training_text_is_not_in_it(make_run: MakeRun, tmp_path: Path) -> None:
    secret = 'a passage that nobody else may read'
    ms = make_run(text=words(300) + secret + words(300))
    ms.export(tmp_path / 'out')
    for path, data in files_below(tmp_path / 'out').items():
        assert secret.encode() not in data, path
        assert str(tmp_path).encode() not in data, 'nor where it was'


def test_the_card_says_what_it_is(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    ms.export(tmp_path / 'out', licence='cc-by-4.0\nevil: yes')
    card = (tmp_path / 'out' / 'README.md').read_text(encoding='utf-8')
    assert "loadmodel('out')" in card
    assert card.startswith('---\nlicense: cc-by-4.0 evil: yes\nlibrary_name: charrnn\n')
    found = ms.evaluate()
    assert f'| this model | {found.nats:.4f} |' in card and found.protocol in card
    assert all(f'| {rung} | {nats:.4f} |' in card for rung, nats in found.ladder.items())
    config = json.loads((tmp_path / 'out' / 'config.json').read_text(encoding='utf-8'))
    assert config['losses']['valid']['nats'] == found.nats and config['model_type'] == 'charrnn'
    make_run('whole', trainfrac=1.0).export(tmp_path / 'none')
    assert 'held no text out' in (tmp_path / 'none' / 'README.md').read_text(encoding='utf-8')


def test_the_losses_are_those_of_the_weights_that_are_exported(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run(average=0.9)
    train(ms, 3)
    newer = run_of(make_run('newer', seed=5))
    with pytest.MonkeyPatch.context() as patch:  # as while another thread trains: a second look is newer
        patch.setattr(scores, 'run_of', lambda ms: newer)
        found = ms.export(tmp_path / 'out')
    assert found.nats == ms.evaluate().nats


def test_a_card_may_be_edited_and_nothing_else(make_run: MakeRun, tmp_path: Path) -> None:
    make_run().export(tmp_path / 'out')
    (tmp_path / 'out' / 'README.md').write_text('mine', encoding='utf-8')
    (tmp_path / 'out' / '.gitattributes').write_text('', encoding='utf-8')
    loadmodel(tmp_path / 'out')
    draws = random.Random(0)
    for name in ('model.safetensors', 'config.json', 'vocabulary.json', 'manifest.json'):
        path = tmp_path / 'out' / name
        whole = path.read_bytes()
        for _ in range(12):
            at = draws.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << draws.randrange(8)]) + whole[at + 1 :])
            with pytest.raises(CheckpointError):
                loadmodel(tmp_path / 'out')
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(CheckpointError):
            loadmodel(tmp_path / 'out')
        path.write_bytes(whole)
    loadmodel(tmp_path / 'out')


@pytest.mark.parametrize('change', [
    {'modeltype': 'os.system'}, {'modeltype': None}, {'hyper': None}, {'hyper': {'layers': 10**9}}, {'prime': []},
    {'prime': [10**9]}, {'format': 99}, {'seed': '0'}, {'hyper': {'state_size': 10**9, 'layers': 2}},
])  # fmt: skip
def test_a_folder_that_makes_no_sense_is_refused(make_run: MakeRun, tmp_path: Path, change: dict[str, Any]) -> None:
    make_run().export(tmp_path / 'out')
    files = {path.name: data for path, data in files_below(tmp_path / 'out').items() if path.name != 'manifest.json'}
    config = json.loads(files['config.json'])
    if change.get('hyper'):
        change = {'hyper': config['hyper'] | change['hyper']}
    files['config.json'] = as_json(config | change).encode()
    write_sealed(tmp_path / 'bad', files)
    with pytest.raises((CheckpointError, HyperParamsError)):
        loadmodel(tmp_path / 'bad')


def test_what_cannot_be_exported_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    ms.export(tmp_path / 'out')
    before = files_below(tmp_path / 'out')
    with pytest.raises(WorkspaceError, match="is there already.\n  Next: dir='.*out-2'"):
        ms.export(tmp_path / 'out')
    assert files_below(tmp_path / 'out') == before
    with pytest.raises(HyperParamsError, match="licence='mit'"):
        ms.export(tmp_path / 'new', licence=7)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match='there is no directory .*nowhere'):
        loadmodel(tmp_path / 'nowhere')
    with pytest.raises(CheckpointError, match='is a run, and no exported model'):
        loadmodel(ms.curdir)


class Mine(LanguageModel):
    """A model of the user's own: an Elman network."""

    def __init__(self, vocab_size: int, hyper: Any, generator: Any) -> None:
        super().__init__(vocab_size, hyper, generator)
        self.inner = torch.nn.Parameter(torch.zeros(hyper.state_size, hyper.state_size))
        self.table = torch.nn.Parameter(torch.ones(vocab_size, hyper.state_size))

    def zero_carry(self, lanes: int) -> charrnn.Carry:
        return charrnn.Carry({'h': self.readout_bias.new_zeros(1, lanes, self.hyper.state_size)})

    def forward(self, ids: Any, carry: Any, masks: Any = None) -> Any:
        h, outputs = carry['h'][0], []
        for step in self.table[ids].unbind(1):
            h = torch.tanh(step + h @ self.inner)
            outputs.append(h)
        return torch.stack(outputs, 1), charrnn.Carry({'h': h[None]})


def test_a_type_of_ones_own_needs_its_class(make_run: MakeRun, tmp_path: Path) -> None:
    charrnn.register('Mine', Mine)
    ms = make_run(modeltype='Mine', layers=1)
    ms.export(tmp_path / 'out')
    assert loadmodel(tmp_path / 'out').generatestring(9, seed=1) == ms.generatestring(9, seed=1)
    del MODELTYPES['Mine']
    with pytest.raises(UnusableHereError, match="needs the model type 'Mine'"):
        loadmodel(tmp_path / 'out')


@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind != 'LSTMAttention'])
def test_onnx_computes_the_same_step(make_run: MakeRun, tmp_path: Path, kind: str) -> None:
    onnxruntime = pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    ms = trained(make_run, kind)
    ms.export(tmp_path / 'out', onnx=True)
    session = onnxruntime.InferenceSession(tmp_path / 'out' / 'model.onnx', providers=['CPUExecutionProvider'])
    run = run_of(ms)
    names = [each.name for each in session.get_inputs()][1:]
    states = {name: np.zeros((2, ms.hyper.state_size), np.float32) for name in names}
    state, _ = start_of(run, None)
    reader = open_reader(run.learner.evaluated, Carry.join([state.carry, state.carry]))
    symbols = np.random.default_rng(0).integers(len(ms.chars), size=(30, 2))
    pending = np.full(2, state.pending)
    for row in symbols:
        logits, *after = session.run(None, {'ids': pending.astype(np.int64), **states})
        states = dict(zip(names, after, strict=True))
        assert np.allclose(reader.step(pending), logits, atol=2e-5)
        pending = row


def test_onnx_is_refused_with_the_next_step(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match='no state of one size'):
        make_run('a', modeltype='LSTMAttention', layers=1, memory=4).export(tmp_path / 'a out', onnx=True)
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(TrainingError, match='needs the package onnx.\n  Next: at a shell: pip install onnx'):
        make_run('b').export(tmp_path / 'b out', onnx=True)
    assert not (tmp_path / 'a out').exists() and not (tmp_path / 'b out').exists()
