"""Sealed folders: folders that appear whole or not at all, and in which any changed byte is detected.

A folder is written under a temporary name beside its place, every file is fsynced, a manifest with the size and the
SHA-256 of each file (and of itself) is added, and one rename puts it in place.  No file in a sealed folder is written
to again; the ladder, which can be recomputed, is replaced whole.  All data of a run that must survive is in a sealed
folder or in a line of the history.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from charrnn.errors import CharRNNError, CheckpointError, UnusableHereError, WorkspaceError, lacking, shown
from charrnn.storage.durable import (
    Pieces,
    append_durably,
    cannot_read,
    cannot_write,
    fsync_folder,
    is_there,
    make_durable,
    make_folder,
    pieces_of,
    read_step,
    reads_back,
    remove,
)

FORMAT = 2
"""The format of all files on disk; every format up to this one is read.  The changelog lists the differences."""

MANIFEST = 'manifest.json'
UPGRADE = 'git pull in the checkout of charrnn, then pip install . there'
"""The way to a newer version; the name charrnn on PyPI belongs to another package."""


class NewerFormatError(UnusableHereError):
    """A sealed folder that a newer charrnn has written."""


class UnreadableError(CheckpointError):
    """A sealed folder that the system cannot read at the moment; it need not be damaged."""


@contextlib.contextmanager
def new_folder(target: Path, needed: str = '', finish: Callable[[Path], object] | None = None) -> Iterator[Path]:
    """Yield a temporary folder for the block to fill; after the block, seal it and rename it to `target`.

    Parameters
    ----------
    finish : callable    called with the filled folder in the place of sealing it
    needed : str      size of the contents, for the error ('1,234 bytes'); by default the size written so far
    Raises
    ------
    WorkspaceError    the folder cannot be written; nothing is left behind, and nothing else was touched
    """
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    aside = target.with_name(f'.{target.name}.{os.getpid()}.old.tmp')
    placed = False
    try:
        make_folder(target.parent)
        remove(temporary)
        remove(aside)
        temporary.mkdir()
        yield temporary
        (finish or _seal)(temporary)
        if target.exists():  # left by an interrupted beginning, or a ladder that gained a split
            target.rename(aside)
        temporary.rename(target)
        placed = True
        fsync_folder(target.parent)
    except BaseException as error:
        needed = needed or f'more than {_size(temporary):,} bytes'
        with contextlib.suppress(OSError):
            if placed:  # its name might not survive a power cut, so it is taken back
                target.rename(temporary)
        with contextlib.suppress(OSError):
            if aside.exists():
                aside.rename(target)
        if isinstance(error, OSError) and not isinstance(error, CharRNNError):  # a CharRNNError comes from the block
            raise cannot_write(target, error, needed) from error
        raise
    finally:
        remove(temporary)
        remove(aside)


def write_sealed(target: Path, contents: Mapping[str, bytes | Pieces]) -> None:
    """Write a sealed folder with these files, each read back and compared before the folder gets its name.

    Raises
    ------
    WorkspaceError    as in new_folder
    """
    size = sum(len(piece) for data in contents.values() for piece in pieces_of(data))
    with new_folder(target, f'{size:,} bytes') as folder:
        for name, data in contents.items():
            append_durably(folder / name, data)
            if not reads_back(folder / name, data):
                raise OSError(errno.EIO, 'the file reads back differently from what was written', str(folder / name))


def share_sealed(source: Path, target: Path) -> None:
    """Make `target` a sealed folder with the files of `source`: the same files under a second name, or else copies.

    Nothing writes to a file in a sealed folder again, so one file on the disk serves both.

    Raises
    ------
    CheckpointError    the source is missing or damaged
    WorkspaceError     the target cannot be written, as in new_folder
    """
    verify(source)
    files = read_manifest(source)['files']
    needed = f'{sum(expected["bytes"] for expected in files.values()):,} bytes'
    with new_folder(target, needed, finish=_check_copies) as folder:
        for name in (*files, MANIFEST):
            try:
                (folder / name).hardlink_to(source / name)
            except OSError:  # another disk, a file system without links, a file of another user
                shutil.copyfile(source / name, folder / name)


def _check_copies(folder: Path) -> None:
    """Force the files of a folder to the disk, and verify them."""
    for path in folder.iterdir():
        with path.open('rb') as file:
            make_durable(file.fileno())
    fsync_folder(folder)
    verify(folder)


def _size(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in folder.iterdir())
    return 0


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def as_json(value: Any) -> str:
    """Return a value as JSON for a file: readable, and the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + '\n'


def parse_json(content: bytes) -> Any:
    """Return the value of JSON from an untrusted file.

    Raises
    ------
    ValueError    invalid JSON, nested too deeply, or with more parts than its size allows (they would fill the memory)
    """
    parts = content.count(b',') + content.count(b'[') + content.count(b'{')
    if parts > 200_000 + len(content) // 8:
        raise ValueError(f'too many parts: {parts:,} in {len(content):,} bytes')
    try:
        # Decoded first: from bytes, json would guess the encoding and import the codec.
        return json.loads(content.decode('utf-8'), parse_constant=_no_number)
    except RecursionError:
        raise ValueError('nested too deeply') from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f'{name} is not a number')


