"""The single writer of a run: the newest ModelState of one process; readers need no lock."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRun, moment, train

from charrnn import CharRNNError, ModelState, OwnershipError, WorkspaceError
from charrnn.storage.workspace import Workspace


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
from collections.abc import Callable
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
    assert f'process {os.getpid()} on ' in refused and ') is writing' in refused and 'Next: ' in refused
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
    with pytest.raises(WorkspaceError, match="holds a 'dataset' that does not belong to a run"):
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


def test_a_directory_without_a_run_is_a_clear_error(tmp_path: Path) -> None:
    for name, why in [('nothing', 'there is no directory'), ('.', 'holds no run')]:
        with pytest.raises(WorkspaceError, match=why) as caught:
            ModelState.load(tmp_path / name)
        assert 'Next: ModelState.initfromsrcfile' in str(caught.value)
    (tmp_path / 'file').touch()
    with pytest.raises(WorkspaceError, match='is a file, and a run is a directory'):
        ModelState.load(tmp_path / 'file')


def test_a_changed_dataset_is_noticed(make_run: MakeRun) -> None:
    ms, other = make_run(), make_run('other', text='abc' * 100)
    for name in ('indices.bin', 'dataset.json', 'manifest.json'):
        (ms.curdir / 'dataset' / name).write_bytes((other.curdir / 'dataset' / name).read_bytes())
    with pytest.raises(WorkspaceError, match='checkpoint 1 .* belongs to another dataset'):
        ModelState.load(ms.curdir, device='cpu')
    (other.curdir / 'dataset' / 'indices.bin').write_bytes(b'\1' * 300)
    with pytest.raises(WorkspaceError, match='indices.bin was changed'):
        ModelState.load(other.curdir, device='cpu')


TRAIN = """
import sys
from collections.abc import Callable
from charrnn import ModelState
ModelState.load(sys.argv[1], device='cpu').trainmodel(train_len=5, batchsize=3, valid_len=1, print_every=0)
"""


def test_a_writer_that_lost_the_run_to_another_process_writes_nothing(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 1)
    curdir = ms.curdir
    del ms
    early = ModelState.load(curdir, device='cpu')
    subprocess.run([sys.executable, '-c', TRAIN, str(curdir)], check=True, capture_output=True)
    with pytest.raises(OwnershipError, match=r'has trained .* since this ModelState was loaded.*\n.*ms.restore'):
        train(early, 1)
    early.restore()
    assert early.position == 6 * 8
    assert [row['position'] for row in early.history] == [0, 8, 48]
    train(early, 1)
    assert [row['position'] for row in ModelState.load(curdir, device='cpu').history] == [0, 8, 48, 56]


def test_changing_the_directory_of_the_process_moves_nothing(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run()
    monkeypatch.chdir(tmp_path)
    ms = ModelState.load('run', device='cpu')
    (tmp_path / 'elsewhere').mkdir()
    monkeypatch.chdir(tmp_path / 'elsewhere')
    train(ms, 1)
    assert list((tmp_path / 'elsewhere').iterdir()) == []
    assert ms.curdir == tmp_path / 'run' and "'run'" in repr(ms)


def test_a_directory_that_was_moved_or_replaced_is_not_written(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    moved = ms.curdir.rename(tmp_path / 'moved')
    with pytest.raises(WorkspaceError, match='is gone: moved, renamed or deleted'):
        train(ms, 1)
    assert not ms.curdir.exists()
    shutil.copytree(moved, ms.curdir)
    train(ModelState.load(moved, device='cpu'), 1)
    with (ms.curdir / 'history.jsonl').open('a') as file:
        file.write('{}\n')
    with pytest.raises(OwnershipError, match='since this ModelState was loaded'):
        train(ms, 1)


def test_files_of_others_survive_a_beginning(make_run: MakeRun, tmp_path: Path) -> None:
    theirs = tmp_path / 'project'
    for name in ('dataset/manifest.json', 'dataset/photo.jpg', '.mine.tmp/x', 'history.jsonl'):
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_text('{}')
    with pytest.raises(WorkspaceError, match='does not belong to a run'):
        make_run('project')
    shutil.rmtree(theirs / 'dataset')
    with pytest.raises(WorkspaceError, match="holds a 'history.jsonl' that does not belong to a run"):
        make_run('project')
    (theirs / 'history.jsonl').unlink()
    make_run('project')
    assert (theirs / '.mine.tmp' / 'x').read_text() == '{}'


BEGIN = """
import sys
from collections.abc import Callable
from charrnn import ModelState
ms = ModelState.initfromsrcfile(*sys.argv[1:], device='cpu', layers=1, state_size=6, seq_len=8)
ms.trainmodel(train_len=1, batchsize=3, valid_len=1, print_every=0)
"""


def test_the_loser_of_a_race_to_begin_a_run_destroys_nothing(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Workspace.claim

    def overtaken(workspace: Workspace) -> None:
        if not workspace.holds_run() and workspace.name.endswith('run'):
            monkeypatch.setattr(Workspace, 'claim', claim)
            command = [sys.executable, '-c', BEGIN, str(tmp_path / 'source.txt'), str(workspace.path)]
            subprocess.run(command, check=True, capture_output=True)
        claim(workspace)

    monkeypatch.setattr(Workspace, 'claim', overtaken)
    with pytest.raises(WorkspaceError, match='already holds a run'):
        make_run()
    assert ModelState.load(tmp_path / 'run', device='cpu').position == 8


def test_a_failed_call_does_not_take_the_run(make_run: MakeRun) -> None:
    ms = make_run()
    kept = []
    attempts: list[Callable[[], object]] = [make_run, lambda: ModelState.load(ms.curdir, device='cuda:9')]
    for attempt in attempts:
        with pytest.raises(CharRNNError) as caught:
            attempt()
        kept.append(caught)
    train(ms, 1)


def test_invalid_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError):
        ModelState.load('nul\0name')
    with pytest.raises(CharRNNError):
        ModelState.initfromsrcfile('nul\0name', tmp_path / 'run')


def test_a_deleted_lock_costs_nothing(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 1)
    train(ms, 1)
    (ms.curdir / 'lock').unlink()
    assert ms.newcheckpoint() == 4
    train(ms, 1)


def test_checkpoints_that_are_gone_are_not_begun_over(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    train(ms, 1)
    curdir = ms.curdir
    del ms
    (curdir / 'checkpoints').rename(tmp_path / 'away')
    before = (curdir / 'history.jsonl').read_bytes()
    requests: list[Callable[[], object]] = [lambda: ModelState.load(curdir), make_run]
    for request in requests:
        with pytest.raises(WorkspaceError, match='a run whose checkpoints are gone.\n  Next: put them back'):
            request()
    assert (curdir / 'history.jsonl').read_bytes() == before


@pytest.mark.parametrize('name', ['dataset', 'checkpoints', 'history.jsonl', 'ladder', 'lock', 'writer.json'])
def test_a_link_in_a_run_is_refused_and_what_it_points_to_is_untouched(
    make_run: MakeRun, tmp_path: Path, name: str
) -> None:
    ms = make_run()
    train(ms, 1)
    curdir, mine = ms.curdir, tmp_path / 'mine'
    del ms
    mine.write_text('precious')
    (curdir / name).rename(tmp_path / 'away') if (curdir / name).exists() else None
    (curdir / name).symlink_to(mine if name in ('lock', 'writer.json', 'history.jsonl') else tmp_path / 'away')
    with pytest.raises(WorkspaceError, match=f'{name}.* is a link'):
        train(ModelState.load(curdir, device='cpu'), 1)
    assert mine.read_text() == 'precious'


def test_a_process_without_a_directory_says_so(tmp_path: Path) -> None:
    code = 'import os, shutil, charrnn; os.chdir("d"); shutil.rmtree("../d"); charrnn.ModelState.load("r")'
    (tmp_path / 'd').mkdir()
    found = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True)
    assert "WorkspaceError: cannot read 'r'" in found.stderr and 'Next: ' in found.stderr
