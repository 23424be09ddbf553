"""The command line: data as it was drawn, help and errors in the words of a shell, and a quiet end on a closed pipe."""

import contextlib
import errno
import inspect
import io
import os
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from commandline import Output
from conftest import MakeRun

from charrnn import HyperParams, ModelState, generatestring
from charrnn.sampling.sample import Sample
from charrnn.shell.commands import command_line, run_command
from charrnn.shell.options import AT_THE_PROMPT, meanings, spelled
from charrnn.shell.verbs import VERBS


@pytest.mark.parametrize('encoding', ['utf-8', 'ascii', 'cp1252'])
@pytest.mark.parametrize(
    ('level', 'text'),
    [
        ('byte', bytes(range(128, 256)) * 4),
        ('byte', ('いろはにほへと\n' * 40).encode()),
        ('char', ('Мельница и река\r\n' * 40).encode()),
        ('word', ('Мельница и река\n' * 40).encode()),
    ],
)
def test_generate_writes_the_sample_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, text: bytes, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('source').write_bytes(text)
    ms = ModelState.initfromsrcfile('source', 'ws', level=level, layers=1, state_size=4, seq_len=8)
    out = Output(monkeypatch, 'generate', 'ws', '--numchars', '20', '--seed', '1', '--temp', '2', encoding=encoding)
    sample = generatestring(ms, 20, 2.0, seed=1)
    assert (out.status, out.told) == (0, '')
    assert out.data == sample.bytes == (sample.encode() if level != 'byte' else out.data)
    assert len(out.data) == 20 or level != 'byte'


def test_several_samples_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Output(monkeypatch, 'generate', 'ws', '--n', '3', '--numchars', '9', '--seed', '1', encoding='ascii')
    samples = generatestring(ModelState.load('ws'), 9, n=3, seed=1)
    assert out.data.decode() == f'{samples!r}\n' and out.data.decode().startswith('1 │ ')


