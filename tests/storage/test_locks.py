"""Locks that a file system lacks, and a lock whose holder is gone: each error's advice, followed, ends the trouble."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from pathlib import Path

import pytest
from conftest import MakeRun, files_below, moment, train

from charrnn import ModelState, OwnershipError, WorkspaceError
from charrnn.storage.journal import as_line


@pytest.mark.parametrize('code', [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_read_and_not_written(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    ms = make_run()
    train(ms, 1)
    path, before = ms.curdir, moment(ms)
    del ms

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, 'flock', refuse)
    files = files_below(path)
    ms = ModelState.load(path, device='cpu')
    ms.evaluate()
    for write in (ms.newcheckpoint, ms.trainmodel, lambda: make_run('other')):
        with pytest.raises(
            WorkspaceError, match=r'has no locks .*two processes.*\n  Next: a directory on a local disk'
        ):
            write()
    assert moment(ms) == before and files_below(path) == files and not path.with_name('other').exists()
    monkeypatch.undo()
    train(ms, 1)


def test_a_lock_whose_machine_is_gone_is_deleted_as_advised(make_run: MakeRun) -> None:
    ms = make_run()
    path = ms.curdir
    del ms
    (path / 'writer.json').write_bytes(
        as_line(0, {'kind': 'writer', 'pid': 4711, 'host': 'gone', 'since': '2026-01-02 03:04:05'})
    )
    with (path / 'lock').open('rb') as held:  # as a file server keeps it for a client that it has lost
        fcntl.flock(held, fcntl.LOCK_EX)
        ms = ModelState.load(path, device='cpu')
        with pytest.raises(OwnershipError, match=r"process 4711 on 'gone' \(since .*\) is writing") as caught:
            train(ms, 1)
        advised = re.search(r"; if its machine is gone: Path\('(.+)'\)\.unlink\(\)$", caught.value.next_step)
        assert advised and Path(advised[1]) == path / 'lock'
        Path(advised[1]).unlink()
        train(ms, 1)


@pytest.mark.parametrize(
    'row',
    [
        {'pid': 10**4000, 'host': 'here', 'since': 'now'},
        {'pid': 1, 'host': ['here'], 'since': 'now'},
        {'pid': 1, 'host': 'here', 'since': 'x' * 5000},
    ],
)
def test_a_strangers_signature_is_shown_in_a_few_characters(make_run: MakeRun, row: dict[str, object]) -> None:
    ms = make_run()
    path = ms.curdir
    del ms
    ms = ModelState.load(path, device='cpu')
    (path / 'writer.json').write_bytes(as_line(7, {'kind': 'writer', **row}))
    with (path / 'lock').open('rb') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OwnershipError, match='process.* is writing') as caught:
            train(ms, 1)
    assert len(caught.value.what) < 200 + len(str(path))
