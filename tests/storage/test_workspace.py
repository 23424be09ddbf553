"""One writer: the newest ModelState of one process.  Readers need no lock."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun, moment, train

from charrnn import ModelState, OwnershipError, WorkspaceError


def test_the_newest_object_owns_the_run_and_the_older_may_read(make_run: MakeRun) -> None:
    older = make_run()
    newer = ModelState.load(older.curdir, device='cpu')
    before = moment(older)
    for write in (older.newcheckpoint, older.trainmodel):
        with pytest.raises(OwnershipError, match='a newer ModelState of this process owns'):
            write()
    older.evaluate()
    older.generatestring(5)
    assert moment(older) == before
    train(newer, 1)


def test_an_object_that_only_looked_and_went_does_not_take_the_run(make_run: MakeRun) -> None:
    ms = make_run()
    ModelState.load(ms.curdir, device='cpu').evaluate()
    gc.collect()
    train(ms, 1)
    ModelState.load(ms.curdir, device='cpu').newcheckpoint()
    gc.collect()
    with pytest.raises(OwnershipError):
        train(ms, 1)


ANOTHER = """
import sys
from charrnn import ModelState, OwnershipError
ms = ModelState.load(sys.argv[1], device='cpu')
ms.evaluate(); ms.generatestring(3)
try:
    ms.trainmodel(train_len=1, batchsize=1, print_every=0)
except OwnershipError as error:
    print(error)
"""


def test_another_process_may_read_but_not_write(make_run: MakeRun) -> None:
    ms = make_run()
    curdir = ms.curdir
    command = [sys.executable, '-c', ANOTHER, str(curdir)]
    refused = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert 'another process is writing' in refused and 'Next: ' in refused
    del ms
    gc.collect()
    assert 'OwnershipError' not in subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
def test_a_forked_child_cannot_write(make_run: MakeRun) -> None:
    ms = make_run()
    child = os.fork()
    if child == 0:
        try:
            ms.newcheckpoint()
        except OwnershipError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_directory_that_was_deleted_can_hold_a_new_run(make_run: MakeRun, tmp_path: Path) -> None:
    import shutil

    ms = make_run()
    shutil.rmtree(ms.curdir)
    again = make_run()
    assert (again.curdir / 'lock').exists()
    train(again, 1)


def test_a_new_run_never_goes_over_an_old_one(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    files = {p: p.read_bytes() for p in ms.curdir.rglob('*') if p.is_file()}
    with pytest.raises(WorkspaceError, match=r'already holds a run; .*\n  Next: ModelState.load'):
        make_run()
    assert {p: p.read_bytes() for p in ms.curdir.rglob('*') if p.is_file()} == files
    (tmp_path / 'mine' / 'dataset').mkdir(parents=True)
    (tmp_path / 'mine' / 'dataset' / 'precious').write_text('x')
    with pytest.raises(WorkspaceError, match="holds a 'dataset' that is not of a run"):
        make_run('mine')
    assert (tmp_path / 'mine' / 'dataset' / 'precious').read_text() == 'x'
    (tmp_path / 'file').write_text('x')
    with pytest.raises(WorkspaceError, match='is a file'):
        make_run('file')


def test_a_beginning_that_was_interrupted_is_said_and_can_begin_again(make_run: MakeRun) -> None:
    ms = make_run(init_checkpoint=False)
    curdir = ms.curdir
    assert ms.checkpoints() == () and 'no checkpoints yet' in repr(ms.checkpoints())
    with pytest.raises(WorkspaceError, match='no checkpoint: its beginning was interrupted'):
        ModelState.load(curdir)
    again = make_run()
    assert len(again.history) == 1
    ModelState.load(curdir, device='cpu')


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    for name, why in [('nothing', 'there is no directory'), ('.', 'holds no run')]:
        with pytest.raises(WorkspaceError, match=why) as caught:
            ModelState.load(tmp_path / name)
        assert 'Next: ModelState.initfromsrcfile' in str(caught.value)
    (tmp_path / 'file').touch()
    with pytest.raises(WorkspaceError, match='is not a directory'):
        ModelState.load(tmp_path / 'file')


def test_a_changed_dataset_is_noticed(make_run: MakeRun) -> None:
    ms, other = make_run(), make_run('other', text='abc' * 100)
    for name in ('indices.bin', 'dataset.json', 'manifest.json'):
        (ms.curdir / 'dataset' / name).write_bytes((other.curdir / 'dataset' / name).read_bytes())
    with pytest.raises(WorkspaceError, match='is not the one that checkpoint 1 trained on'):
        ModelState.load(ms.curdir, device='cpu')
    (other.curdir / 'dataset' / 'indices.bin').write_bytes(b'\1' * 300)
    with pytest.raises(WorkspaceError, match='indices.bin was changed'):
        ModelState.load(other.curdir, device='cpu')
