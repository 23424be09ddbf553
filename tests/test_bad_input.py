"""Bad input gets a clear error (what, why, what to type next) and loses nothing."""

import math
import os
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeRun, moment, train

from charrnn import (
    CharRNNError,
    DeviceError,
    HyperParams,
    HyperParamsError,
    ModelState,
    SourceTextError,
    TrainingError,
    WorkspaceError,
    compare,
)


@pytest.mark.parametrize(
    ('given', 'error', 'why', 'following'),
    [
        (
            {'lr': 0.1},
            HyperParamsError,
            r"no argument 'lr': here it is learnrate, step size of an update \(",
            'learnrate=0.1',
        ),
        ({'hidden_size': 9}, HyperParamsError, "no argument 'hidden_size'", 'state_size=9'),
        ({'num_layers': 1}, HyperParamsError, "no argument 'num_layers'", 'layers=1'),
        ({'stat_size': 9}, HyperParamsError, "no argument 'stat_size'", 'state_size=9'),
        (
            {'batch_size': 9},
            HyperParamsError,
            "no argument 'batch_size' here.",
            r'leave it out, then ms.trainmodel\(batchsize=9\)',
        ),
        (
            {'xyzzy': 9},
            HyperParamsError,
            "no argument 'xyzzy'.",
            'one of srcfile, usedir, .*layers, state_size',
        ),
        ({'layers': 0}, HyperParamsError, 'layers=0 must be a whole number, 1 or more', 'layers=2'),
        ({'state_size': -5}, HyperParamsError, 'state_size=-5', ''),
        ({'layers': 2.5}, HyperParamsError, 'layers=2.5', ''),
        ({'layers': True}, HyperParamsError, 'layers=True', ''),
        ({'state_size': '64'}, HyperParamsError, "state_size='64' must be a whole number", 'state_size=64'),
        ({'state_size': 64.0}, HyperParamsError, 'state_size=64.0 must be a whole number', 'state_size=64'),
        ({'state_size': 'big'}, HyperParamsError, "state_size='big' must be a whole number", 'state_size=128'),
        (
            {'state_size': Decimal('64')},
            HyperParamsError,
            r"state_size=Decimal\('64'\) must be a whole",
            'state_size=64',
        ),
        ({'state_size': Fraction(64)}, HyperParamsError, r'state_size=Fraction\(64, 1\) must', 'state_size=64'),
        ({'state_size': '1e30'}, HyperParamsError, "state_size='1e30' must be a whole number", 'state_size=128'),
        ({'learnrate': Decimal('nan')}, HyperParamsError, 'learnrate=.* must be a finite number', 'learnrate=0.001'),
        ({'learnrate': Decimal('sNaN')}, HyperParamsError, 'learnrate=.* must be a finite number', 'learnrate=0.001'),
        ({'learnrate': Decimal('1e55')}, HyperParamsError, r'learnrate=.* at most 3e\+38', 'learnrate=0.001'),
        ({'learnrate': Fraction(10**400)}, HyperParamsError, r'learnrate=.* at most 3e\+38', 'learnrate=0.001'),
        ({'learnrate': np.True_}, HyperParamsError, 'learnrate=np.True_ must be a finite number', 'learnrate=0.001'),
        ({'learnrate': '0.01'}, HyperParamsError, "learnrate='0.01' must be a finite number", 'learnrate=0.01'),
        ({'dropout': '2'}, HyperParamsError, "dropout='2' must be a finite number", 'dropout=0'),
        ({'learnrate': math.nan}, HyperParamsError, 'learnrate=nan must be a finite number,', 'learnrate=0.001'),
        ({'learnrate': '0.1'}, HyperParamsError, "learnrate='0.1'", ''),
        ({'decay': 1.0}, HyperParamsError, r'decay=1.0 must be a finite number, 0 or more and less than 1', ''),
        ({'dropout': 1}, HyperParamsError, 'dropout=1', ''),
        ({'anneal': 0}, HyperParamsError, 'anneal=0', ''),
        ({'trainfrac': 0}, HyperParamsError, r'trainfrac=0 must be a finite number, more than 0 and at most 1', ''),
        ({'trainfrac': 1.01}, HyperParamsError, 'trainfrac=1.01', ''),
        ({'trainfrac': 1, 'anneal': 0.5}, HyperParamsError, 'needs a validation split', 'anneal=1.0, or'),
        ({'modeltype': 'GruEncod'}, HyperParamsError, "no modeltype 'GruEncod'", "modeltype='GRUEncode'$"),
        (
            {'modeltype': 'Transformer'},
            HyperParamsError,
            "no modeltype 'Transformer'",
            "modeltype='GRUEncode' or mod",
        ),
        ({'level': 'syllable'}, HyperParamsError, "no level 'syllable'", "level='char'"),
        ({'level': 'word', 'vocab_size': 1}, HyperParamsError, 'vocab_size=1', ''),
        ({'vocab_size': 99}, HyperParamsError, "vocab_size belongs to words, and level='char'", "level='word'"),
        ({'modeltype': 'LSTM', 'tied': True, 'emsize': 4}, HyperParamsError, 'emsize=4 and state_size=6', 'emsize=6'),
        (
            {'modeltype': 'GRUEncode', 'tied': True},
            HyperParamsError,
            'GRUEncode has no tied',
            "leave tied out, or modeltype='RNN_TANH' or .*modeltype='LSTMAttention'$",
        ),
        (
            {'modeltype': 'LSTM', 'memory': 3},
            HyperParamsError,
            'LSTM has no memory',
            "leave memory out, or modeltype='LSTMAttention'$",
        ),
        ({'modeltype': 'GRU', 'memory': 3}, HyperParamsError, 'GRU has no memory', 'leave memory out'),
        ({'modeltype': 'GRUResize', 'emsize': 3}, HyperParamsError, 'GRUResize has no emsize', 'leave emsize out'),
        (
            {'optimizer': 'sgd', 'decay': 0.5},
            HyperParamsError,
            "decay acts only with optimizer='rmsprop': beside optimizer='sgd' it would do nothing.",
            "leave decay out, or optimizer='rmsprop'$",
        ),
        ({'optimizer': 'adamw', 'decay': 0.5}, HyperParamsError, "beside optimizer='adamw' it would do nothing", ''),
        (
            {'clipnorm': 1, 'clip': 3},
            HyperParamsError,
            'clip acts only with clipnorm=0.0: beside clipnorm=1.0 it would do nothing.',
            'leave clip out, or clipnorm=0.0$',
        ),
        ({'momentum': 0.9}, HyperParamsError, "no argument 'momentum'.", 'leave it out: no optimizer here has it'),
        ({'betas': (0.9, 0.99)}, HyperParamsError, "no argument 'betas'.", 'leave it out'),
        ({'level': ['word']}, HyperParamsError, 'no level', ''),
        ({'trainfrac': 90}, HyperParamsError, 'trainfrac=90', 'trainfrac=0.9'),
        ({'optimizer': 'adam'}, HyperParamsError, "no optimizer 'adam'", "optimizer='rmsprop' or"),
        ({'sampling': 'blocks'}, HyperParamsError, "no sampling 'blocks'", "sampling='lanes'"),
        ({'seed': -1}, HyperParamsError, 'seed=-1', ''),
        ({'device': 'gpu'}, DeviceError, "no device 'gpu'", "device='auto' or device='cpu'"),
        ({'device': 'cuda:99'}, DeviceError, "device='cuda:99'", "device='cpu'"),
        ({'encoding': 'utf-9'}, HyperParamsError, "encoding='utf-9'", "encoding='utf-8'"),
        (
            {'seq_len': 631},
            TrainingError,
            '700 characters, of which 630 train .*fewer than one window',
            'seq_len=39, or',
        ),
    ],
)
def test_invalid_arguments_of_a_beginning_are_refused(
    make_run: MakeRun, tmp_path: Path, given: dict[str, Any], error: type[Exception], why: str, following: str
) -> None:
    with pytest.raises(error, match=f'{why}(.|\n)*\n  Next: {following}'):
        make_run(**given)
    assert not (tmp_path / 'run').exists()


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / 'empty.txt').touch()
    (tmp_path / 'picture.png').write_bytes(b'\x89PNG\r\n\x1a\n' + bytes(range(256)))
    for name, why in [
        ('empty.txt', 'is empty'),
        ('missing.txt', 'No such file'),
        ('.', 'empty.txt.* is empty'),
        ('picture.png', 'is a PNG picture'),
    ]:
        with pytest.raises(SourceTextError, match=why):
            ModelState.initfromsrcfile(tmp_path / name, tmp_path / 'run')
        assert not (tmp_path / 'run').exists()


