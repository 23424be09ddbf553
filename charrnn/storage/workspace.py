"""The working directory of a run: what lies where, and who may write.

    dataset/          the encoded text, sealed: written once, never again
    checkpoints/      one sealed folder for each moment
    history.jsonl     one row for each report and validation, each with its CRC, append-only
    ladder/           the baselines of the dataset, sealed; computed again if it is missing
    lock              held by the writing process, empty

One process writes at a time, and in that process the newest ModelState of the run.  The lock is taken at the first
write and goes when the last ModelState of the run does, or with the process.  Reading needs no lock.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import filelock

from charrnn.errors import CheckpointError, OwnershipError, WorkspaceError
from charrnn.storage.checkpoints import numbers, sweep_checkpoints
from charrnn.storage.durable import cannot_read, cannot_write, explained, is_there, make_folder, sweep
from charrnn.storage.journal import Journal, Row, append_rows, read_journal
from charrnn.storage.sealed import as_json, is_sealed, read_manifest, read_sealed, verify, write_sealed

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
        self.path = given.absolute()  # so that os.chdir moves nothing
        self.dataset = self.path / 'dataset'
        self.checkpoints = self.path / 'checkpoints'
        self.history = self.path / 'history.jsonl'
        self.ladders = self.path / 'ladder'
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
        with explained(self.path, cannot_read):
            self._seen = self._on_disk()
        self._run.readers.add(self)

    def _on_disk(self) -> tuple[int, int]:
        """The newest checkpoint and the length of the history: what any writer changes."""
        size = self.history.stat().st_size if self.history.exists() else 0
        return max(numbers(self.checkpoints), default=0), size

    def holds_run(self) -> bool:
        """Whether there is a checkpoint: from then on this directory is never written over."""
        return bool(numbers(self.checkpoints))

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
            # What an interrupted beginning left is ours to remove; anything else under these names is not.
            taken = [path.name for path in (self.dataset, self.history) if path.exists()]
            if taken and not is_sealed(self.dataset):
                raise WorkspaceError(f'{self.name!r} holds a {taken[0]!r} that is not of a run.', 'another directory')

    def require_run(self) -> None:
        """Raise WorkspaceError if there is no run to load."""
        with explained(self.path, cannot_read):
            if self.holds_run():
                return
            exists, is_file, begun = self.path.exists(), self.path.is_file(), is_sealed(self.dataset)
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
            self._take_lock()
        sweep_checkpoints(self.checkpoints)
        sweep(self.path, '.dataset.*.tmp', '.ladder.*.tmp')

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
                f'another process is writing {self.name!r}.',
                'end it first; loading, generating and evaluating work meanwhile',
            ) from None
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
        except ImportError:
            return None
        try:
            with (self.path / 'lock').open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
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
            except CheckpointError as error:
                raise CheckpointError(error.what, 'a copy of the whole directory from a backup') from None
        return self._dataset[1]

    def read_history(self) -> Journal:
        """Every row of the history that is as it was written, and which lines are not."""
        return read_journal(self.history, bare=read_manifest(self.dataset)['format'] == 1)

    def append_history(self, rows: dict[int, Row]) -> None:
        """Append rows under their numbers and make them durable."""
        append_rows(self.history, rows)

    def troubles(self) -> list[str]:
        """What is damaged of that which is not needed: the ladder."""
        try:
            if is_there(self.ladders):
                verify(self.ladders)
        except WorkspaceError as error:
            return [f'{error.what} The baselines will be computed again.']
        return []

    def read_ladders(self, digest: str) -> dict[str, dict[str, float]]:
        """The baseline ladders that were kept for the dataset called `digest`; none where there is any doubt."""
        try:
            kept = json.loads(*read_sealed(self.ladders, LADDERS))
        except WorkspaceError:
            return {}
        ladders: dict[str, dict[str, float]] = kept['splits'] if kept['dataset'] == digest else {}
        return ladders

    def keep_ladders(self, digest: str, ladders: dict[str, dict[str, float]]) -> None:
        """Keep them, if this is the writer of the run; who only reads computes them again another time."""
        if self._run.writer != self.generation or not self._run.lock.is_locked:
            return
        with contextlib.suppress(WorkspaceError):
            write_sealed(self.ladders, {LADDERS: as_json({'dataset': digest, 'splits': ladders}).encode()})


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
