"""The working directory of a run: what lies where, and who may write.

    dataset/          the encoded text, sealed: written once, never again
    checkpoints/      one sealed folder for each moment
    history.jsonl     one row for each report and validation, append-only
    lock              held by the writing process, empty

One process writes at a time, and in that process the newest ModelState of the run.  The lock is taken at the first
write and goes when the last ModelState of the run does, or with the process.  Reading needs no lock.
"""

from __future__ import annotations

import itertools
import os
import shutil
import weakref
from pathlib import Path

import filelock

from charrnn.errors import OwnershipError, WorkspaceError
from charrnn.storage.checkpoints import numbers, sweep
from charrnn.storage.sealed import MANIFEST, cannot_write


class _Run:
    """What this process knows of the writers of one directory."""

    def __init__(self, path: Path) -> None:
        self.lock = filelock.FileLock(path / 'lock', timeout=0, thread_local=False)
        self.readers: weakref.WeakSet[Workspace] = weakref.WeakSet()
        self.writer = 0  # the generation of the newest Workspace that has written
        self.process = os.getpid()


_RUNS: weakref.WeakValueDictionary[Path, _Run] = weakref.WeakValueDictionary()
_GENERATIONS = itertools.count(1)


class Workspace:
    """One ModelState's handle on its working directory.

    Parameters
    ----------
    path : Path    the directory; it need not exist yet
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dataset = path / 'dataset'
        self.checkpoints = path / 'checkpoints'
        self.history = path / 'history.jsonl'
        self.generation = next(_GENERATIONS)
        key = path.resolve()
        self._run = _RUNS.get(key) or _Run(key)
        _RUNS[key] = self._run
        self._run.readers.add(self)

    def holds_run(self) -> bool:
        """Whether there is a checkpoint: from then on this directory is never written over."""
        return bool(numbers(self.checkpoints))

    def refuse_taken(self) -> None:
        """Raise WorkspaceError if a new run cannot begin here: a run, or files that are not ours, are in the way."""
        name = str(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise WorkspaceError(f'{name!r} is a file, not a directory.', 'another name for the working directory')
        if self.holds_run():
            raise WorkspaceError(
                f'{name!r} already holds a run; it is never written over.',
                f'ModelState.load({name!r}), or another directory for the new run',
            )
        # What an interrupted beginning left is ours to remove; anything else under these names is not.
        taken = [path.name for path in (self.dataset, self.history) if path.exists()]
        if taken and not (self.dataset / MANIFEST).exists():
            raise WorkspaceError(f'{name!r} holds a {taken[0]!r} that is not of a run.', 'another directory')

    def require_run(self) -> None:
        """Raise WorkspaceError if there is no run to load."""
        name = str(self.path)
        if self.holds_run():
            return
        if (self.dataset / MANIFEST).exists():
            raise WorkspaceError(
                f'{name!r} holds an encoded text but no checkpoint: its beginning was interrupted.',
                f'ModelState.initfromsrcfile(..., {name!r}) begins it again',
            )
        what = 'is not a directory' if self.path.is_file() else 'holds no run'
        raise WorkspaceError(
            f'{name!r} {what}.' if self.path.exists() else f'there is no directory {name!r}.',
            f"ModelState.initfromsrcfile('text.txt', {name!r}) begins one",
        )

    def begin(self) -> None:
        """Become the writer of a new run, and remove what an interrupted beginning left."""
        self.claim()
        shutil.rmtree(self.dataset, ignore_errors=True)
        self.history.unlink(missing_ok=True)

    def claim(self) -> None:
        """Become the writer of this run, or stay it.  Every method that writes calls this first.

        Raises
        ------
        OwnershipError    another process or a newer ModelState is the writer
        WorkspaceError    the directory cannot be written
        """
        run = self._run
        if run.writer > self.generation or any(other.generation > self.generation for other in run.readers):
            raise OwnershipError(
                f'a newer ModelState of this process owns {str(self.path)!r}; this one may still read.',
                'train with the newer one, or delete it and load again',
            )
        if run.process != os.getpid():
            raise OwnershipError(
                f'this is a forked copy of the process that opened {str(self.path)!r}.',
                f'ModelState.load({str(self.path)!r}) here, once the other process has ended',
            )
        if not run.lock.is_locked or not Path(run.lock.lock_file).exists():
            self._lock()
        run.writer = self.generation

    def _lock(self) -> None:
        lock = self._run.lock
        lock.release(force=True)  # of a directory that was deleted under us
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise OwnershipError(
                f'another process is writing {str(self.path)!r}.',
                'end it first; loading, generating and evaluating work meanwhile',
            ) from None
        except OSError as error:
            raise cannot_write(self.path, error) from error
        sweep(self.checkpoints)
        sweep(self.path)

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