class Terminal(io.TextIOWrapper):
    """A standard output that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_line_that_can_do_no_harm(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = make_run('ws', text='\x1b[31mж\n' * 60)
    sample = ms.generatestring(40, seed=2)
    for encoding in ('utf-8', 'ascii'):
        data = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, 'stdout', Terminal(data, encoding, 'strict', newline=''))
            assert run_command(['generate', str(tmp_path / 'ws'), '--numchars', '40', '--seed', '2']) == 0
            assert data.getvalue().decode() == f'{Sample(sample)!r}\n' and b'\x1b' not in data.getvalue()


UNTYPED = ('ms', 'hyperparams', 'clamp', *AT_THE_PROMPT)


def test_every_option_is_explained_once_by_the_docstring_of_its_argument() -> None:
    _, parsers = command_line()
    for command, parser in parsers.items():
        shown = ' '.join(parser.format_help().split())
        verb = VERBS[command]
        methods = [verb.function, *([ModelState.load] if verb.loads else [])]
        for method in methods:
            for name, p in inspect.signature(method).parameters.items():
                if name in UNTYPED or (name == 'dir' and method is not methods[-1]):
                    continue
                meaning = meanings(method).get(name)
                assert meaning and meaning in shown.replace('- ', '-'), f'{command}: {name} has no meaning'
                if p.default is not p.empty:
                    assert spelled(name) in shown
                if p.default not in (p.empty, None):
                    assert f'{meaning} (default: {p.default})' in shown.replace('- ', '-')
    for name, f in HyperParams.__dataclass_fields__.items():
        assert meanings(ModelState.initfromsrcfile)[name] == f.metadata['meaning']


@pytest.mark.parametrize('encoding', ['utf-8', 'ascii', 'cp1252'])
@pytest.mark.parametrize('command', VERBS)
def test_help_fits_every_screen(monkeypatch: pytest.MonkeyPatch, command: str, encoding: str) -> None:
    out = Output(monkeypatch, command, '--help', encoding=encoding)
    assert out.status == 0 and 'working directory' in out.text


def test_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from charrnn import __version__

    out = Output(monkeypatch, '--version')
    assert (out.status, out.text) == (0, f'charrnn {__version__}\n')


ERRORS = [
    ('generate ws --temperature 1', 2, 'generate has no option --temperature', '--temp 1'),
    ('generate ws --temperature=0.5', 2, 'generate has no option --temperature', '--temp 0.5'),
    ('generate ws --numchar 5', 2, 'generate has no option --numchar', '--numchars 5'),
    ('generate ws --length 20', 2, 'generate has no option --length', '--numchars 20'),
    ('train ws --epochs 3', 2, 'train has no option --epochs', '--num-rounds 3'),
    ('train ws --batch-size 3', 2, 'train has no option --batch-size', '--batchsize 3'),
    ('train ws --learnrate 0.1', 2, 'no option --learnrate', 'python -m charrnn init FILE DIR --learnrate 0.1'),
    ('train ws --lr 0.1', 2, 'train has no option --lr', 'python -m charrnn init FILE DIR --learnrate 0.1'),
    ('init ws.txt w --hidden-size 9', 2, 'init has no option --hidden-size', '--state-size 9'),
    (
        'init ws.txt w --num-rounds 9',
        2,
        'no option --num-rounds',
        'leave it out, then python -m charrnn train w --num-rounds 9',
    ),
    ('generate ws --qqq', 2, 'generate has no option --qqq', 'python -m charrnn generate --help'),
    ('generate ws my run', 2, "generate takes no 'my'", 'quotes around a path with spaces'),
    ('init ws.txt bad.txt w', 2, 'a shell turns a pattern into several', "init '*.txt' workspaces/"),
    ('generate ws --temp', 2, 'argument --temp: expected one argument', 'python -m charrnn generate --help'),
    ('generate ws --prime -xy', 2, 'argument --prime: expected one argument', '--prime=... (so joined'),
    ('generate', 2, 'the following arguments are required: DIR', 'python -m charrnn generate ws'),
    ('init ws.txt', 2, 'the following arguments are required: DIR', 'python -m charrnn init FILE workspaces/text'),
    (
        'plot ws',
        2,
        "no command 'plot'; there are init, train, generate, score, evaluate, compare, export, compress, decompress, "
        'sweep, status, fsck',
        'python -m charrnn',
    ),
    ('score ws', 2, 'the following arguments are required: FILE', 'python -m charrnn score ws FILE'),
    ('score ws nowhere.txt', 1, "cannot read 'nowhere.txt': No such file", ''),
    ('score ws bad.txt', 1, "'bad.txt' is not UTF-8: byte 0xFF at offset 1,200", 'a run with --level byte'),
    ('evaluate ws --split no', 1, "'no'", '--split'),
    ('compare nowhere', 1, "there is no directory 'nowhere'", 'python -m charrnn init FILE nowhere'),
    ('trian ws', 2, "no command 'trian'; there are init, train", 'python -m charrnn --help'),
    ('generate ws --prime ж', 1, "'ж' (U+0436) at offset 0 is not among", '--errors replace reads it as U+FFFD'),
    ("generate ws --prime ''", 1, 'the prime is empty', "leave --prime out, or --prime 'the cat '"),
    ('generate ws --temp hot', 1, '--temp hot must be a finite number', '--temp 0.5'),
    ('generate ws --errors no', 1, '--errors no is unknown', '--errors strict or --errors replace'),
    ('train ws --num-rounds 0', 1, '--num-rounds 0 must be a whole number, 1 or more', '--num-rounds 1'),
    ('train ws --num-rounds 2.5', 1, '--num-rounds 2.5 must be a whole number', '--num-rounds 1'),
    ('train ws --batchsize 99999', 1, 'one window of 99999 lanes', '--batchsize'),
    ('train nowhere', 1, "there is no directory 'nowhere'", 'python -m charrnn init FILE nowhere begins one'),
    ('init ws.txt ws', 1, "'ws' already holds a run", 'python -m charrnn train ws'),
    ('init bad.txt w', 1, 'byte 0xFF at offset 1,200', '--errors replace reads its 1 bad place as U+FFFD; or --enc'),
    ('init ws.txt w --optimizer adam', 1, "no optimizer 'adam'", '--optimizer rmsprop or --optimizer sgd'),
    ('sweep ws.txt w --space no.json', 1, "there is no file 'no.json'", '{"learnrate": [0.001, '),
    ('sweep ws.txt', 2, 'the following arguments are required: DIR', 'python -m charrnn sweep FILE workspaces/text'),
    ('sweep ws.txt w --n-trials 3', 2, 'sweep has no option --n-trials', '--trials 3'),
    ('sweep ws.txt w --epochs 3', 2, 'sweep has no option --epochs', '--rounds 3'),
    ('sweep ws.txt w --sampler x', 1, "no sampler 'x'", '--sampler tpe or --sampler random or --sampler grid'),
    ('train ws --param-grid x.json', 2, 'train has no option --param-grid', 'leave it out'),
    ('sweep ws.txt w --temp 1', 2, 'sweep has no option --temp', 'leave it out'),
    ('init ws.txt w --layers two', 1, '--layers two must be a whole number', '--layers 2'),
]


@pytest.mark.parametrize(('line', 'status', 'what', 'following'), ERRORS, ids=[line for line, *_ in ERRORS])
def test_errors_are_in_the_words_of_a_shell(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: int, what: str, following: str
) -> None:
    out = Output(monkeypatch, *shlex.split(line))
    said, _, step = out.told.partition('Next: ')
    assert out.status == status and what in said and following in step
    for python in ('ms.', 'ModelState.', 'errors=', 'usage:'):
        assert python not in out.told


def test_what_is_to_be_typed_next_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type the next step of each screen and of some errors, as it stands."""
    begun = Output(monkeypatch, 'init', 'ws.txt', 'two', '--layers', '1', '--state-size', '4', '--seq-len', '8')
    assert begun.text.endswith('Next: python -m charrnn train two\n')
    for screen in (Output(monkeypatch, 'status', 'two'), Output(monkeypatch, 'fsck', 'two')):
        assert 'Next: python -m charrnn train two' in screen.text and 'ms.' not in screen.text
    trained = Output(monkeypatch, 'train', 'two', '--train-len', '3', '--print-every', '0', '--batchsize', '2')
    assert trained.status == 0 and 'round 1 ends' in trained.told and trained.text.startswith('epoch 0.')
    assert Output(monkeypatch, 'generate', 'two', '--prime', 'ж', '--errors', 'replace').status == 0