def _own_digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(as_json({k: v for k, v in manifest.items() if k != 'sha256'}).encode()).hexdigest()


def _seal(folder: Path) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open('rb+') as file:
            make_durable(file.fileno())
        files[path.name] = {'bytes': path.stat().st_size, 'sha256': digest(path)}
    manifest: dict[str, Any] = {'format': FORMAT, 'files': files}
    manifest['sha256'] = _own_digest(manifest)
    append_durably(folder / MANIFEST, as_json(manifest).encode())
    fsync_folder(folder)


def is_sealed(folder: Path) -> bool:
    """Return True if `folder` holds exactly the files that its manifest lists; their bytes are not checked."""
    try:
        with _naming(folder):
            return {path.name for path in folder.iterdir()} == {MANIFEST, *read_manifest(folder)['files']}
    except CheckpointError:
        return False


def missing_files(folder: Path) -> list[Path]:
    """Return the files that a sealed folder lacks, or the folder itself if it is missing or empty."""
    if not is_there(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return [folder]
    if not is_there(folder / MANIFEST):
        return [folder / MANIFEST]
    try:
        return [folder / name for name in read_manifest(folder)['files'] if not is_there(folder / name)]
    except CheckpointError:  # a changed manifest lists nothing that could be believed
        return []


def _damaged(folder: Path, what: str) -> NoReturn:
    raise CheckpointError(f'{str(folder)!r}: {what}.', 'another checkpoint, or a copy from a backup') from None


@contextlib.contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Turn an OSError in the block into a CheckpointError that names this folder and the file.

    A shortage of this process, which no other checkpoint would be spared, becomes a ShortageError.
    """
    try:
        yield
    except WorkspaceError:
        raise
    except FileNotFoundError as error:
        _damaged(folder, f'{Path(error.filename).name} is missing')
    except OSError as error:
        if lacking(error):
            raise cannot_read(folder, error) from error
        what = f'{str(folder)!r}: cannot be read: {error.strerror or error}.'
        raise UnreadableError(what, read_step(error)) from None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a sealed folder, after a check of its own SHA-256.

    Raises
    ------
    CheckpointError    the manifest is missing or changed, or has a newer format
    """
    with _naming(folder):
        if folder.is_symlink():
            _damaged(folder, 'it is a link')
        _check_plain(folder, MANIFEST, None)
        content = (folder / MANIFEST).read_bytes()
    try:
        manifest: dict[str, Any] = parse_json(content)
        number, files = manifest['format'], manifest['files']
        whole = manifest['sha256'] == _own_digest(manifest)  # checked first: damage must not pass for a newer one
        if whole and isinstance(number, int) and number > FORMAT:
            raise NewerFormatError(
                f'{str(folder)!r} was written by a newer charrnn (format {shown(number)}; this one reads {FORMAT}).',
                UPGRADE,
            )
        # The text is compared, not only its value, so that a flipped byte without an effect on the value is detected.
        whole = whole and content == as_json(manifest).encode()
        plain = all(name == Path(name).name and f['bytes'] >= 0 and f['sha256'] for name, f in files.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = plain = False
    if not (whole and plain):
        _damaged(folder, f'{MANIFEST} was changed')
    return manifest


def verify(folder: Path) -> str:
    """Verify every byte of a sealed folder against its manifest.

    Returns
    -------
    str                the manifest's own SHA-256, in hexadecimal: it identifies exactly these contents
    Raises
    ------
    CheckpointError    a file is missing or changed (the message names it), or the format is newer
    """
    manifest = read_manifest(folder)
    with _naming(folder):
        for name, expected in manifest['files'].items():
            _check_plain(folder, name, expected['bytes'])
            if digest(folder / name) != expected['sha256']:
                _damaged(folder, f'{name} was changed since it was written')
    return str(manifest['sha256'])


def read_sealed(folder: Path, *names: str) -> list[bytes]:
    """Return the contents of these files of a sealed folder; exactly the returned bytes were verified.

    Raises
    ------
    CheckpointError    as in verify
    """
    manifest, contents = read_manifest(folder), []
    with _naming(folder):
        for name in names:
            expected = manifest['files'].get(name)
            if expected is None:
                _damaged(folder, f'{name} is missing')
            _check_plain(folder, name, expected['bytes'])
            contents.append((folder / name).read_bytes())
            if hashlib.sha256(contents[-1]).hexdigest() != expected['sha256']:
                _damaged(folder, f'{name} was changed since it was written')
    return contents


def _check_plain(folder: Path, name: str, expected: int | None) -> None:
    found = (folder / name).lstat()
    if not stat.S_ISREG(found.st_mode):  # a link leads elsewhere, and reading a pipe would never end
        _damaged(folder, f'{name} is not a plain file')
    if expected is not None and found.st_size != expected:  # checked before the file is read
        _damaged(folder, f'{name} has another size than when it was written')
