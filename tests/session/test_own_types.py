"""A model type of the user's own, through all that a run does: the class that docs/architecture.md shows."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import MakeRun, files_below, learner_of, moment, train

import charrnn
from charrnn import HyperParamsError, ModelState, ModelTypeError, TrainingError, compare, generatestring, register
from charrnn.errors import UnusableHereError
from charrnn.models import MODELTYPES
from charrnn.sampling.readers import ModelReader, open_reader
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell.commands import run_command

PAGE = Path(charrnn.__file__).parents[1] / 'docs' / 'architecture.md'
IN_A_NEW_PROCESS = """
import sys
from charrnn import CharRNNError, ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
before = set(sys.modules)
try:
    ModelState.load('run', device='cpu')
except CharRNNError as error:
    print(error)
fsck('run'), status('run')
assert not {'mgu', 'MGU'} & set(sys.modules), 'nothing is imported because a run asks for it'
import mgu
ms = ModelState.load('run', device='cpu')
ms.trainmodel(train_len=9, batchsize=3, valid_len=1, print_every=4)
print(ms.generatestring(5, seed=1).encode())
"""


def code_of_the_page() -> str:
    """Return the module that the page shows."""
    (code,) = re.findall(r'^```python\n(# mgu\.py\n.*?)^```$', PAGE.read_text(encoding='utf-8'), re.M | re.S)
    return str(code)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with mgu.py, as the present directory and in the path of modules."""
    (tmp_path / 'mgu.py').write_text(code_of_the_page(), encoding='utf-8')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv('PYTHONPATH', ':'.join([str(tmp_path), *sys.path]))
    monkeypatch.delitem(sys.modules, 'mgu', raising=False)
    return tmp_path


@pytest.fixture
def mgu(folder: Path) -> ModuleType:
    """Return the module of the page, imported anew, so that it registers MGU."""
    return importlib.import_module('mgu')


MakeMgu = Callable[..., ModelState]


@pytest.fixture
def make_mgu(mgu: ModuleType, make_run: MakeRun) -> MakeMgu:
    return lambda name='run', **given: make_run(name, **{'modeltype': 'MGU', 'dropout': 0.2, **given})


def forget() -> None:
    """Make this process one that has not imported the module."""
    del MODELTYPES['MGU']
    sys.modules.pop('mgu', None)


def test_the_page_shows_a_short_class() -> None:
    code = code_of_the_page()
    assert len(code.splitlines()) <= 45 and max(map(len, code.splitlines())) <= 120
    assert 'charrnn.register' in code


@pytest.mark.parametrize('level', ['char', 'word'])
def test_all_verbs_work(make_mgu: MakeMgu, level: str) -> None:
    ms = make_mgu(level=level, text='the cat sat on a mat, and ran.\n' * 40)
    assert (ms.modeltype, ms.engine.name) == ('MGU', 'torch') and 'MGU 2x6' in repr(ms)
    untrained = ms.evaluate().nats
    train(ms, 12, valid_len=0, print_every=6, batchsize=8)
    assert ms.evaluate().nats < 0.9 * untrained
    model = learner_of(ms).model
    assert isinstance(open_reader(model, model.zero_carry(1)), ModelReader)
    texts = generatestring(ms, 9, n=2, seed=1)
    assert texts == ms.generatestring(9, n=2, seed=1) and len(texts) == 2
    assert ms.checkcausal() and len(ms.temperatures('the cat', numchars=9)) == 4
    assert compare(ms, ms)[0].modeltype == 'MGU'
    assert ms.trackneurons('the cat sat').shape[:2] == (2, 6)
    assert len(ms.findneurons(None, 'line', 99)) == 12 and ms.showneuron('the cat', 1, 5).values.shape
    assert ms.copied('the cat sat on a', 3).share == 1
    with pytest.raises(TrainingError, match='MGU has no attention'):
        ms.trackattention('the cat')
    ms.sethyperparams(seq_len=5, learnrate=0.001, dropout=0.4)
    train(ms, 2)
    before = moment(ms)
    assert moment(ModelState.load(ms.curdir, device='cpu')) == before
    ms.restore(1)
    ms.restore('last')
    assert moment(ms) == before


@pytest.mark.parametrize('sampling', ['lanes', 'random'])
def test_stopping_anywhere_changes_nothing(make_mgu: MakeMgu, sampling: str) -> None:
    """P9, inside an epoch and over its end, with observation in between."""
    straight, stopped = (make_mgu(name, sampling=sampling) for name in ('straight', 'stopped'))
    train(straight, 30)
    for windows in (1, 7, 22):  # of 27 in an epoch
        train(stopped, windows, print_every=3)
        stopped.evaluate(), stopped.generatestring(3), stopped.trackneurons('the')
        stopped = ModelState.load(stopped.curdir, device='cpu')
    assert moment(stopped) == moment(straight)


