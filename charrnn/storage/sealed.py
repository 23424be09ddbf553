"""Sealed folders: a folder of files that appears whole or not at all, and that notices any changed byte.

A folder is written under a temporary name beside its place, every file is fsynced, a manifest with the size and the
SHA-256 of each file (and of itself) is added, and one rename puts it in place.  No file in a sealed folder is written
to again; the ladder, which can be computed anew, is replaced whole.  Everything of a run that must survive is in one of
these, or is a line of the history.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charrnn.errors import CharRNNError, CheckpointError, WorkspaceError

FORMAT = 1
"""The format of everything on disk.  A reader of format n reads every format up to n."""

MANIFEST = 'manifest.json'


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Fill the yielded temporary folder; when the block ends well, it stands sealed at `target`.

    Raises
    ------
    WorkspaceError    it cannot be written; nothing is left behind, and nothing else was touched
    """
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    aside = target.with_name(f'.{target.name}.{os.getpid()}.old.tmp')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        _seal(temporary)
        if target.exists():  # what an interrupted beginning left, or a ladder that gained a split: replaced whole
            target.rename(aside)
        temporary.rename(target)
        fsync_folder(target.parent)
    except OSError as error:
        if isinstance(error, CharRNNError):  # of what filled the folder
            raise
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def cannot_write(path: Path, error: OSError) -> WorkspaceError:
    """The error for a path that cannot be written, with the free space of its disk."""
    there = next((folder for folder in path.parents if folder.exists()), Path.cwd())
    free = shutil.disk_usage(there).free
    return WorkspaceError(
        f'cannot write {str(error.filename or path)!r}: {error.strerror or error} ({free:,} bytes free there).',
        'make room or check the permissions, then the same call again; earlier checkpoints are untouched',
    )


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a no-op where the system cannot open folders)."""
    if os.name != 'posix':
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def as_json(value: Any) -> str:
    """The one way we write JSON: readable, and the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + '\n'


def _own_digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(as_json({k: v for k, v in manifest.items() if k != 'sha256'}).encode()).hexdigest()


def _seal(folder: Path) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open('rb') as file:
            os.fsync(file.fileno())
        files[path.name] = {'bytes': path.stat().st_size, 'sha256': digest(path)}
    manifest: dict[str, Any] = {'format': FORMAT, 'files': files}
    manifest['sha256'] = _own_digest(manifest)
    with (folder / MANIFEST).open('w', encoding='utf-8', newline='\n') as file:
        file.write(as_json(manifest))
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(folder)


def is_sealed(folder: Path) -> bool:
    """Whether `folder` holds what a seal left and nothing else; its bytes are not checked."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding='utf-8'))
        names = {path.name for path in folder.iterdir()}
        return names == {MANIFEST, *manifest['files']} and manifest['sha256'] == _own_digest(manifest)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return False


def verify(folder: Path) -> str:
    """Check every byte of a sealed folder against its manifest.

    Returns
    -------
    The manifest's own SHA-256, in hexadecimal: the name of exactly these contents.
    Raises
    ------
    CheckpointError    something is missing, changed, or of a newer format; says which file
    """

    def damaged(what: str) -> CheckpointError:
        return CheckpointError(f'{str(folder)!r}: {what}.', 'another checkpoint, or a copy from a backup')

    try:
        text = (folder / MANIFEST).read_text(encoding='utf-8')
        manifest = json.loads(text)
        number = manifest['format']
        if isinstance(number, int) and number > FORMAT:
            raise CheckpointError(
                f'{str(folder)!r} was written by a newer charrnn (format {number}; this one reads up to {FORMAT}).',
                'pip install --upgrade charrnn',
            )
        # The text itself, not only its value: a flipped byte that JSON reads alike is noticed too.
        if manifest['sha256'] != _own_digest(manifest) or text != as_json(manifest):
            raise damaged(f'{MANIFEST} was changed')
        for name, expected in manifest['files'].items():
            if (folder / name).stat().st_size != expected['bytes']:
                raise damaged(f'{name} has another size than when it was written')
            if digest(folder / name) != expected['sha256']:
                raise damaged(f'{name} was changed since it was written')
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        raise damaged(f'{Path(error.filename).name} is missing') from None
    except OSError as error:
        raise damaged(f'cannot be read: {error.strerror or error}') from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged(f'{MANIFEST} was changed') from None
    return str(manifest['sha256'])
