"""Fingerprints of the files that a text was read from: by them a later load notices that a file has changed.

A run has its own copy of its text, so a changed file changes nothing in it; but its user may take the new text for
what the run learns from.  A file that is missing, or does not answer, is no finding.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from charrnn.arguments import LARGEST
from charrnn.text.decoding import open_source

MOST_HASHED = 64 * 2**20
"""Bytes of the largest file whose contents are compared."""
PATIENCE = 2.0
"""Seconds that a disk has for an answer; one behind a network that is down gives none."""
OTHER_MACHINES = ('//', '\\\\', '/net/', '/afs/')
"""Beginnings of paths that name another machine: a run may come from a stranger, and must open no connection."""


@dataclass(frozen=True)
class Fingerprint:
    """The size, time and digest of a file.

    Parameters
    ----------
    path : str         absolute
    bytes : int
    modified : int     microseconds since 1970
    sha256 : str       empty for a file larger than MOST_HASHED
    """

    path: str
    bytes: int
    modified: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the fingerprint of a file; raise SourceTextError if it cannot be read."""
        with open_source(path):
            size, modified = _measure(path)
            name = os.fsencode(path.absolute()).decode('utf-8', 'replace')
            return cls(name, size, modified, _digest(path) if size <= MOST_HASHED else '')

    def facts(self) -> dict[str, Any]:
        """Return the fingerprint as plain values."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Any) -> list[Self]:
        """Return the fingerprints in a list of facts, which a stranger may have written; none if it makes no sense."""
        try:
            found = [cls(**each) for each in facts]
        except TypeError:
            return []
        return found if all(each._is_sound() for each in found) else []

    def _is_sound(self) -> bool:
        counts = (self.bytes, self.modified)
        texts = (self.path, self.sha256)
        return all(isinstance(text, str) for text in texts) and all(
            type(number) is int and abs(number) <= LARGEST for number in counts
        )

    def change(self) -> str:
        """Return in words how the file differs now; '' if it does not, is missing, or does not answer."""
        if self.path.startswith(OTHER_MACHINES) or '\0' in self.path:
            return ''
        return _answer(self._compare)

    def _compare(self) -> str:
        path = Path(self.path)
        size, modified = _measure(path)
        if size != self.bytes:
            return f'{self.bytes:,} bytes then, {size:,} now'
        if modified == self.modified:
            return ''
        if size > MOST_HASHED or not self.sha256:
            return f'written again, with the same {size:,} bytes'
        return '' if _digest(path) == self.sha256 else f'{size:,} bytes as then, but other ones'


def _measure(path: Path) -> tuple[int, int]:
    """Return the size of a file, and its time in microseconds."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(path)
    return found.st_size, found.st_mtime_ns // 1000


def _digest(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def _answer(ask: Callable[[], str]) -> str:
    """Return the answer of a function that reads a disk; '' if it fails, or not within PATIENCE."""
    answers: list[str] = []

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            answers.append(ask())

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answers[0] if answers else ''
