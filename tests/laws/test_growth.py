"""A run that gets another text keeps all that it had, goes on bit for bit, and goes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MakeRun, files_below, learner_of, moment, train, words

from charrnn import CharRNNError, CheckpointError, HyperParamsError, ModelState, SourceTextError
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.text import together

ADDED = 'Der Kater saß, ' * 20
"""A text with capitals and a letter that the first one has not."""


@pytest.fixture
def added(tmp_path: Path) -> Path:
    path = tmp_path / 'added.txt'
    path.write_text(ADDED, encoding='utf-8')
    return path


@pytest.mark.parametrize('given', [
    {'optimizer': 'muon', 'average': 0.9, 'dropout': 0.3},
    {'optimizer': 'adamw', 'modeltype': 'LSTM', 'emsize': 6, 'tied': True},
    {'optimizer': 'rmsprop', 'modeltype': 'GRUResize'},
    {'optimizer': 'sgd', 'modeltype': 'LSTMAttention', 'level': 'word'},
    {'level': 'byte', 'modeltype': 'GRU'},
], ids=lambda given: given.get('optimizer', 'byte'))  # fmt: skip
def test_what_was_learned_stays_where_it_was(make_run: MakeRun, added: Path, given: dict[str, object]) -> None:
    ms = make_run(**given)
    train(ms, 5)
    then, chars, valid = learner_of(ms).moment(), ms.chars, ms.data.text('valid')
    ms.addsource(added)
    now = learner_of(ms).moment()
    size, symbols = len(chars), [*chars]
    assert [*ms.chars][:size] == symbols and (len(ms.chars) > size) == (ms.chars.level != 'byte')
    before, after = then.tensors(), now.tensors()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        inside = after[name][tuple(slice(length) for length in tensor.shape)] if tensor.ndim else after[name]
        assert torch.equal(inside, tensor), name
        if name.startswith('carry/'):
            assert after[name].shape == tensor.shape
    assert (now.position, now.symbols) == (then.position, then.symbols)
    assert ms.data.text('valid') == valid
    assert ms.data.text('train').startswith(ADDED.encode()) and ms.epoch == then.ring.epoch_at(then.symbols)
    train(ms, 3)
    assert ms.epoch == then.symbols / then.ring.size + (ms.position - 40) * 3 / len(ms.data.train)


@pytest.mark.parametrize('level', ['char', 'word'])
def test_a_grown_run_goes_on_bit_for_bit(make_run: MakeRun, added: Path, level: str) -> None:
    straight, stopped = (make_run(name, dropout=0.3, level=level, average=0.9) for name in ('straight', 'stopped'))
    train(straight, 5)
    straight.addsource(added)
    train(straight, 9)
    train(stopped, 5)
    ModelState.load(stopped.curdir, device='cpu').addsource(added)
    for windows in (4, 5):
        train(ModelState.load(stopped.curdir, device='cpu'), windows)
    grown = ModelState.load(stopped.curdir, device='cpu')
    assert moment(grown) == moment(straight)
    branch = grown.branch(grown.curdir.with_name('branch'))
    for ms in (straight, branch):
        train(ms, 4)
    assert moment(branch) == moment(straight)
    assert (branch.curdir / 'dataset.2' / 'indices.bin').samefile(grown.curdir / 'dataset.2' / 'indices.bin')
    assert fsck(branch.curdir).status == 0


def test_the_validation_stays_what_it_was(make_run: MakeRun, tmp_path: Path, added: Path) -> None:
    ms = make_run()
    train(ms, 5)
    before = ms.evaluate()
    (tmp_path / 'more.txt').write_text(words(300, seed=7))
    ms.addsource(tmp_path / 'more.txt')
    assert ms.evaluate().nats == before.nats, 'no new symbol: the same bits'
    ms.addsource(added)
    assert 0 < ms.evaluate().nats - before.nats < 1.1e-3, 'new symbols are hardly expected'
    train(ms, 2, valid_len=0)
    assert ms.checkpoints()[-1].valid_nats is not None
    old = ms.data.valid.copy()
    ms.addsource(added, validfrac=0.25)
    assert np.array_equal(ms.data.valid[: len(old)], old) and len(ms.data.valid) == len(old) + len(ADDED) // 4
    assert not any(row.is_best for row in ms.checkpoints()), 'losses of another split are not compared'
    best = min((row.valid_nats, row.number) for row in ms.checkpoints() if row.valid_nats is not None)
    ms.trainmodel(7, 3, train_len=1, print_every=0, keep=1)
    assert best[1] in {row.number for row in ms.checkpoints()}, 'the best on the old split stays, too'


@pytest.mark.parametrize('level', ['char', 'word'])
def test_a_text_can_train_alone(make_run: MakeRun, tmp_path: Path, added: Path, level: str) -> None:
    ms = make_run(level=level)
    train(ms, 5)
    valid = ms.data.text('valid')
    ms.addsource(added, alone=True)
    assert (ms.data.text('train'), ms.data.text('valid')) == (ADDED.encode(), valid)
    ms.addsource(added, alone=True, validfrac=0.5)
    whole = ms.data.text('train') + ms.data.text('valid')
    assert whole == ADDED.encode() and len(ms.data.valid) > 20
    train(ms, 2)
    (tmp_path / 'more.txt').write_text(words(100, seed=7))
    ms.addsource(tmp_path / 'more.txt')
    assert ms.data.text('train') == words(100, seed=7).encode() + whole[: -len(ms.data.text('valid'))]
    train(ms, 2)
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(ms)


def test_a_restore_goes_back_to_the_text_of_that_time(make_run: MakeRun, tmp_path: Path, added: Path) -> None:
    ms = make_run()
    train(ms, 5)
    old, number = moment(ms), ms.newcheckpoint()
    ms.addsource(added)
    train(ms, 2)
    grown, size = moment(ms), len(ms.data.train)
    ms.restore(number)
    assert moment(ms) == old and len(ms.data.train) == 630
    (tmp_path / 'other.txt').write_text('Ω other ' * 20, encoding='utf-8')
    ms.addsource(tmp_path / 'other.txt')
    train(ms, 1)
    assert 'Ω' in ms.chars and 'ß' not in ms.chars
    ms.restore(number + 2)
    assert moment(ms) == grown and len(ms.data.train) == size and 'ß' in ms.chars
    assert fsck(ms.curdir).status == 0 and 'train' in status(ms.curdir)


def test_the_parts_can_lie_on_the_disk(make_run: MakeRun, added: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    ms.addsource(added)
    monkeypatch.setattr(together, 'IN_MEMORY', 0)
    again = ModelState.load(ms.curdir, device='cpu')
    assert np.array_equal(again.data.indices, ms.data.indices)
    with pytest.raises(ValueError, match='read-only'):
        again.data.indices[0] = 1


@pytest.mark.parametrize(('content', 'given', 'error', 'said'), [
    (None, {}, SourceTextError, 'cannot read'),
    (b'', {}, SourceTextError, 'holds no characters'),
    (b'd\xe9j\xe0 vu', {}, SourceTextError, 'is not utf-8 text'),
    (b'abc', {'validfrac': 1}, HyperParamsError, 'validfrac=1 must be'),
    (b'abc', {'validfrac': 0.9}, SourceTextError, 'holds no characters to train on'),
    (b'abc', {'encoding': 'klingon'}, HyperParamsError, 'is not a text encoding'),
    ('folder', {}, SourceTextError, 'is a directory'),
])  # fmt: skip
def test_a_text_that_cannot_be_added_changes_nothing(
    make_run: MakeRun,
    tmp_path: Path,
    content: bytes | str | None,
    given: dict[str, object],
    error: type[CharRNNError],
    said: str,
) -> None:
    ms, path = make_run(), tmp_path / 'text.txt'
    train(ms, 2)
    if content == 'folder':
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    before, files = moment(ms), files_below(ms.curdir)
    with pytest.raises(error, match=said):
        ms.addsource(path, **given)  # type: ignore[arg-type]
    assert moment(ms) == before and files_below(ms.curdir) == files


def test_a_failure_at_the_last_moment_leaves_no_part(
    make_run: MakeRun, added: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = make_run(seq_len=8)
    monkeypatch.setattr('charrnn.session.additions.grown', lambda *given: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        ms.addsource(added)
    assert [path.name for path in ms.curdir.glob('dataset*')] == ['dataset']


def test_damage_of_a_part_is_noticed(make_run: MakeRun, added: Path) -> None:
    ms = make_run()
    ms.addsource(added)
    part = ms.curdir / 'dataset.2'
    content = (part / 'indices.bin').read_bytes()
    (part / 'indices.bin').write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(CheckpointError, match=r'indices\.bin was changed'):
        ModelState.load(ms.curdir, device='cpu')
    assert fsck(ms.curdir).status == 2
    shutil.rmtree(part)
    with pytest.warns(UserWarning, match=r'belongs to another dataset.*Loaded checkpoint 1'):
        ModelState.load(ms.curdir, device='cpu')
