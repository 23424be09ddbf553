"""The right to write a run: the lock, the claims of this process, and the file that names the writing process.

    lock              held by the writing process, empty
    writer.json       the process that writes the run, or that wrote it last

One process writes at a time, and in that process the newest owner (each ModelState has one).  The lock is taken at the
first claim and released when the last owner of the directory is gone, or with the process.  Reading needs no lock.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import filelock

from charrnn.errors import MOST_SHOWN, OwnershipError, ShortageError, WorkspaceError, shorten, shown
from charrnn.storage.durable import append_durably, cannot_read, cannot_write, explained, is_there, sweep
from charrnn.storage.journal import Row, as_line, read_journal
from charrnn.storage.lookup import as_typed

Marks = tuple[int, int]
"""The newest checkpoint and the length of the history in bytes: every writer changes at least one of them."""


class _Claims:
    """The owners of one directory in this process, and the lock that they share."""

    def __init__(self, path: Path) -> None:
        self.lock = filelock.FileLock(path / 'lock', timeout=0.2, thread_local=False)  # status may look
        self.locked: tuple[int, int] | None = None  # device and inode of the lock file that this process holds
        self.owners: weakref.WeakSet[Ownership] = weakref.WeakSet()
        self.writer = 0  # the generation of the newest owner that has written
        self.process = os.getpid()


_CLAIMS: weakref.WeakValueDictionary[str, _Claims] = weakref.WeakValueDictionary()
"""By path as a str: to compare two Paths fails while Python shuts down, when a last reference goes."""
_GENERATIONS = itertools.count(1)


class Ownership:
    """The right of one ModelState to write its directory.

    Parameters
    ----------
    name : str                     the directory as the user spelled it, for messages
    path : Path                    the directory, absolute; it need not exist yet
    parts : sequence of Path       other files and folders of the run: none of them may be a link
    read_marks : callable          returns the Marks on disk; it must not refer to the object that holds this one, since
                                   such a cycle would keep the lock until the next garbage collection
    """

    def __init__(self, name: str, path: Path, parts: Sequence[Path], read_marks: Callable[[], Marks]) -> None:
        self.name, self.path, self.writer_file = name, path, path / 'writer.json'
        self.generation = next(_GENERATIONS)
        self._links_refused = (*parts, self.writer_file, path / 'lock')
        self._read_marks = read_marks
        self._seen: Marks | None = None
        try:
            real = path.resolve()
        except (OSError, ValueError) as error:  # a loop of links, a NUL in the name
            raise WorkspaceError(f'{name!r} cannot be a directory: {error}.', 'another name') from None
        self._claims = _CLAIMS.get(str(real)) or _Claims(real)
        _CLAIMS[str(real)] = self._claims

    def open(self, marks: Marks) -> None:
        """Register this owner as a reader of the run that has seen these marks."""
        self._seen = marks
        self._claims.owners.add(self)

    def marks(self) -> Marks:
        """Return the marks on disk."""
        with explained(self.path, cannot_read):
            return self._read_marks()

    def note_seen(self) -> None:
        """Remember the marks on disk, so that a later claim notices any writer in between."""
        self._seen = self.marks()

    def refuse_links(self) -> None:
        """Raise WorkspaceError if a part of the run is a link, which would lead into files outside the run."""
        for path in self._links_refused:
            if path.is_symlink():
                raise WorkspaceError(
                    f'{str(path)!r} is a link; a run needs files of its own.',
                    'replace the link by a copy of its target',
                )

    def claim(self) -> bool:
        """Make this owner the writer of the run; return True if the lock was newly taken.

        Raises
        ------
        OwnershipError    another process or a newer owner of this process is, or was, the writer
        WorkspaceError    the directory is missing, or cannot be written
        """
        claims = self._claims
        if claims.writer > self.generation or any(other.generation > self.generation for other in claims.owners):
            raise OwnershipError(
                f'a newer ModelState of this process owns {self.name!r}; this one may still read.',
                f'train with the newer one, or ms = ModelState.load({as_typed(self.name, self.path)!r})',
            )
        if claims.process != os.getpid():
            raise OwnershipError(
                f'this is a forked copy of the process that opened {self.name!r}.',
                f'ms = ModelState.load({as_typed(self.name, self.path)!r}) here, once the other process has ended',
            )
        new = not claims.lock.is_locked or claims.locked != _identity(claims.lock.lock_file)
        if new:
            with explained(self.path, cannot_write):
                self.refuse_links()
                self._take_lock()
            with contextlib.suppress(OSError):  # the file only serves the messages of other processes
                self._sign()
            sweep(self.path, '.writer.*.tmp')
        claims.writer = self.generation
        return new

    @property
    def is_writer(self) -> bool:
        """True if this owner made the last claim and the lock is held."""
        return self._claims.writer == self.generation and self._claims.lock.is_locked

    def _take_lock(self) -> None:
        lock = self._claims.lock
        lock.release(force=True)  # it may belong to a directory that was deleted or replaced
        if not self.path.is_dir():
            raise WorkspaceError(
                f'the directory {self.name!r} is gone: moved, renamed or deleted.',
                'ms = ModelState.load(...) with its present path',
            )
        try:
            lock.acquire()
        except filelock.Timeout:
            lock_file = str(Path(as_typed(self.name, self.path)) / 'lock')
            is_here = self._writer().get('host') == platform.node()
            gone = '' if is_here else f'; if its machine is gone: Path({lock_file!r}).unlink()'
            raise OwnershipError(
                f'{self.who_writes()} is writing {self.name!r}.',
                f'end that process first, loading, generating and evaluating work meanwhile{gone}',
            ) from None
        except (NotImplementedError, OSError) as error:
            if isinstance(error, NotImplementedError) or error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise WorkspaceError(
                    f'the disk of {self.name!r} has no locks ({error}): two processes could write it at once.',
                    'a directory on a local disk',
                ) from error
            raise
        if self._seen is not None and self._seen != self._read_marks():
            lock.release(force=True)
            raise OwnershipError(
                f'another process has trained {self.name!r} since this ModelState was loaded.',
                f'ms.restore(), or ms = ModelState.load({as_typed(self.name, self.path)!r})',
            )
        self._claims.locked = _identity(lock.lock_file)  # only now, so that a failed attempt is repeated

    def _sign(self) -> None:
        new = self.path / f'.writer.{os.getpid()}.tmp'
        since = time.strftime('%Y-%m-%d %H:%M:%S')
        line = as_line(0, {'kind': 'writer', 'pid': os.getpid(), 'host': platform.node(), 'since': since})
        append_durably(new, line, end=0)  # an earlier attempt of this process may have failed in the middle of the line
        new.replace(self.writer_file)

    def who_writes(self) -> str:
        """Return a description of the process that writes this run, or that wrote it last."""
        found = self._writer()
        if not found:
            return 'another process'
        return f'process {shown(found["pid"])} on {shown(found["host"])} (since {shorten(found["since"], MOST_SHOWN)})'

    def _writer(self) -> Row:
        """Return the signature of the process that writes this run, or that wrote it last; empty if it is unknown."""
        return read_journal(self.writer_file, _is_signature, bare=False).rows.get(0, {})

    def writer_trouble(self) -> str | None:
        """Return what is wrong with ``writer.json``: empty if nothing is, None if there is no such file."""
        if not is_there(self.writer_file):
            return None
        try:
            if read_journal(self.writer_file, _is_signature, bare=False).rows:
                return ''
        except ShortageError:
            raise
        except WorkspaceError:
            pass
        return f'{str(self.writer_file)!r} was changed since it was written. The next training writes it again.'

    def is_being_written(self) -> bool | None:
        """Return True if a process holds the lock, without taking it; None if that cannot be determined."""
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


def _is_signature(row: Row) -> bool:
    types = {'pid': int, 'host': str, 'since': str}
    return row.get('kind') == 'writer' and all(type(row.get(name)) is kind for name, kind in types.items())


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file; None if the file is missing."""
    try:
        found = os.stat(path)  # noqa: PTH116  filelock keeps its path as a str
    except OSError:
        return None
    return found.st_dev, found.st_ino
