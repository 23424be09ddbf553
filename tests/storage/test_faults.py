"""P3, P8: if any file call fails in any way, no saved data is lost, no live data changes, and an error explains it."""

from __future__ import annotations

import errno
import gc
import os
import re
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from conftest import MakeRun, files_below, learner_of, moment, train
from disk import Disk, failing, watching
from torture import TORTURE, count

from charrnn import CharRNNError, ModelState, WorkspaceError
from charrnn.session.run import run_of
from charrnn.storage import sealed
from charrnn.storage.durable import Pieces, append_durably, cannot_read

CODES = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES]
KINDS = [(code, ever_after) for code in CODES for ever_after in (False, True)]


def each_fault(root: Path, attempt: Callable[[Disk], None], step: int = 3) -> None:
    """Call `attempt` with the 1st, 2nd, ... file call failing, up to the last; outside torture, some, each once."""
    for number in range(1, 10_000, 1 if TORTURE else step):
        for code, ever_after in KINDS if TORTURE else [KINDS[number * 3 % len(KINDS)]]:
            disk = failing(root, number, code, ever_after=ever_after)
            attempt(disk)
            if not disk.met:
                assert number > 20
                return
    raise AssertionError('no attempt has 10,000 file calls')


def refused(disk: Disk, request: Callable[[], object]) -> CharRNNError | None:
    """Return the CharRNNError that a request on this disk raises, or None; any other error fails the test."""
    with watching(disk):
        try:
            request()
        except CharRNNError as error:
            return error
    return None


def assert_explained(error: CharRNNError, root: Path) -> None:
    text = str(error)
    assert any(os.strerror(code) in text for code in CODES), text
    assert str(root) in text and 'Next: ' in text, text


def test_a_save(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 2)
    curdir = ms.curdir
    del ms

    def save(disk: Disk) -> None:
        gc.collect()  # the error of the last attempt keeps its run alive, and the run the lock
        ms = ModelState.load(curdir, device='cpu')  # loaded each time, since taking the lock is among the calls
        learner_of(ms).train_window()
        run_of(ms).history.add({**ms.history[-1], 'position': ms.position})
        before, kept = moment(ms), files_below(curdir)
        error = refused(disk, ms.newcheckpoint)
        if error:
            assert_explained(error, curdir)
            took_lock = run_of(ms).workspace.is_writer()  # before that, nothing is written that needs bytes
            if took_lock and 'No space' in str(error) and 'cannot write' in str(error):
                assert re.search(r'\((more than )?[\d,]+ bytes needed, [\d,]+ bytes free there\)', str(error)), error
            now = files_below(curdir)
            assert all(now.get(p) == kept[p] for p in kept if p.name not in ('history.jsonl', 'writer.json'))
            assert now[curdir / 'history.jsonl'].startswith(kept[curdir / 'history.jsonl'])
        count(f'saves in which a file call failed and was {"explained" if error else "not needed"}')
        assert moment(ms) == before
        train(ms, 1)  # the run still trains once the disk has space again
        after, rows = moment(ms), list(ms.history)
        del ms
        loaded = ModelState.load(curdir, device='cpu')
        assert moment(loaded) == after and list(loaded.history) == rows
        # The leftover of a failed signature goes when the lock is taken next, as each attempt does.
        assert not [path for path in curdir.rglob('*.tmp') if not path.name.startswith('.writer.')]

    each_fault(curdir, save)
    gc.collect()
    ModelState.load(curdir, device='cpu').newcheckpoint()
    assert not list(curdir.rglob('*.tmp'))


def test_a_beginning(make_run: MakeRun, tmp_path: Path) -> None:
    def begin(disk: Disk) -> None:
        error = refused(disk, make_run)
        if error:
            assert_explained(error, disk.root)
        count(f'beginnings in which a file call failed and was {"explained" if error else "not needed"}')
        del error  # its traceback keeps the failed run alive
        if not list(disk.root.glob('checkpoints/0*')):  # else only the last calls failed, and the run exists
            make_run()
        ModelState.load(disk.root, device='cpu')
        shutil.rmtree(disk.root)

    each_fault(tmp_path / 'run', begin)