def test_a_new_process_says_what_it_needs_and_goes_on_exactly(make_mgu: MakeMgu, folder: Path) -> None:
    straight, stopped = make_mgu('straight'), make_mgu()
    train(straight, 4)
    train(straight, 9, print_every=4)
    train(stopped, 4)
    del stopped  # releases the lock
    done = subprocess.run([sys.executable, '-c', IN_A_NEW_PROCESS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "checkpoint 2 needs the model type 'MGU', which this Python does not know."
    assert lines[1] == "  Next: import the module that registers it, then ModelState.load('run')"
    assert lines[-1] == str(generatestring(straight, 5, seed=1).encode())
    assert moment(ModelState.load('run', device='cpu')) == moment(straight)


def test_a_python_that_does_not_know_it_shows_what_it_can(
    make_mgu: MakeMgu, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = make_mgu()
    train(ms, 4, valid_len=0)
    del ms
    forget()
    before = files_below(folder / 'run')
    with pytest.raises(UnusableHereError, match="checkpoint 2 needs the model type 'MGU'"):
        ModelState.load('run', device='cpu')
    following = "Next: import the module that registers it, then ModelState.load('run')"
    shown = str(status('run'))
    assert 'run   MGU 2x6' in shown and 'checkpoint 2  ' in shown and shown.endswith(following)
    assert "  needs    the model type 'MGU', which this Python does not know\n" in shown
    found = fsck('run')
    assert found.status == 0, 'no byte is damaged'
    text = str(found)
    assert 'good  checkpoint 2  best, not tried with its model type' in text and 'DAMAGED' not in text
    assert text.endswith(f"checkpoint 2 needs the model type 'MGU', which this Python does not know.  {following}")
    with pytest.raises(HyperParamsError, match=r"no modeltype 'MGU'; charrnn.register adds one of your own"):
        ModelState.initfromsrcfile('source.txt', 'other', modeltype='MGU')
    for command in ('train', 'generate', 'fsck', 'status'):
        assert run_command([command, 'run']) == (command in ('train', 'generate'))
        said = ''.join(capsys.readouterr())
        assert said.rstrip().endswith('Next: python -m charrnn --import MODULE train run, where MODULE registers it'), (
            command
        )
    assert files_below(folder / 'run') == before
    importlib.import_module('mgu')
    assert ModelState.load('run', device='cpu').modeltype == 'MGU'
    assert fsck('run').needs is None


def test_at_the_shell(make_mgu: MakeMgu, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--import` before the command imports the module, and the next steps repeat it."""
    make_mgu()
    forget()
    assert run_command(['--import', 'mgu', 'train', 'run', '--train-len', '2', '--device', 'cpu']) == 0
    forget()
    assert run_command(['--import', 'mgu', 'fsck', 'run']) == 0
    assert capsys.readouterr().out.endswith('Next: python -m charrnn --import mgu train run\n')
    for arguments, said in [
        (['--import', 'nowhere', 'fsck', 'run'], '--import nowhere: there is no such module.\n  Next: the folder of'),
        (['--import', 'mgu.py', 'fsck', 'run'], '--import mgu.py: there is no such module.\n  Next: --import mgu\n'),
        (['fsck', 'run', '--import', 'mgu'], 'Next: python -m charrnn --import mgu fsck run'),
    ]:
        assert run_command(arguments) == 2
        assert said in capsys.readouterr().err
    (folder / 'broken.py').write_text('import nowhere_at_all\n')
    with pytest.raises(ModuleNotFoundError, match='nowhere_at_all'):
        run_command(['--import', 'broken', 'fsck', 'run'])


def edited(mgu: ModuleType, methods: dict[str, Any]) -> None:
    """Register the class again, as after an edit of a notebook's cell."""
    names = {'__module__': mgu.MGU.__module__, '__qualname__': mgu.MGU.__qualname__}
    register('MGU', type('MGU', (mgu.MGU,), {**methods, **names}))


def test_a_run_that_no_longer_fits_its_class_says_so(make_mgu: MakeMgu, mgu: ModuleType) -> None:
    ms = make_mgu()
    train(ms, 2)

    def init(self: Any, vocab_size: int, hyper: Any, generator: Any) -> None:
        mgu.MGU.__init__(self, vocab_size, hyper, generator)
        del self.embedding
        self.table = charrnn.models.weights.uniform(generator, 1.0, vocab_size, hyper.state_size)

    edited(mgu, {})
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(ms), 'the same class again'
    edited(mgu, {'__init__': init, 'forward': mgu.MGU.forward})
    before = moment(ms)
    fits_not = r"does not fit the class .* as 'MGU': weight 'embedding.weight' is"
    with pytest.raises(UnusableHereError, match=fits_not):
        ModelState.load(ms.curdir, device='cpu')
    for checkpoint in ('last', 1):
        with pytest.raises(UnusableHereError, match=fits_not):
            ms.restore(checkpoint)
    assert moment(ms) == before
    assert 'Next: register the class with which the run was begun, then ModelState.load(' in str(fsck(ms.curdir))


def test_a_run_that_could_not_be_read_again_is_not_begun(make_mgu: MakeMgu, mgu: ModuleType, folder: Path) -> None:
    """The writer and the reader of a checkpoint accept the same runs."""

    def narrow(self: Any, vocab_size: int, hyper: Any, generator: Any) -> None:
        charrnn.LanguageModel.__init__(self, vocab_size, hyper, generator)
        self.step = charrnn.models.weights.uniform(generator, 1.0, 1, 1)

    def forward(self: Any, ids: Any, carry: Any, masks: Any = None) -> Any:
        h = carry['h'][0]
        x = (ids[..., None] + h[:, None] + self.step).cos().repeat(1, 1, 6)
        return x, charrnn.Carry({'h': h[None]})

    zero_carry = {'zero_carry': lambda self, lanes: charrnn.Carry({'h': self.readout_bias.new_zeros(1, lanes, 1)})}
    edited(
        mgu, {'__init__': narrow, 'forward': forward, **zero_carry, 'mask_shapes': charrnn.LanguageModel.mask_shapes}
    )
    with pytest.raises(ModelTypeError, match=r'could be read again \(9 layers in \d tensors\)'):
        make_mgu(layers=9, dropout=0.0)
    with pytest.raises(HyperParamsError, match='MGU has no dropout: it would do nothing'):
        make_mgu(layers=2)
    assert not (folder / 'run').exists()
    ms = make_mgu(layers=2, dropout=0.0)
    with pytest.raises(HyperParamsError, match='MGU has no dropout'):
        ms.sethyperparams(dropout=0.5)
    train(ms, 2)
    assert moment(ModelState.load(ms.curdir, device='cpu')) == moment(ms)


def test_settings_that_would_change_its_shapes_are_refused(make_mgu: MakeMgu, mgu: ModuleType) -> None:
    def init(self: Any, vocab_size: int, hyper: Any, generator: Any) -> None:
        mgu.MGU.__init__(self, vocab_size, hyper, generator)
        self.places = charrnn.models.weights.uniform(generator, 1.0, hyper.seq_len, 2)

    edited(mgu, {'__init__': init, 'forward': mgu.MGU.forward})
    ms = make_mgu()
    step = r'a new run: ModelState.initfromsrcfile\(\.\.\., seq_len=5\)'
    with pytest.raises(HyperParamsError, match=f'seq_len=5 would change the shapes .*\n  Next: {step}'):
        ms.sethyperparams(seq_len=5)
    assert ms.sethyperparams(learnrate=0.5).seq_len == 8


def test_units_are_shown_of_a_state_h_alone(make_mgu: MakeMgu, mgu: ModuleType) -> None:
    def zero_carry(self: Any, lanes: int) -> charrnn.Carry:
        return charrnn.Carry({'state': mgu.MGU.zero_carry(self, lanes)['h']})

    def forward(self: Any, ids: Any, carry: charrnn.Carry, masks: Any = None) -> Any:
        outputs, after = mgu.MGU.forward(self, ids, charrnn.Carry({'h': carry['state']}), masks)
        return outputs, charrnn.Carry({'state': after['h']})

    edited(mgu, {'zero_carry': zero_carry, 'forward': forward})
    ms = make_mgu()
    calls: list[Callable[[], object]] = [
        lambda: ms.trackneurons('the'),
        lambda: ms.findneurons('the', 'line'),
        lambda: ms.showneuron('the', 0, 0),
    ]
    for call in calls:
        with pytest.raises(
            TrainingError, match=r"MGU has no state 'h' \(.*\) in its carry: there is state\.\n  Next: ms.carry"
        ):
            call()


def test_the_example_of_the_docstring_trains(make_run: MakeRun) -> None:
    """The doctest registers the class; here it learns."""
    example = doctest.DocTestParser().get_doctest(register.__doc__ or '', {}, 'register', None, None)
    doctest.DocTestRunner().run(example, clear_globs=False)
    ms = make_run(modeltype='Plain')
    untrained = ms.evaluate().nats
    train(ms, 30, valid_len=0)
    assert ms.evaluate().nats < untrained
