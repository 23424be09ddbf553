"""The working directory of a run: what lies where, and who may write.

    dataset/          the encoded text, sealed: written once, never again
    checkpoints/      one sealed folder for each moment
    history.jsonl     one row for each report and validation, append-only
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

from charrnn.errors import OwnershipError, WorkspaceError
from charrnn.storage.checkpoints import numbers, sweep
from charrnn.storage.sealed import as_json, cannot_write, is_sealed, new_folder, verify

LADDERS = 'ladder.json'


class _Run:
    """What this process knows of the writers of one directory."""

    def __init__(self, path: Path) -> None:
        self.lock = filelock.FileLock(path / 'lock', timeout=0, thread_local=False)
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
        try:
            key = self.path.resolve()
        except (OSError, ValueError) as error:  # a loop of links, a NUL in the name
            raise WorkspaceError(f'{self.name!r} cannot be a directory: {error}.', 'another name') from None
        self._run = _RUNS.get(key) or _Run(key)
        _RUNS[key] = self._run

    def open(self) -> None:
        """Count as a holder of the run, with what is on disk now as what this holder has seen."""
        self._run.readers.add(self)
        self._seen = self._on_disk()

    def _on_disk(self) -> tuple[int, int]:
        """The newest checkpoint and the length of the history: what any writer changes."""
        size = self.history.stat().st_size if self.history.exists() else 0
        return max(numbers(self.checkpoints), default=0), size

    def holds_run(self) -> bool:
        """Whether there is a checkpoint: from then on this directory is never written over."""
        return bool(numbers(self.checkpoints))

    def refuse_taken(self) -> None:
        """Raise WorkspaceError if a new run cannot begin here: a run, or files that are not ours, are in the way."""
        try:
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
        except PermissionError as error:
            raise cannot_write(self.path, error) from None

    def require_run(self) -> None:
        """Raise WorkspaceError if there is no run to load."""
        try:
            if self.holds_run():
                return
            exists, is_file, begun = self.path.exists(), self.path.is_file(), is_sealed(self.dataset)
        except OSError as error:
            if isinstance(error, WorkspaceError):
                raise
            raise WorkspaceError(f'cannot read {self.name!r}: {error.strerror}.', 'check its permissions') from None
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
        existed = self.path.exists()
        self.refuse_taken()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error
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
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self._run.locked = _identity(lock.lock_file)
        if self._seen is not None and self._seen != self._on_disk():
            lock.release(force=True)
            raise OwnershipError(
                f'another process has trained {self.name!r} since this ModelState was loaded.',
                f'ModelState.load({self.name!r}), or ms.restore()',
            )
        sweep(self.checkpoints)
        for pattern in ('.dataset.*.tmp', '.ladder.*.tmp'):
            for path in self.path.glob(pattern):
                shutil.rmtree(path, ignore_errors=True)

    def history_lines(self) -> list[str]:
        """Every line of the history, also blank and torn ones: a line's number is its place in this list."""
        try:
            lines = self.history.read_bytes().decode('utf-8', 'replace').split('\n')
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WorkspaceError(
                f'cannot read {str(self.history)!r}: {error.strerror}.', 'check its permissions'
            ) from None
        return lines if lines[-1] else lines[:-1]

    def read_ladders(self, digest: str) -> dict[str, dict[str, float]]:
        """The baseline ladders that were kept for the dataset called `digest`; none where there is any doubt."""
        try:
            verify(self.ladders)
            kept = json.loads((self.ladders / LADDERS).read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        ladders: dict[str, dict[str, float]] = kept['splits'] if kept['dataset'] == digest else {}
        return ladders

    def keep_ladders(self, digest: str, ladders: dict[str, dict[str, float]]) -> None:
        """Keep them, if this is the writer of the run; who only reads computes them again another time."""
        if self._run.writer != self.generation or not self._run.lock.is_locked:
            return
        with contextlib.suppress(WorkspaceError), new_folder(self.ladders) as folder:
            (folder / LADDERS).write_text(
                as_json({'dataset': digest, 'splits': ladders}), encoding='utf-8', newline='\n'
            )

    def append_history(self, lines: list[str]) -> None:
        """Append lines (a torn last one is closed first) and make them durable."""
        try:
            with self.history.open('ab+') as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b'\n':
                        file.write(b'\n')
                file.write(''.join(f'{line}\n' for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.history, error) from error


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode of a file; None if it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116  filelock keeps its path as a str
    except OSError:
        return None
    return found.st_dev, found.st_ino
