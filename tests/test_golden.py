"""P23: a run of any released charrnn loads in every later version, to the bit, and trains on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import MakeRun, moment, train
from golden.make import RUNS

from charrnn import CheckpointError, ModelState
from charrnn.session.fsck import fsck
from charrnn.storage import sealed
from charrnn.storage.checkpoints import Checkpoints
from charrnn.storage.sealed import FORMAT, UPGRADE

GOLDEN = Path(__file__).parent / 'golden'
FORMATS = sorted(path.name for path in GOLDEN.glob('format*'))


def test_every_format_has_its_runs() -> None:
    assert [f'format{number}' for number in range(1, FORMAT + 1)] == FORMATS
    for number in range(1, FORMAT + 1):
        for name in RUNS:
            manifests = (GOLDEN / f'format{number}' / name).rglob('manifest.json')
            assert {json.loads(path.read_text())['format'] for path in manifests} == {number}


@pytest.mark.filterwarnings('ignore:since checkpoint')  # another torch, engine or thread count, in time
@pytest.mark.parametrize('name', RUNS)
@pytest.mark.parametrize('form', FORMATS)
def test_a_run_of_an_earlier_format_is_found_again_and_goes_on(form: str, name: str, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / form / name, tmp_path / 'run')
    expected = json.loads((GOLDEN / form / f'{name}.json').read_text())
    ms = ModelState.load(tmp_path / 'run', device='cpu')
    newest = Checkpoints(GOLDEN / form / name / 'checkpoints')
    tensors = newest.read(newest.numbers()[-1]).tensors
    assert {n: t.numpy().tobytes() for n, t in tensors.items()}.items() <= moment(ms).items()
    assert (ms.position, ms.epoch) == (expected['position'], expected['epoch'])
    assert ms.carry is not None and ms.carry.lanes == expected['lanes']
    assert ms.hyper.facts().items() >= expected['hyper'].items(), 'a newer setting has the value of not having been'
    assert [row['kind'] for row in ms.history] == expected['rows']
    assert [row.number for row in ms.checkpoints()] == expected['checkpoints']
    assert ms.evaluate().nats == pytest.approx(expected['valid_nats'], rel=1e-4)
    assert ms.generatestring(40, temp=0) == expected['greedy']
    assert ms.restore(1).position == 0
    ms.restore()
    train(ms, 2, batchsize=None)
    again = ModelState.load(tmp_path / 'run', device='cpu')
    assert moment(again) == moment(ms) and len(again.history) == len(expected['rows']) + 1


def test_a_newer_format_says_upgrade(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sealed, 'FORMAT', FORMAT + 1)
        curdir = make_run().curdir
    with pytest.raises(CheckpointError, match=r'newer charrnn.*\n  Next: git pull in the checkout of charrnn'):
        ModelState.load(curdir, device='cpu')
    inspection = fsck(curdir)
    text, state = str(inspection), inspection.status
    assert state == 2 and text.endswith(f'A newer charrnn has written this run.  Next: {UPGRADE}')
