"""P21: Ctrl-C at any instant, at a real prompt: never a dead prompt, never an exit, and the same bits as without."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import sys
import time
from pathlib import Path

import pexpect
import pytest
from conftest import MakeRun, learner_of, moment, words
from torture import TORTURE, count

from charrnn import ModelState

COMMANDS = [
    'ms.trainmodel(num_rounds=1000, train_len=7, batchsize=4, print_every=3)',
    'ms.trainmodel(num_rounds=1000, train_len=2, batchsize=4, print_every=0, save_minutes=0)',
    'ms.trainmodel(num_rounds=1000, train_len=300, batchsize=4, print_every=0)',
    'for _ in range(1000): ms.newcheckpoint()',
    'for _ in range(1000): ms.evaluate()',
    'for _ in range(1000): generatestring(ms, 1000)',
    'for _ in range(1000): ms = ModelState.load("run")',
    'for _ in range(1000): ms.restore()',
]
PROMPTS = {'basic': '>>> ', 'IPython': r'In \[\d+\]: '}
if sys.version_info >= (3, 13):
    PROMPTS['new'] = '>>> '


def spawn(kind: str, folder: Path) -> pexpect.spawn:
    if kind == 'IPython' and not importlib.util.find_spec('IPython'):
        pytest.skip('IPython is not installed')
    kept = {name: os.environ[name] for name in ('PATH', 'PYTHONPATH', 'LD_LIBRARY_PATH') if name in os.environ}
    own = {'basic': {'PYTHON_BASIC_REPL': '1'}, 'IPython': {'IPY_TEST_SIMPLE_PROMPT': '1'}, 'new': {}}[kind]
    return pexpect.spawn(
        sys.executable,
        ['-m', 'charrnn'] if kind == 'IPython' else ['-i', '-m', 'charrnn'],
        cwd=folder,
        env={**kept, **own, 'HOME': str(folder), 'TERM': 'dumb', 'LANG': 'C.UTF-8', 'OMP_NUM_THREADS': '1'},
        encoding='utf-8',
        codec_errors='replace',
        timeout=60,
        dimensions=(40, 200),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def is_alive(prompt: pexpect.spawn, number: int) -> None:
    """Assert that the prompt answers; an interrupt just before it waits is seen at the next key and may cost a line."""
    for _ in range(4):
        prompt.sendline(f'print("ali" + "ve{number}")')
        if prompt.expect([f'alive{number}', pexpect.TIMEOUT], timeout=15) == 0:
            return
    raise AssertionError(f'the prompt is dead: {prompt.before}')


@pytest.mark.parametrize('kind', PROMPTS)
def test_at_random_instants(make_run: MakeRun, kind: str) -> None:
    given = {'text': words(4000), 'layers': 1, 'state_size': 16, 'seq_len': 10, 'dropout': 0.2}
    straight, run = make_run('straight', **given), make_run('run', **given)
    folder, draws = run.curdir.parent, random.Random(kind)
    del run
    prompt = spawn(kind, folder)
    prompt.expect(PROMPTS[kind])
    prompt.sendline('ms = ModelState.load("run", device="cpu")')
    for number in range({'basic': 320, 'IPython': 120, 'new': 120}[kind] if TORTURE else 10):
        is_alive(prompt, number)
        prompt.sendline(COMMANDS[number % len(COMMANDS)])
        if 'for' in COMMANDS[number % len(COMMANDS)]:
            prompt.sendline('')
        time.sleep(draws.uniform(0.03, 0.35))
        prompt.sendintr()
        if number % 3 == 0:  # the second one stops at once, at any place
            time.sleep(draws.choice([0.0, 0.001, 0.01]))
            # Or several in quick succession; IPython's own code between two commands does not survive that.
            for _ in range(1 if kind == 'IPython' else draws.choice([1, 1, 3])):
                prompt.sendintr()
                time.sleep(0.005)
            is_alive(prompt, number)
            prompt.sendline('ms.restore() if "ms.restore()" in repr(ms) else ms.newcheckpoint()')
        count(f'interrupts at a prompt ({kind})')
    is_alive(prompt, -1)
    prompt.sendline('import sys; print("std" + "out", type(sys.stdout).__module__)')
    prompt.expect('stdout (_io|ipykernel|IPython|colorama)')  # and not a stream that a progress bar left behind
    prompt.sendline('ms = ModelState.load("run", device="cpu"); ms.trainmodel(train_len=5, batchsize=4); "do" + "ne"')
    prompt.expect('done')
    prompt.sendline('exit()')
    prompt.expect(pexpect.EOF)
    prompt.close()
    assert prompt.exitstatus == 0
    resumed = ModelState.load(folder / 'run', device='cpu')
    learner_of(straight).lay_lanes(4)
    while straight.position < resumed.position:
        learner_of(straight).train_window()
    assert resumed.position > 0 and moment(resumed) == moment(straight)
