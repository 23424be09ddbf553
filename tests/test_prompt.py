"""A session at a real prompt: a terminal, keys, Ctrl-C, and the contents of the screen."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from conftest import words

PROMPT = '>>> '
UNKNOWN = '(its source is not known)'
KEEPS_INPUT = sys.version_info >= (3, 13)  # the prompt keeps the source code of what was typed
BEGIN = (
    "ms = ModelState.initfromsrcfile('text.txt', 'run', layers=1, state_size=16, seq_len=10, device='cpu', "
    'learnrate=0.01)'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'text.txt').write_text(words(4000))
    return tmp_path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ('PATH', 'PYTHONPATH', 'LD_LIBRARY_PATH') if name in os.environ}
    return {**kept, 'HOME': str(tmp_path), 'TERM': 'xterm', 'LANG': 'C.UTF-8', 'PYTHON_BASIC_REPL': '1'}


def interruptible() -> None:
    """Restore the default handler of SIGINT, which a process in the background and its children ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def prompt(folder: Path, environment: dict[str, str]) -> Iterator[pexpect.spawn]:
    command = [sys.executable, '-i', '-m', 'charrnn']
    child = pexpect.spawn(
        command[0],
        command[1:],
        cwd=folder,
        env=environment,
        encoding='utf-8',
        timeout=60,
        dimensions=(40, 100),
        preexec_fn=interruptible,
    )
    child.expect_exact(PROMPT)
    yield child
    child.close(force=True)


def ask(prompt: pexpect.spawn, line: str) -> str:
    """Type a line, and return the screen up to the next prompt."""
    prompt.sendline(line)
    prompt.expect_exact(PROMPT)
    return str(prompt.before)


def test_a_session_at_the_prompt(prompt: pexpect.spawn, folder: Path) -> None:
    assert 'help(ModelState)' in str(prompt.before)
    ask(prompt, BEGIN)
    shown = ask(prompt, 'ms.trainmodel(train_len=200, print_every=100, batchsize=4)')
    assert 'round 1' in shown and 'unigram' in shown and 'TrainReport(rounds=1, windows=200' in shown
    assert 'chars/s' in shown
    assert 'the' in ask(prompt, 'generatestring(ms, 200, temp=0.5, seed=1)')
    assert 'Next: ms.sethyperparams(learnrate=1)' in ask(prompt, 'ms.trainmodel(lr=1)')
    status = ask(prompt, 'ms')
    assert "ModelState 'run'" in status and 'checkpoint 2' in status
    assert 'Next: ms.hyper.learnrate' in ask(prompt, 'ms.learnrat = 1')
    assert 'CharSetError' in ask(prompt, "generatestring(ms, prime='é')")
    assert "ModelState 'run'" in ask(prompt, "ms = ModelState.load('run'); ms")


def test_ctrl_c_comes_back_to_the_prompt_with_a_checkpoint(prompt: pexpect.spawn) -> None:
    ask(prompt, BEGIN)
    prompt.sendline('r = ms.trainmodel(num_rounds=1000, batchsize=4, print_every=0)')
    prompt.expect('round 2 ends')
    prompt.sendintr()
    prompt.expect('Stopped after the current update; saved as checkpoint \\d+')
    prompt.expect_exact(PROMPT)
    assert 'True' in ask(prompt, 'r.interrupted')
    assert 'checkpoint' in ask(prompt, 'ms')
    assert 'windows=3' in ask(prompt, 'ms.trainmodel(train_len=3, print_every=0)')
    prompt.sendintr()
    prompt.sendline()  # an interrupt just before readline waits is seen at the next key
    prompt.expect_exact('KeyboardInterrupt')


def test_a_typed_function_is_shown_as_it_was_typed(prompt: pexpect.spawn) -> None:
    """Expect no source from an older Python, which keeps no input once a file was run before the prompt."""
    lambda_shown = '│ ms.attach(schedule=lambda m: base / (1 + m.epoch))' if KEEPS_INPUT else f'<lambda> {UNKNOWN}'
    function_shown = '│ def told(row):' if KEEPS_INPUT else f'told {UNKNOWN}'
    ask(prompt, BEGIN)
    ask(prompt, 'base = 0.01')
    assert lambda_shown in ask(prompt, 'ms.attach(schedule=lambda m: base / (1 + m.epoch))')
    prompt.sendline('def told(row):')
    prompt.sendline('    print("TOLD", row["kind"])')
    ask(prompt, '')
    shown = ask(prompt, 'ms.attach(onreport=told)')
    assert function_shown in shown and (not KEEPS_INPUT or '│     print("TOLD", row["kind"])' in shown)
    assert 'TOLD round' in ask(prompt, 'ms.trainmodel(train_len=2, print_every=0)')
    ask(prompt, "ms = ModelState.load('run')")
    assert 'schedule  (waits' in ask(prompt, 'ms.attached') and 'not opened' in ask(prompt, 'ms.trainmodel()')
    assert function_shown in ask(prompt, 'ms.reattach()')
    shown = ask(prompt, 'ms.trainmodel(train_len=2, print_every=0); ms.history')
    assert 'TOLD round' in shown and re.search(r'round +2 .* 0\.00[89]', shown)