def test_a_source_with_any_name(tmp_path: Path, make_run: MakeRun) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b'/caf\xe9.txt'))
    path.write_text('some text ' * 50)
    ms = ModelState.initfromsrcfile(path, tmp_path / 'odd', seq_len=8, state_size=6, device='cpu')
    assert 'caf\ufffd.txt' in ModelState.load(ms.curdir, device='cpu').data.source
    (tmp_path / 'half').write_bytes(b'+2AA-' * 100)
    with pytest.raises(SourceTextError, match='half of a surrogate pair'):
        ModelState.initfromsrcfile(tmp_path / 'half', tmp_path / 'run', encoding='utf-7')
    with pytest.raises(TrainingError, match='Next: a longer text$'):
        make_run(text='z')


@pytest.mark.skipif(os.name != 'posix' or os.geteuid() == 0, reason='needs a user who can be refused')
def test_no_permission(make_run: MakeRun, tmp_path: Path, source: Path) -> None:
    source.chmod(0)
    with pytest.raises(SourceTextError, match='Permission denied'):
        make_run()
    source.chmod(0o600)
    (tmp_path / 'closed').mkdir(mode=0o500)
    with pytest.raises(WorkspaceError, match='Permission denied'):
        make_run('closed/run')


def test_a_read_that_the_system_refuses(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse a read as without permission, also for a user with every permission."""
    open_path = Path.open

    def refuse(path: Path, *given: Any, **named: Any) -> Any:
        if path.name == 'source.txt':
            raise PermissionError(13, 'Permission denied', str(path))
        return open_path(path, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'open', refuse)
        with pytest.raises(SourceTextError, match='Permission denied'):
            make_run()
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    'given',
    [
        {'num_rounds': 0},
        {'batchsize': 0},
        {'train_len': -1},
        {'valid_len': -1},
        {'print_every': 1.5},
        {'save_minutes': -1},
        {'save_minutes': math.nan},
        {'batchsize': 10**9},
        {'clear_state': 'no'},
        {'epochs': 3},
        {'batch_size': 3},
        {'learnrate': 0.1},
    ],
)
def test_invalid_training_arguments_are_refused(make_run: MakeRun, given: dict[str, Any]) -> None:
    ms = make_run()
    train(ms, 2)
    before = moment(ms)
    with pytest.raises(CharRNNError) as caught:
        ms.trainmodel(**given)
    assert next(iter(given)) in str(caught.value) and '\n  Next: ' in str(caught.value)
    assert moment(ms) == before


@pytest.mark.parametrize(
    ('text', 'given'),
    [
        ('a' * 200, {}),
        ('z', {'trainfrac': 1.0, 'seq_len': 1}),
        ('nul\0nul\0' * 40, {}),
        ('\ufeffmarked\r\nlines\r\n' * 40, {}),
        ('ab\ufffd' * 100, {}),
        ('no validation ' * 20, {'trainfrac': 1.0}),
        ('a short validation ' * 20, {'trainfrac': 0.999}),
    ],
)
@pytest.mark.filterwarnings('ignore:.*byte order mark')
@pytest.mark.parametrize('modeltype', ['GRUEncode', 'GRUResize'])
def test_unusual_texts_are_texts(make_run: MakeRun, modeltype: str, text: str, given: dict[str, Any]) -> None:
    ms = make_run(text=text, modeltype=modeltype, **given)
    train(ms, 3, batchsize=1, print_every=2)
    loaded = ModelState.load(ms.curdir, device='cpu')
    assert moment(loaded) == moment(ms)
    assert len(loaded.generatestring(20)) == 20
    assert set(loaded.generatestring(20)) <= set(text)
    assert loaded.evaluate('train').symbols == len(loaded.data.train)
    if given.get('trainfrac') == 1.0:
        assert 'no validation' in repr(loaded)
        with pytest.raises(TrainingError, match='no validation split'):
            loaded.evaluate()


def test_seventy_thousand_symbols_train(make_run: MakeRun) -> None:
    text = ''.join(map(chr, [*range(0x100, 0xD800), *range(0x10000, 0x13C00)]))
    ms = make_run(text=text, trainfrac=1.0)
    train(ms, 1)
    assert len(ModelState.load(ms.curdir, device='cpu').generatestring(3)) == 3
    assert all(len(line) <= 80 for line in repr(ms).splitlines())


def test_typos_are_not_swallowed(make_run: MakeRun) -> None:
    ms = make_run()
    with pytest.raises(AttributeError, match="has no 'learnrat'.  Next: ms.hyper.learnrate"):
        ms.learnrat = 0.1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no 'trianmodel'.  Next: ms.trainmodel"):
        ms.trianmodel()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no 'lr'.  Next: ms.hyper.learnrate"):
        ms.lr  # type: ignore[attr-defined]  # noqa: B018
    for name in ('learnrate', 'epoch', 'trainmodel', 'hyper'):
        with pytest.raises(AttributeError, match=f'ms.{name} cannot be set'):
            setattr(ms, name, 1)
    with pytest.raises(AttributeError):
        ms.hyper.layers = 3  # type: ignore[misc]
    with pytest.raises(WorkspaceError, match='comes from a text or from a working directory'):
        ModelState('shakespeare.txt')


def test_a_model_state_is_not_pickled(make_run: MakeRun) -> None:
    import copy
    import pickle

    ms = make_run()
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r'ms.newcheckpoint\(\) saves it'):
            attempt(ms)


def test_hyperparameters_are_values() -> None:
    assert HyperParams() == HyperParams(layers=2) and hash(HyperParams()) == hash(HyperParams(layers=2))
    assert eval(repr(HyperParams(layers=3, dropout=0.25))) == HyperParams(layers=3, dropout=0.25)
    assert HyperParams(**HyperParams(clip=1).facts()) == HyperParams(clip=1)
    assert isinstance(HyperParams(learnrate=1).learnrate, float)


def test_arguments_of_another_type_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    for wrong in (5, b'bytes', [5]):
        with pytest.raises(CharRNNError, match='is no text'):
            ms.generatestring(prime=wrong)  # type: ignore[arg-type]
    nothing: Any = None
    calls: list[Callable[[], object]] = [
        lambda: ModelState.load(nothing),
        lambda: ModelState.initfromsrcfile('x', nothing),
    ]
    for call in calls:
        with pytest.raises(WorkspaceError, match='is no path'):
            call()
    with pytest.raises(CharRNNError, match='is no ModelState'):
        compare(ms, 'run')  # type: ignore[arg-type]