def test_a_branch(make_run: MakeRun, tmp_path: Path) -> None:
    parent = make_run('parent')
    train(parent, 2)
    before = moment(parent)

    def branch(disk: Disk) -> None:
        error = refused(disk, lambda: parent.branch(disk.root, dropout=0.2))
        if error:
            assert_explained(error, disk.root)
        count(f'branches in which a file call failed and was {"explained" if error else "not needed"}')
        del error
        gc.collect()
        assert moment(parent) == before
        where = disk.root
        if not list(where.glob('checkpoints/0*')):  # else only the last calls failed, and the branch exists
            if (where / 'history.jsonl').exists():  # a disk that fails for good cannot remove it, either
                with pytest.raises(WorkspaceError, match='for a new run') as caught:
                    parent.branch(where)
                where = Path(caught.value.next_step.split("dir='")[1].split("'")[0])
            parent.branch(where)
        assert moment(ModelState.load(where, device='cpu')).keys() == before.keys()
        for path in (where, disk.root):
            shutil.rmtree(path, ignore_errors=True)

    each_fault(tmp_path / 'branch', branch, 17)
    assert moment(ModelState.load(parent.curdir, device='cpu')) == before


def test_an_added_text(make_run: MakeRun, tmp_path: Path) -> None:
    first = make_run('first')
    train(first, 2)
    before, curdir = moment(first), tmp_path / 'run'
    (tmp_path / 'added.txt').write_text('Ein Kater. ' * 20)

    def add(disk: Disk) -> None:
        shutil.copytree(first.curdir, curdir)
        loaded = [ModelState.load(curdir, device='cpu')]
        error = refused(disk, partial(loaded[0].addsource, tmp_path / 'added.txt'))
        count(f'added texts in which a file call failed and was {"explained" if error else "not needed"}')
        if error:
            assert_explained(error, curdir)
        live = moment(loaded[0])
        assert live == before or len(loaded.pop().chars) > len(first.chars)
        del error, loaded
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            again = ModelState.load(curdir, device='cpu')
        assert moment(again) in (before, live)
        again.addsource(tmp_path / 'added.txt')
        train(again, 1)
        del again
        shutil.rmtree(curdir)

    each_fault(curdir, add, 11)


def test_a_load(make_run: MakeRun) -> None:
    """A failed read is explained, or an older checkpoint is loaded with a warning."""
    ms = make_run()
    train(ms, 2)
    ms.evaluate()
    curdir, moments = ms.curdir, {ms.position: moment(ms)}
    moments[0] = moment(ms.restore(1))
    kept = files_below(curdir)
    del ms

    def load(disk: Disk) -> None:
        found: list[ModelState] = []
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            error = refused(disk, lambda: found.append(ModelState.load(curdir, device='cpu')))
        if error:
            assert_explained(error, curdir)
        else:
            assert moment(found[0]) == moments[found[0].position]
            assert found[0].position == max(moments) or said
        count('loads in which a file call failed')
        assert files_below(curdir) == kept

    each_fault(curdir, load)


def test_a_failed_fsync_fails_the_save(make_run: MakeRun) -> None:
    ms = make_run()
    plain = Disk(ms.curdir)
    with watching(plain):
        ms.newcheckpoint()
    syncs = [number for number, name in enumerate(plain.seen, 1) if name == 'fsync']
    assert len(syncs) >= 5
    for number in syncs:
        numbers = [row.number for row in ms.checkpoints()]
        with watching(failing(ms.curdir, number, errno.EIO)), pytest.raises(WorkspaceError, match='Input/output error'):
            ms.newcheckpoint()
        assert [row.number for row in ms.checkpoints()] == numbers


def test_a_folder_that_reads_back_differently_never_gets_its_name(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P4: with a disk that writes other bytes, no old checkpoint is dropped before a newer one was read back."""
    ms = make_run()
    for _ in range(6):
        ms.newcheckpoint()
    kept, write = files_below(ms.curdir / 'checkpoints'), append_durably

    def lie(path: Path, data: bytes | Pieces, end: int | None = None) -> None:
        write(path, [bytes(data[0])[:-1] + b'?', *data[1:]] if path.suffix == '.safetensors' else data, end)

    monkeypatch.setattr(sealed, 'append_durably', lie)
    with pytest.raises(WorkspaceError, match=r'tensors\.safetensors.*reads back differently'):
        ms.newcheckpoint()
    assert files_below(ms.curdir / 'checkpoints') == kept


@pytest.mark.parametrize(
    ('number', 'step'),
    [
        (errno.EIO, 'another disk'),
        (errno.ENAMETOOLONG, 'no name is so long'),
        (errno.EACCES, 'chmod u+rX'),
        (errno.ESTALE, 'mount that disk again'),
        (errno.EMFILE, 'close some files'),
        (9999, 'check its permissions and its disk'),
    ],
)
def test_a_read_that_fails_has_a_step_of_its_own(number: int, step: str) -> None:
    error = cannot_read(Path('run'), OSError(number, 'it fails'))
    assert step in error.next_step and "cannot read 'run': it fails." in error.what
