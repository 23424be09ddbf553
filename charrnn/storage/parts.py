"""The parts of a dataset: sealed folders, of which a moment names the newest one that it has.

    dataset/       the text that the run began on
    dataset.2/     a text that was added later; its facts name the digest of the part `before` it

After the restore of an older moment another text may be added, so that the parts are a tree.  The digest of a part
stands for it and for all parts before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError
from charrnn.storage.lookup import incomplete
from charrnn.storage.sealed import (
    NewerFormatError,
    UnreadableError,
    missing_files,
    parse_json,
    read_manifest,
    read_sealed,
    share_sealed,
    verify,
)

FACTS = 'dataset.json'
Stamps = list[tuple[int, ...]]


class Parts:
    """The parts of the dataset of one run.

    Parameters
    ----------
    name : str      the directory of the run as the user spelled it
    root : Path     its absolute path
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root, self.first = name, root, root / 'dataset'
        self._verified: dict[Path, tuple[Stamps, str]] = {}  # stamps of the files of a part, and its digest

    def folders(self) -> list[Path]:
        """Return the folders of all parts: the first one, which a run cannot lack, and those that were added."""
        numbers = []
        with contextlib.suppress(OSError):  # told of where the first part is read
            for path in self.root.glob(f'{self.first.name}.*'):
                number = path.name.removeprefix(f'{self.first.name}.')
                numbers += [int(number)] if number.isascii() and number.isdigit() else []
        return [self.first, *(self._numbered(number) for number in sorted(numbers))]

    def _numbered(self, number: int) -> Path:
        return self.first.with_name(f'{self.first.name}.{number}')

    def free_folder(self) -> Path:
        """Return the folder for a part that is added now."""
        newest = max((int(path.suffix[1:]) for path in self.folders()[1:]), default=1)
        return self._numbered(newest + 1)

    def digests(self) -> dict[str, Path]:
        """Return the folder of each part by its digest; verify every byte of one whose files were touched meanwhile.

        Raises
        ------
        CheckpointError    a part is damaged
        """
        found = {}
        for folder in self.folders():
            try:
                stamps = [_stamp(path) for path in sorted(folder.iterdir())]
            except OSError:
                stamps = []
            known = self._verified.get(folder)
            if known is None or not stamps or stamps != known[0]:
                with self._reading(folder):
                    known = self._verified[folder] = stamps, verify(folder)
            found[known[1]] = folder
        return found

    def chain(self, digest: str = '') -> list[tuple[Path, str, dict[str, Any]]]:
        """Return folder, digest and facts of each part up to the one with a digest, the oldest first; by default one.

        The facts are unchecked, and empty if the file holds no JSON object.  Only they are verified.

        Raises
        ------
        CheckpointError    a part is missing, or its facts are damaged
        """
        there = {}
        for folder in self.folders():
            with self._reading(folder):
                there[str(read_manifest(folder)['sha256'])] = folder
        digest = digest or next(key for key, folder in there.items() if folder == self.first)
        found = list[tuple[Path, str, dict[str, Any]]]()
        while digest:
            folder = there.pop(digest, self.root)  # so that a circle, out of a stranger's facts, ends
            if folder == self.root:
                raise CheckpointError(
                    f'a part of the dataset in {self.name!r} is missing.', 'a copy of the whole directory from a backup'
                )
            facts = self._facts_of(folder)
            found.append((folder, digest, facts))
            digest = str(facts.get('before', ''))
        return found[::-1]

    def _facts_of(self, folder: Path) -> dict[str, Any]:
        with self._reading(folder):
            (content,) = read_sealed(folder, FACTS)
        try:
            facts = parse_json(content)
        except ValueError:
            facts = None
        return facts if isinstance(facts, dict) else {}

    def share(self, other: Parts, digest: str = '') -> None:
        """Take a dataset of another run, up to the part with a digest, for a run that begins: one copy on the disk.

        Raises
        ------
        CheckpointError    the dataset is damaged
        WorkspaceError     this directory cannot be written
        """
        for folder, _, _ in other.chain(digest):
            with other._reading(folder):
                share_sealed(folder, self.root / folder.name)

    @contextlib.contextmanager
    def _reading(self, folder: Path) -> Iterator[None]:
        """Read a part in the block; a CheckpointError from there tells a missing part from a damaged one."""
        try:
            yield
        except (NewerFormatError, UnreadableError):
            raise
        except CheckpointError as error:
            if missing := missing_files(folder):
                raise incomplete(self.name, [str(path.relative_to(self.root)) for path in missing]) from None
            raise CheckpointError(error.what, 'a copy of the whole directory from a backup') from None


def _stamp(path: Path) -> tuple[int, ...]:
    """Return values of a file that change with its contents."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
