"""P15 to P18: a stranger’s run runs no code, takes no more memory than its files justify, and opens no connection."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun, train, words
from foreign import seal_again
from torture import TORTURE, count

from charrnn import CheckpointError, ModelState, SourceTextError

PROGRAM = Path(__file__).parent / 'foreign.py'
INPUTS = 50_000 if TORTURE else 400


@pytest.mark.parametrize('seed', [0, 1])
def test_no_content_of_a_run_gets_in(make_run: MakeRun, tmp_path: Path, seed: int) -> None:
    """Try every malicious file in every place, then random inputs, in a process under Python's audit hook."""
    kind = {'modeltype': 'LSTMAttention', 'memory': 4} if seed else {'level': 'word', 'dropout': 0.1}
    ms = make_run('good', text=words(300), layers=1, state_size=3, **kind)
    ms.attach(onreport=print)
    train(ms, 2, batchsize=2, print_every=1)
    ms.evaluate()
    shutil.rmtree(ms.curdir / 'checkpoints' / '000001')  # so that there is nothing to fall back to
    command = [sys.executable, str(PROGRAM), str(ms.curdir), str(INPUTS), str(seed)]
    here = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    found = subprocess.run(command, capture_output=True, text=True, env=here)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    assert f'{INPUTS} inputs, ' in found.stdout and ' 0 failures' in found.stdout
    for _ in range(INPUTS):
        count('inputs of a hostile kind, none of which got in')


def test_the_fuzzer_sees_code_that_runs(make_run: MakeRun, tmp_path: Path) -> None:
    """Plant a mistake: a loader that unpickles."""
    ms = make_run('good', text=words(300), layers=1, state_size=3)
    ms.evaluate()
    planted = tmp_path / 'planted'
    planted.mkdir()
    (planted / 'program.py').write_text(
        'import pickle, sys, foreign\n'
        'from charrnn.storage import sealed\n'
        'parse = sealed.parse_json\n'
        'from charrnn.storage import facts\n'
        'def careless(content):\n'
        '    try: pickle.loads(content)\n'
        '    except Exception: pass\n'
        '    return parse(content)\n'
        'facts.parse_json = careless\n'
        'sys.exit(foreign.main(*sys.argv[1:]))\n'
    )
    here = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(PROGRAM.parent), *sys.path])}
    command = [sys.executable, str(planted / 'program.py'), str(ms.curdir), '230', '0']
    found = subprocess.run(command, capture_output=True, text=True, env=here)
    assert found.returncode == 1 and 'pickle.find_class' in found.stdout


def test_indices_beyond_the_vocabulary_are_never_looked_up(make_run: MakeRun) -> None:
    ms = make_run()
    curdir = ms.curdir
    del ms
    path = curdir / 'dataset' / 'indices.bin'
    path.write_bytes(path.read_bytes()[:-1] + b'\xff')
    seal_again(curdir / 'dataset')
    with pytest.raises((SourceTextError, CheckpointError), match='belongs to another dataset|holds index 255'):
        ModelState.load(curdir, device='cpu')
    facts = curdir / 'checkpoints' / '000001' / 'facts.json'
    digest = json.loads((curdir / 'dataset' / 'manifest.json').read_text())['sha256']
    value = json.loads(facts.read_text())
    facts.write_text(json.dumps({**value, 'data_digest': digest}))
    seal_again(facts.parent)
    with pytest.raises(SourceTextError, match='holds index 255, and the vocabulary has 16'):
        ModelState.load(curdir, device='cpu')


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'layers': 10**9}, '1000000000 layers in'),
        ({'state_size': 10**6}, '1000000 units .* in tensors of at most'),
        ({'state_size': 2**53 - 1}, '9007199254740991 units'),
        ({'state_size': 2**53}, 'state_size is larger than'),
        ({'emsize': 10**30}, 'emsize is larger than'),
        ({'state_size': 5}, r'weight .* is float32 \(.*\) in .*, and float32 \(.*5'),
        ({'seq_len': 10**9}, 'windows of 1000000000'),
        ({'memory': 10**9}, 'a memory of 1000000000'),
        ({'surprise': 1}, 'surprise'),
        ({'layers': 'x' * 10}, 'layers='),
    ],
)
def test_sizes_are_checked_before_memory_is_taken(make_run: MakeRun, change: dict[str, object], said: str) -> None:
    ms = make_run(modeltype='LSTMAttention')
    curdir = ms.curdir
    del ms
    path = curdir / 'checkpoints' / '000001' / 'facts.json'
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, 'hyper': {**facts['hyper'], **change}}))
    seal_again(path.parent)
    with pytest.raises(CheckpointError, match=f'checkpoint 1 makes no sense: .*{said}'):
        ModelState.load(curdir, device='cpu')
