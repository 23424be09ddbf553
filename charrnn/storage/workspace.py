"""The working directory of a run: what lies where, and who may write.

    dataset/          the encoded text, sealed: written once, never again
    checkpoints/      one sealed folder for each moment
    history.jsonl     one row for each report and validation, each with its CRC, append-only
    ladder/           the baselines of the dataset, sealed; computed again if it is missing
    lock              held by the writing process, empty
    writer.json       who that is, or was last

One process writes at a time, and in that process the newest ModelState of the run.  The lock is taken at the first
write and goes when the last ModelState of the run does, or with the process.  Reading needs no lock.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import shutil
import stat
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
from torch import Tensor

from charrnn.errors import CheckpointError, OwnershipError, WorkspaceError
from charrnn.storage.checkpoints import Checkpoints
from charrnn.storage.durable import append_durably, cannot_read, cannot_write, explained, is_there, make_folder, sweep
from charrnn.storage.journal import Journal, Row, append_rows, as_line, read_journal
from charrnn.storage.sealed import (
    NewerFormatError,
    as_json,
    is_sealed,
    parse_json,
    read_manifest,
    read_sealed,
    verify,
    write_sealed,
)

LADDERS = 'ladder.json'


class _Run:
    """What this process knows of the writers of one directory."""

    def __init__(self, path: Path) -> None:
        self.lock = filelock.FileLock(path / 'lock', timeout=0.2, thread_local=False)  # status may look
        self.locked: tuple[int, int] | None = None  # device and inode of the lock file that we hold
        self.readers: weakref.WeakSet[Workspace] = weakref.WeakSet()
        self.writer = 0  # the generation of the newest Workspace that has written
        self.process = os.getpid()


_RUNS: weakref.WeakValueDictionary[Path, _Run] = weakref.WeakValueDictionary()
_GENERATIONS = itertools.count(1)


class Workspace:
    """One ModelState's handle on its working directory.

    Parameters
    ----------
    given : Path    the directory, as the user spelled it; it need not exist yet
    """

    def __init__(self, given: Path) -> None:
        self.name = str(given)
        try:
            self.path = given.absolute()  # so that os.chdir moves nothing
        except OSError as error:  # the directory of the process is gone
            raise cannot_read(given, error) from error
        self.dataset = self.path / 'dataset'
        self.checkpoints = Checkpoints(self.path / 'checkpoints')
        self.history = self.path / 'history.jsonl'
        self.ladders = self.path / 'ladder'
        self.writer = self.path / 'writer.json'
        self.generation = next(_GENERATIONS)
        self._seen: tuple[int, int] | None = None
        self._dataset: tuple[list[tuple[int, ...]], str] | None = None  # its files' stamps, and the digest they had
        try:
            key = self.path.resolve()
        except (OSError, ValueError) as error:  # a loop of links, a NUL in the name
            raise WorkspaceError(f'{self.name!r} cannot be a directory: {error}.', 'another name') from None
        self._run = _RUNS.get(key) or _Run(key)
        _RUNS[key] = self._run

    def open(self) -> None:
        """Count as a holder of the run, with what is on disk now as what this holder has seen."""
        self._look()
        self._run.readers.add(self)

    def _look(self) -> None:
        with explained(self.path, cannot_read):
            self._seen = self._on_disk()

    def _refuse_links(self) -> None:
        """A link under one of our names leads into somebody else's files."""
        for path in (self.dataset, self.checkpoints.root, self.history, self.ladders, self.writer, self.path / 'lock'):
            if path.is_symlink():
                raise WorkspaceError(
                    f'{str(path)!r} is a link; a run has its own files.', 'put what it points to in its place'
                )

    def _on_disk(self) -> tuple[int, int]:
        """The newest checkpoint and the length of the history: what any writer changes."""
        size = self.history.stat().st_size if self.history.exists() else 0
        return max(self.checkpoints.numbers(), default=0), size

    def holds_run(self) -> bool:
        """Whether there is a checkpoint: from then on this directory is never written over."""
        return bool(self.checkpoints.numbers())

    def refuse_taken(self) -> None:
        """Raise WorkspaceError if a new run cannot begin here: a run, or files that are not ours, are in the way."""
        with explained(self.path, cannot_write):
            if self.path.exists() and not self.path.is_dir():
                raise WorkspaceError(f'{self.name!r} is a file, not a directory.', 'another name for the directory')
            if self.holds_run():
                raise WorkspaceError(
                    f'{self.name!r} already holds a run; it is never written over.',
                    f'ModelState.load({self.name!r}), or another directory for the new run',
                )
            self._refuse_links()
            # What an interrupted beginning left is ours to remove; anything else under these names is not.
            taken = [path.name for path in (self.dataset, self.history) if path.exists()]
            if taken and not is_sealed(self.dataset):
                raise WorkspaceError(f'{self.name!r} holds a {taken[0]!r} that is not of a run.', 'another directory')
            if self._was_trained():
                raise WorkspaceError(
                    f'{self.name!r} holds the text and the history of a run whose checkpoints are gone.',
                    'put them back from a backup; or delete the directory, or take another',
                )

    def require_run(self) -> None:
        """Raise WorkspaceError if there is no run to load."""
        with explained(self.path, cannot_read):
            self._refuse_links()
            if self.holds_run():
                return
            exists, is_file, begun = self.path.exists(), self.path.is_file(), is_sealed(self.dataset)
            trained = self._was_trained()
        if trained:
            raise WorkspaceError(
                f'{self.name!r} holds the text and the history of a run whose checkpoints are gone.',
                'put them back from a backup',
            )
        if begun:
            raise WorkspaceError(
                f'{self.name!r} holds an encoded text but no checkpoint: its beginning was interrupted.',
                f'ModelState.initfromsrcfile(..., {self.name!r}) begins it again',
            )
        what = 'is not a directory' if is_file else 'holds no run'
        raise WorkspaceError(
            f'{self.name!r} {what}.' if exists else f'there is no directory {self.name!r}.',
            f"ModelState.initfromsrcfile('text.txt', {self.name!r}) begins one",
        )

    def _was_trained(self) -> bool:
        """Whether the history has more than the row of the beginning."""
        return self.history.is_file() and len(self.history.read_bytes().splitlines()) > 1

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Begin a run in the block, as its writer; if that fails, a directory that was not there before is gone."""
        with explained(self.path, cannot_write):
            existed = self.path.exists()
            self.refuse_taken()
            make_folder(self.path)
        self.claim()
        self.refuse_taken()  # again, now that nobody else can begin one; what is there is not ours to remove
        try:
            yield
            self.open()
        except BaseException:
            if not existed:
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def claim(self) -> None:
        """Become the writer of this run, or stay it.  Every method that writes calls this first.

        Raises
        ------
        OwnershipError    another process or a newer ModelState is, or was, the writer
        WorkspaceError    the directory is gone, or cannot be written
        """
        run = self._run
        if run.writer > self.generation or any(other.generation > self.generation for other in run.readers):
            raise OwnershipError(
                f'a newer ModelState of this process owns {self.name!r}; this one may still read.',
                'train with the newer one, or delete it (_ may hold it, too) and load again',
            )
        if run.process != os.getpid():
            raise OwnershipError(
                f'this is a forked copy of the process that opened {self.name!r}.',
                f'ModelState.load({self.name!r}) here, once the other process has ended',
            )
        if not run.lock.is_locked or run.locked != _identity(run.lock.lock_file):
            self._lock()
        run.writer = self.generation

    def _lock(self) -> None:
        with explained(self.path, cannot_write):
            self._refuse_links()
            self._take_lock()
        self._set_aside()
        self.checkpoints.sweep()
        sweep(self.path, '.dataset.*.tmp', '.ladder.*.tmp', '.writer.*.tmp')
        with contextlib.suppress(OSError):  # it is for people: who else wants to write is told
            self._sign()

    def _set_aside(self) -> None:
        """A folder or a pipe under the name of the history would keep every checkpoint from being written."""
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(self.history.lstat().st_mode):
                self.history.rename(self.history.with_name(f'history.{time.time_ns()}.aside'))

    def _sign(self) -> None:
        new = self.path / f'.writer.{os.getpid()}.tmp'
        since = time.strftime('%Y-%m-%d %H:%M:%S')
        append_durably(new, as_line(0, {'kind': 'writer', 'pid': os.getpid(), 'host': platform.node(), 'since': since}))
        new.replace(self.writer)

    def who_writes(self) -> str:
        """The process that writes this run, or did last, for people."""
        rows = read_journal(self.writer, _is_signature, bare=False).rows
        if not rows:
            return 'another process'
        found = rows[0]
        return f'process {found["pid"]} on {found["host"]!r} (since {found["since"]})'

    def _take_lock(self) -> None:
        lock = self._run.lock
        lock.release(force=True)  # of a directory that was deleted, or replaced, under us
        if not self.path.is_dir():
            raise WorkspaceError(
                f'the directory {self.name!r} is gone: moved, renamed or deleted.',
                'ModelState.load(...) from where it is now',
            )
        try:
            lock.acquire()
        except filelock.Timeout:
            raise OwnershipError(
                f'{self.who_writes()} is writing {self.name!r}.',
                'end it first; loading, generating and evaluating work meanwhile',
            ) from None
        except (NotImplementedError, OSError) as error:
            if isinstance(error, NotImplementedError) or error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise WorkspaceError(
                    f'the file system of {self.name!r} has no locks ({error}): two could write it at once.',
                    'a directory on a disk of this machine',
                ) from error
            raise
        if self._seen is not None and self._seen != self._on_disk():
            lock.release(force=True)
            raise OwnershipError(
                f'another process has trained {self.name!r} since this ModelState was loaded.',
                f'ModelState.load({self.name!r}), or ms.restore()',
            )
        self._run.locked = _identity(lock.lock_file)  # only now: until here a failed attempt is made again

    def is_being_written(self) -> bool | None:
        """Whether some process holds the lock, found out without taking it from anybody; None if that is unknown."""
        try:
            import fcntl

            with (self.path / 'lock').open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except (ImportError, OSError):
            return None
        return False

    def dataset_digest(self) -> str:
        """The digest of the dataset, every byte verified: again only if a file of it was touched since the last time.

        Raises
        ------
        CheckpointError    it is damaged
        """
        try:
            stamps = [_stamp(path) for path in sorted(self.dataset.iterdir())]
        except OSError:
            stamps = []
        if self._dataset is None or not stamps or stamps != self._dataset[0]:
            try:
                self._dataset = stamps, verify(self.dataset)
            except NewerFormatError:
                raise
            except CheckpointError as error:
                raise CheckpointError(error.what, 'a copy of the whole directory from a backup') from None
        return self._dataset[1]

    def dataset_facts(self, name: str) -> dict[str, Any]:
        """What the file of that name in the dataset says; whether it makes sense is for who knows datasets."""
        (content,) = read_sealed(self.dataset, name)
        try:
            facts = parse_json(content)
        except ValueError:
            facts = None
        return facts if isinstance(facts, dict) else {}

    def read_history(self, is_sound: Callable[[Row], bool]) -> tuple[Journal, str]:
        """Every row of the history that is as it was written and makes sense; and why it cannot be read, if so."""
        bare = False
        with contextlib.suppress(CheckpointError):  # the dataset is damaged, which is said elsewhere
            bare = read_manifest(self.dataset)['format'] == 1
        try:
            return read_journal(self.history, is_sound, bare=bare), ''
        except WorkspaceError as error:
            return Journal(), error.what

    def append_history(self, rows: dict[int, Row]) -> None:
        """Append rows under their numbers and make them durable."""
        append_rows(self.history, rows)
        with contextlib.suppress(WorkspaceError):  # it is written
            self._look()

    def write_checkpoint(self, tensors: Mapping[str, Tensor], facts: dict[str, Any], attached: dict[str, bytes]) -> int:
        """Write one; its number."""
        number = self.checkpoints.write(tensors, facts, attached)
        with contextlib.suppress(WorkspaceError):  # it is saved
            self._look()
        return number

    def extras(self) -> dict[str, str]:
        """What there is that a run can do without, and what is wrong with it (empty: nothing is)."""
        found = {}
        if is_there(self.ladders):
            try:
                verify(self.ladders)
                found['ladder'] = ''
            except WorkspaceError as error:
                found['ladder'] = f'{error.what} The baselines will be computed again.'
        if is_there(self.writer):
            try:
                whole = bool(read_journal(self.writer, _is_signature, bare=False).rows)
            except WorkspaceError:
                whole = False
            damage = f'{str(self.writer)!r} was changed since it was written. Who trains next writes it again.'
            found['writer.json'] = '' if whole else damage
        return found

    def read_ladders(self, digest: str) -> dict[str, dict[str, float]]:
        """The baseline ladders that were kept for the dataset called `digest`; none where there is any doubt."""
        try:
            kept = parse_json(*read_sealed(self.ladders, LADDERS))
            splits = kept['splits'] if kept['dataset'] == digest else {}
            return {str(s): {str(rung): float(nats) for rung, nats in rungs.items()} for s, rungs in splits.items()}
        except (WorkspaceError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def keep_ladders(self, digest: str, ladders: dict[str, dict[str, float]]) -> None:
        """Keep them, if this is the writer of the run; who only reads computes them again another time."""
        if self._run.writer != self.generation or not self._run.lock.is_locked:
            return
        with contextlib.suppress(WorkspaceError):
            write_sealed(self.ladders, {LADDERS: as_json({'dataset': digest, 'splits': ladders}).encode()})


def _is_signature(row: Row) -> bool:
    return row.get('kind') == 'writer' and {'pid', 'host', 'since'} <= row.keys()


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file; None if it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116  filelock keeps its path as a str
    except OSError:
        return None
    return found.st_dev, found.st_ino
