"""A disk under test: every file call of this process below one folder is counted, and may fail, kill, or be recorded.

The calls are caught where Python makes them (os.*, and the raw writes and reads of open files), so whatever the library
does to a file goes through here, also inside pathlib, shutil and filelock.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Operation = tuple[Any, ...]
PATH_CALLS = ('mkdir', 'rename', 'replace', 'unlink', 'remove', 'rmdir', 'stat', 'lstat', 'scandir', 'listdir')


@dataclass
class Disk:
    """A handler of the file calls below `root`.

    Parameters
    ----------
    root : Path                 calls elsewhere are left alone
    before : callable           called with (number from 1, name, path) before each; may raise an OSError
    """

    root: Path
    before: Callable[[int, str, str], None] = lambda number, name, path: None
    seen: list[str] = field(default_factory=list)  # the name of each call
    met: bool = False  # True once the requested fault has come
    log: list[Operation] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # of open files and folders, by descriptor

    def path_of(self, given: Any, dir_fd: int | None = None) -> str | None:
        """Return the absolute path that a call means, if it is below the root."""
        if isinstance(given, int):
            return self.names.get(given)
        path = os.fsdecode(given)
        if dir_fd is not None:
            path = f'{self.names.get(dir_fd, "")}/{path}'
        path = os.path.normpath(REAL['abspath'](path))
        return path if path == str(self.root) or path.startswith(f'{self.root}/') else None

    def meet(self, name: str, path: str | None) -> bool:
        """Count a call, and return True if it is below the root."""
        if path is not None:
            self.seen.append(name)
            self.before(len(self.seen), name, path)
        return path is not None


def failing(root: Path, number: int, code: int, *, ever_after: bool = False) -> Disk:
    """Return a disk whose call of this number fails; with `ever_after`, every later call fails too, except reads."""

    def before(call: int, name: str, path: str) -> None:
        reading = name in ('stat', 'lstat', 'scandir', 'listdir', 'read')
        if call == number or (ever_after and call > number and not reading):
            disk.met = True
            raise OSError(code, os.strerror(code), path)

    disk = Disk(root, before)
    return disk


def killing(root: Path, number: int) -> Disk:
    """Return a disk that kills this process at its call of this number."""

    def before(call: int, name: str, path: str) -> None:
        if call == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return Disk(root, before)


REAL: dict[str, Any] = {name: getattr(os, name) for name in (*PATH_CALLS, 'open', 'fsync', 'truncate')}
REAL |= {'io.open': io.open, 'abspath': os.path.abspath}


class RawFile(io.FileIO):
    """An open file below the root, before any buffer."""

    disk: Disk

    def write(self, data: Any, /) -> int:
        data, path = bytes(data), self.disk.names[self.fileno()]
        try:
            self.disk.meet('write', path)
        except OSError:
            self._put(data[: len(data) // 2], path)  # a disk that fills takes what still fits
            raise
        return self._put(data, path)

    def _put(self, data: bytes, path: str) -> int:
        offset = os.fstat(self.fileno()).st_size if 'a' in self.mode else self.tell()
        self.disk.log.append(('write', path, offset, data))
        written = super().write(data)
        assert written == len(data)
        return written

    def truncate(self, size: int | None = None, /) -> int:
        self.disk.meet('truncate', self.disk.names[self.fileno()])
        self.disk.log.append(('truncate', self.disk.names[self.fileno()], size))
        return super().truncate(size)

    def readinto(self, buffer: Any, /) -> int:
        self.disk.meet('read', self.disk.names[self.fileno()])
        found = super().readinto(buffer)
        assert found is not None
        return found

    def readall(self) -> bytes:
        self.disk.meet('read', self.disk.names[self.fileno()])
        return super().readall()


@contextlib.contextmanager
def watching(disk: Disk) -> Iterator[Disk]:
    """Send every file call of this process through `disk` during the block."""

    def path_call(name: str) -> Callable[..., Any]:
        def call(*given: Any, dir_fd: int | None = None, **options: Any) -> Any:
            paths = [disk.path_of(p, dir_fd) for p in given[: 2 if name in ('rename', 'replace') else 1]]
            paths = paths or [disk.path_of('.')]  # os.scandir()
            below = disk.meet(name, paths[0])
            if dir_fd is not None:
                options['dir_fd'] = dir_fd
            result = REAL[name](*given, **options)
            if below and name not in ('stat', 'lstat', 'scandir', 'listdir'):
                kind = {'remove': 'unlink', 'replace': 'rename'}.get(name, name)
                disk.log.append((kind, *paths))
            return result

        return call

    def os_open(given: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        path = disk.path_of(given, dir_fd)
        new = path is not None and bool(flags & os.O_CREAT) and not os.path.lexists(path)
        disk.meet('open', path)
        descriptor: int = REAL['open'](given, flags, mode, dir_fd=dir_fd)
        if path is not None:
            disk.names[descriptor] = path
            if new:
                disk.log.append(('create', path))
        return descriptor

    def io_open(
        given: Any,
        mode: str = 'r',
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        path = None if isinstance(given, int) else disk.path_of(given)
        if path is None:
            return REAL['io.open'](given, mode, buffering, encoding, errors, newline, closefd, opener)
        new = not os.path.lexists(path)
        disk.meet('open', path)
        raw_mode = mode.replace('b', '').replace('t', '')
        raw = type('Raw', (RawFile,), {'disk': disk})(path, raw_mode)
        disk.names[raw.fileno()] = path
        if new:
            disk.log.append(('create', path))
        elif 'w' in mode:
            disk.log.append(('truncate', path, 0))
        if buffering == 0:
            return raw
        kind = io.BufferedRandom if '+' in mode else io.BufferedReader if mode[0] == 'r' else io.BufferedWriter
        buffered = kind(raw)
        return buffered if 'b' in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def os_truncate(given: Any, size: int) -> None:
        path = disk.path_of(given)
        disk.meet('truncate', path)
        REAL['truncate'](given, size)
        if path is not None:
            disk.log.append(('truncate', path, size))

    def fsync(descriptor: int) -> None:
        path = disk.names.get(descriptor)
        disk.meet('fsync', path)
        REAL['fsync'](descriptor)
        if path is not None:
            disk.log.append(('fsync', path))

    patched: list[tuple[Any, str, Any]] = [
        *((os, name, path_call(name)) for name in PATH_CALLS),
        (os, 'open', os_open),
        (os, 'fsync', fsync),
        (os, 'truncate', os_truncate),
        (io, 'open', io_open),
        (builtins, 'open', io_open),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in patched]
    try:
        for place, name, function in patched:
            setattr(place, name, function)
        yield disk
    finally:
        for place, name, function in before:
            setattr(place, name, function)
