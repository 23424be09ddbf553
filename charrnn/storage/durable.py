"""File operations that survive a power cut, and the errors for paths that cannot be read or written.

This module knows nothing about what a file means.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from charrnn.errors import LACKING, CharRNNError, ShortageError, WorkspaceError, lacking

try:
    from fcntl import F_FULLFSYNC, fcntl  # type: ignore[attr-defined, unused-ignore]  # macOS: past the drive's cache
except ImportError:
    F_FULLFSYNC = None

PIECE = 1 << 20
Pieces = Sequence[bytes | memoryview]
"""The contents of a file, in pieces that need not be copied together."""


def pieces_of(data: bytes | Pieces) -> Pieces:
    """Return the contents of a file in pieces."""
    return [data] if isinstance(data, bytes) else data


def make_durable(descriptor: int) -> None:
    """Force the bytes of an open file to the disk, and return when they are there."""
    if F_FULLFSYNC is not None:
        try:
            fcntl(descriptor, F_FULLFSYNC)
            return
        except OSError:  # the file system does not support it
            pass
    os.fsync(descriptor)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable; do nothing where the system cannot open folders."""
    if os.name != 'posix':
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # These codes mean that a network file system cannot sync folders; a failing disk gives others.
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            error.filename = str(folder)
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, each durable under its name."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    fsync_folder(folder.parent)


def append_durably(path: Path, data: bytes | Pieces, end: int | None = None) -> None:
    """Append `data` to a file, which is created if it is missing, and return when it is on the disk.

    Parameters
    ----------
    data : bytes           or a sequence of pieces, written one after the other
    end : int, optional    truncate the file to this length first: the rest belongs to a write that was cut off
    Raises
    ------
    OSError                with the file's name; the file gets its old length back, if the disk allows that
    """
    size = None
    try:
        with path.open('ab', buffering=0) as file:  # a buffer would be written later, or twice
            size = file.seek(0, os.SEEK_END)
            if end is not None and end < size:
                size = file.truncate(end)
            for piece in pieces_of(data):
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) :]
            make_durable(file.fileno())
        if not size:
            fsync_folder(path.parent)
    except OSError as error:
        if size is not None:
            with contextlib.suppress(OSError):
                os.truncate(path, size)
        error.filename = str(path)
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that its name stands for the old content or for all of the new one, whatever happens.

    Raises
    ------
    OSError    the file is as it was
    """
    temporary = path.with_name(f'.charrnn-{os.getpid()}-{threading.get_ident()}')
    try:
        append_durably(temporary, data, 0)
        temporary.replace(path)
    finally:
        remove(temporary)
    fsync_folder(path.parent)


def reads_back(path: Path, data: bytes | Pieces) -> bool:
    """Return True if a file holds exactly `data`."""
    with path.open('rb') as file:
        for piece in pieces_of(data):
            for start in range(0, len(piece), PIECE):
                expected = piece[start : start + PIECE]
                if file.read(len(expected)) != expected:
                    return False
        return not file.read(1)


def is_there(path: Path) -> bool:
    """Return True if a path exists, or if its existence cannot be determined."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        pass
    return True


def remove(path: Path) -> None:
    """Remove a file or a whole folder if it exists; ignore a failure."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def sweep(folder: Path, *patterns: str) -> None:
    """Remove the leftovers of interrupted writes in a folder; only the writer of a run may call this."""
    with contextlib.suppress(OSError):  # leftovers do no harm
        for pattern in patterns:
            for path in folder.glob(pattern):
                remove(path)


NEXT_STEPS = {
    errno.ENAMETOOLONG: 'a shorter name',
    errno.EIO: 'a directory on another disk: this one fails',
    errno.EROFS: 'a directory on a writable disk',
    errno.EACCES: 'change its permissions, or take another directory',
    errno.EPERM: 'change its permissions, or take another directory',
    errno.ENOTDIR: 'another directory: a part of this path is a file',
    errno.ENOSPC: 'free disk space, then make the same call again; earlier checkpoints are untouched',
    errno.EDQUOT: 'free disk space, then make the same call again; earlier checkpoints are untouched',
    **{
        code: f'{step}, then make the same call again; earlier checkpoints are untouched'
        for code, step in LACKING.items()
    },
}
"""The next step after a failed write, by the number of the system's error."""


def cannot_write(path: Path, error: OSError, needed: str = '') -> WorkspaceError:
    """Return the error for a failed write, with the space that was `needed` ('1,234 bytes') and the free space."""
    try:
        there = next((folder for folder in path.parents if folder.exists()), Path.cwd())
        free = f'{shutil.disk_usage(there).free:,} bytes free there'
    except OSError:
        free = 'the free space there is unknown'
    return WorkspaceError(
        f'cannot write {str(error.filename or path)!r}: {error.strerror or error} '
        f'({f"{needed} needed, " if needed else ""}{free}).',
        NEXT_STEPS.get(
            error.errno or 0,
            'free disk space or check the permissions, then make the same call again; '
            'earlier checkpoints are untouched',
        ),
    )


READ_STEPS = {
    errno.ENOENT: 'check the path',
    errno.ENOTDIR: 'check the path: a part of it is a file',
    errno.ENAMETOOLONG: 'check the path: no name is so long',
    errno.ELOOP: 'the path of the file itself: this link leads back to itself',
    errno.EISDIR: 'the path of a file: this is a directory',
    errno.EACCES: 'chmod u+rX at a shell, or ask its owner for the right to read it',
    errno.EPERM: 'chmod u+rX at a shell, or ask its owner for the right to read it',
    errno.EIO: 'copy what can still be read to another disk: this one fails',
    errno.EROFS: 'copy it to a writable disk',
    errno.ENOSPC: 'free disk space, then make the same call again',
    errno.EDQUOT: 'free disk space, then make the same call again',
    **{code: f'{step}, then make the same call again' for code, step in LACKING.items()},
    errno.ESTALE: 'mount that disk again: its server no longer knows the file',
    errno.ETIMEDOUT: 'wait until the server of that disk answers, then make the same call again',
}
"""The next step after a failed read, by the number of the system's error."""


def read_step(error: Exception) -> str:
    """Return the next step after a failed read."""
    number = getattr(error, 'errno', None) or 0
    return READ_STEPS.get(number, 'check its permissions and its disk, then make the same call again')


def cannot_read(path: Path, error: OSError) -> WorkspaceError:
    """Return the error for a failed read; a ShortageError if no file is to blame."""
    what = f'cannot read {str(error.filename or path)!r}: {error.strerror or error}.'
    return (ShortageError if lacking(error) else WorkspaceError)(what, read_step(error))


@contextlib.contextmanager
def explained(path: Path, cannot: Callable[[Path, OSError], WorkspaceError]) -> Iterator[None]:
    """Turn an OSError of the system in the block into the error of ``cannot_read`` or ``cannot_write``."""
    try:
        yield
    except OSError as error:
        if isinstance(error, CharRNNError):
            raise
        raise cannot(path, error) from error