def test_warnings_are_one_line_in_the_words_of_a_shell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = ModelState.load('ws')
    ms.attach(onreport=print)
    ms.newcheckpoint()
    with warnings.catch_warnings():
        warnings.simplefilter('default')
        out = Output(monkeypatch, 'generate', 'ws', '--numchars', '3')
    assert out.status == 0 and out.told.startswith('Warning: this run has onreport attached, not opened.')
    assert out.told.count('\n') == 1


def test_a_changed_source_is_told_in_the_words_of_a_shell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path('ws.txt').open('a') as file:
        file.write('more')
    with warnings.catch_warnings():
        warnings.simplefilter('default')
        out = Output(monkeypatch, 'generate', 'ws', '--numchars', '3')
        step = out.told.partition('  Next: ')[2].removesuffix(' begins a run on the new one\n')
        assert out.told.startswith("Warning: 'ws.txt' has changed") and 'init ws.txt' in step
        assert Output(monkeypatch, *shlex.split(step.removeprefix('python -m charrnn '))).status == 0


def test_a_closed_pipe_is_a_quiet_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ('generate ws --numchars 200000', 'generate ws', 'generate ws --n 2', 'status ws', 'fsck ws', '--help'):
        reading, writing = os.pipe()
        os.close(reading)
        told = io.StringIO()
        with monkeypatch.context() as patch, os.fdopen(writing, 'w') as output:
            patch.setattr(sys, 'stdout', output)
            patch.setattr(sys, 'stderr', told)
            assert run_command(shlex.split(line)) == 141, line
        assert told.getvalue() == ''


class Full(io.RawIOBase):
    """A file on a full disk."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize('line', ['generate ws --numchars 30000', 'generate ws', 'status ws', '--help'])
def test_a_full_disk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    told = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', io.TextIOWrapper(io.BufferedWriter(Full())))
        patch.setattr(sys, 'stderr', told)
        assert run_command(shlex.split(line)) == 1
        patch.setattr(sys, 'stderr', None)
        assert run_command(shlex.split('generate nowhere')) == 1
        with contextlib.suppress(OSError):
            sys.stdout.close()
    assert told.getvalue().startswith('python -m charrnn: cannot write the output: No space left on device.')


def test_a_closed_output_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ('generate ws', 'status ws'):
        monkeypatch.setattr(sys, 'stdout', None)
        assert run_command(shlex.split(line)) == 0


def test_a_pipe_that_a_process_closes(folder: Path) -> None:
    """Expect no word of the interpreter either, which flushes its output when it ends."""
    line = f'{sys.executable} -m charrnn generate ws --numchars 9000 | true; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(['bash', '-c', line], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (141, b'', b'')