def test_a_plain_prompt_shows_functions_from_its_history(folder: Path, environment: dict[str, str]) -> None:
    """Find a function by its name with dill; a lambda is not searched for, since dill would evaluate its line."""
    child = pexpect.spawn(
        sys.executable,
        ['-i', '-c', 'from charrnn.storage.attachments import _source'],
        cwd=folder,
        env=environment,
        encoding='utf-8',
        timeout=60,
        dimensions=(40, 100),
    )
    child.expect_exact(PROMPT)
    child.sendline('def told(row):')
    child.sendline('    return "TOLD"')
    ask(child, '')
    assert '\'def told(row):\\n    return "TOLD"\'' in ask(child, '_source(told)')
    ask(child, 'ran = []')
    ask(child, 'half = lambda row: row / 2, ran.append(1)')
    found = ask(child, '_source(half[0]), ran')
    assert 'half = lambda row' in found if KEEPS_INPUT else f'<lambda> {UNKNOWN}' in found
    assert found.rstrip().endswith('[1])'), 'no line was run again'
    ask(child, 'other = type(told)(told.__code__, {}, "other")')
    if not KEEPS_INPUT:
        assert f'told {UNKNOWN}' in ask(child, '_source(other)'), 'a name that the history does not define'
    child.close(force=True)


def test_no_escape_of_a_text_reaches_the_terminal(prompt: pexpect.spawn, folder: Path) -> None:
    (folder / 'evil.txt').write_text('\x1b[2Jred\x1b[31m[bold]x[/bold]\n' * 100)
    ask(prompt, BEGIN.replace('text.txt', 'evil.txt').replace("'run'", "'evil'"))
    shown = ask(prompt, 'ms.trainmodel(train_len=60, print_every=30, batchsize=4)')
    shown += ask(prompt, 'generatestring(ms, 200)')
    assert '\x1b[2J' not in shown and '\x1b[31m' not in shown
    assert '\\x1b' in shown


def test_without_i_there_is_a_prompt_too(folder: Path, environment: dict[str, str]) -> None:
    child = pexpect.spawn(sys.executable, ['-m', 'charrnn'], cwd=folder, env=environment, encoding='utf-8', timeout=60)
    child.expect('(>>> |In )')  # IPython's, where it is installed, comes with colour codes
    child.sendline('print(len(CharSet("abc").symbols) + 39)')
    child.expect('42')
    child.sendeof()
    child.close(force=True)


def test_import_star_gives_the_same_names() -> None:
    code = 'from charrnn import *\nimport charrnn\nassert all(name in globals() for name in charrnn.__all__)'
    subprocess.run([sys.executable, '-c', code], check=True)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-m', 'charrnn', *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_command_line(folder: Path) -> None:
    begun = command(folder, 'init', 'text.txt', 'run', '--layers', '1', '--state-size', '8', '--seq-len', '10')
    assert begun.returncode == 0 and "ModelState 'run'" in begun.stdout, begun.stderr
    trained = command(
        folder, 'train', 'run', '--num-rounds', '2', '--batchsize', '4', '--train-len', '5', '--save-minutes', '0.5'
    )
    assert trained.returncode == 0 and trained.stderr.count('unigram') >= 2, trained.stderr
    assert trained.stdout.startswith('epoch 0.') and '\x1b' not in trained.stderr
    drawn = command(folder, 'generate', 'run', '--numchars', '30', '--temp', '0')
    assert drawn.returncode == 0 and len(drawn.stdout.rstrip('\n')) >= 20
    failed = command(folder, 'train', 'nowhere')
    assert failed.returncode == 1 and 'WorkspaceError: there is no directory' in failed.stderr
    assert 'Traceback' not in failed.stderr


@pytest.mark.parametrize('encoding', ['ascii', 'cp1252'])
def test_an_encoding_that_lacks_the_text_stops_no_script(folder: Path, encoding: str) -> None:
    (folder / 'russian.txt').write_text('Мой дядя самых честных правил\n' * 100, encoding='utf-8')
    environment = {**os.environ, 'PYTHONIOENCODING': encoding, 'PYTHONUTF8': '0'}
    code = BEGIN.replace('text.txt', 'russian.txt') + '; ms.trainmodel(train_len=20, print_every=10); '
    code += (
        'print(ms, ms.evaluate(), compare(ms), temperatures(ms), ms.history, ms.history[-1], generatestring(ms, 50))'
    )
    done = subprocess.run(
        [sys.executable, '-c', f'from charrnn import *; {code}'],
        cwd=folder, env=environment, capture_output=True, encoding=encoding, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '\\u04' in done.stdout and 'protocol' in done.stdout


def test_a_closed_pipe_does_not_lose_the_training(folder: Path) -> None:
    command(folder, 'init', 'text.txt', 'run', '--layers', '1', '--state-size', '8', '--seq-len', '10')
    line = f'{sys.executable} -m charrnn train run --num-rounds 3 --batchsize 4 --train-len 5 | true'
    subprocess.run(line, shell=True, cwd=folder, check=False, capture_output=True)
    listed = [path.name for path in (folder / 'run' / 'checkpoints').iterdir()]
    assert sorted(listed) == ['000001', '000002', '000003', '000004']
