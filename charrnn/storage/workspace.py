"""The layout of a run's directory, and the reading and writing of its parts.

    dataset/          the encoded text, sealed: written once, never again
    dataset.2/        a text that was added later, likewise
    checkpoints/      one sealed folder for each moment
    history.jsonl     one row for each report and validation, each with its CRC, append-only
    ladder/           the baselines of the dataset, sealed; computed again if it is missing
    lock              held by the writing process
    writer.json       the process that writes the run, or that wrote it last

The last two belong to ownership.py, which decides whether this process may write.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from charrnn.errors import CheckpointError, ShortageError, WorkspaceError
from charrnn.storage.checkpoints import Checkpoints
from charrnn.storage.durable import cannot_read, cannot_write, explained, is_there, make_folder, sweep
from charrnn.storage.journal import Journal, Row, append_rows, read_journal
from charrnn.storage.lookup import no_run
from charrnn.storage.nearby import SWEEP, is_exported, runs_in, unused
from charrnn.storage.ownership import Marks, Ownership
from charrnn.storage.parts import Parts
from charrnn.storage.sealed import (
    as_json,
    is_sealed,
    parse_json,
    read_manifest,
    read_sealed,
    verify,
    write_sealed,
)

LADDERS = 'ladder.json'


class Workspace:
    """The working directory of one ModelState.

    Parameters
    ----------
    given : Path    the directory as the user spelled it; it need not exist yet
    Attributes
    ----------
    name : str      the directory as the user spelled it
    path : Path     its absolute path
    """

    def __init__(self, given: Path) -> None:
        self.name = str(given)
        try:
            self.path = given.absolute()  # so that os.chdir moves nothing
        except OSError as error:  # the current directory of the process is gone
            raise cannot_read(given, error) from error
        self.parts = Parts(self.name, self.path)
        self.dataset = self.parts.first
        self.checkpoints = Checkpoints(self.path / 'checkpoints')
        self.history = self.path / 'history.jsonl'
        self.ladders = self.path / 'ladder'
        plain = (self.dataset, self.checkpoints.root, self.history, self.ladders)
        self._ownership = Ownership(self.name, self.path, plain, partial(_read_marks, self.checkpoints, self.history))

    # ---- the right to write ----------------------------------------------------------------------------------

    def marks(self) -> Marks:
        """Return the marks of what is on disk now; every writer changes them."""
        return self._ownership.marks()

    def open(self, marks: Marks | None = None) -> None:
        """Register as a reader of the run that has seen `marks`; by default what is on disk now."""
        self._ownership.open(self.marks() if marks is None else marks)

    def claim(self) -> None:
        """Become the writer of this run, or stay it; every method that writes needs an earlier claim.

        Raises
        ------
        OwnershipError    another process or a newer ModelState is, or was, the writer
        WorkspaceError    the directory is missing, or cannot be written
        """
        if self._ownership.claim():
            self._set_aside()
            self.checkpoints.sweep()
            sweep(self.path, '.dataset.*.tmp', '.ladder.*.tmp')

    def is_writer(self) -> bool:
        """Return True if this run was claimed and the lock is held."""
        return self._ownership.is_writer

    def who_writes(self) -> str:
        """Return a description of the process that writes this run, or that wrote it last."""
        return self._ownership.who_writes()

    def is_being_written(self) -> bool | None:
        """Return True if a process holds the lock, without taking it; None if that cannot be determined."""
        return self._ownership.is_being_written()

    def _set_aside(self) -> None:
        """Rename a folder or a pipe under the name of the history, which would make every checkpoint fail."""
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(self.history.lstat().st_mode):
                self.history.rename(self.history.with_name(f'history.{time.time_ns()}.aside'))

    # ---- beginning and loading -------------------------------------------------------------------------------

    def holds_run(self) -> bool:
        """Return True if there is a checkpoint; from then on a new run never overwrites this directory."""
        return bool(self.checkpoints.numbers())

    def refuse_taken(self, argument: str = 'usedir') -> None:
        """Raise WorkspaceError if a new run cannot begin here because of an existing run or of foreign files.

        Parameters
        ----------
        argument : str    the name of the directory in the user's call, for the next step
        """
        with explained(self.path, cannot_write):
            if self.path.exists() and not self.path.is_dir():
                other = unused(str(Path('workspaces') / self.path.stem))
                raise WorkspaceError(f'{self.name!r} is a file, not a directory.', f'{argument}={other!r}')
            if is_exported(self.path):
                what = f'{self.name!r} is an exported model, and a run needs a directory of its own.'
                raise WorkspaceError(what, f'{argument}={unused(self.name)!r}')
            self._refuse_sweep(f'{argument}={unused(self.name)!r} for the new run')
            if self.holds_run():
                raise WorkspaceError(
                    f'{self.name!r} already holds a run; it is never written over.',
                    f'ModelState.load({self.name!r}), or {argument}={unused(self.name)!r} for the new run',
                )
            self._ownership.refuse_links()
            # Leftovers of an interrupted beginning may be removed; anything else under these names may not.
            taken = [path.name for path in (self.dataset, self.history) if path.exists()]
            if taken and not is_sealed(self.dataset):
                raise WorkspaceError(
                    f'{self.name!r} holds a {taken[0]!r} that does not belong to a run.',
                    f'{argument}={unused(self.name)!r}',
                )
            if self._was_trained():
                raise WorkspaceError(
                    f'{self.name!r} holds the text and the history of a run whose checkpoints are gone.',
                    f'put them back from a backup, or {argument}={unused(self.name)!r} for a new run',
                )

    def require_run(self) -> None:
        """Raise WorkspaceError if the directory holds no run to load."""
        with explained(self.path, cannot_read):
            self._ownership.refuse_links()
            if self.holds_run():
                return
            trial = next((path.name for path in runs_in(self.path)), None)
            load = f'ModelState.load({str(Path(self.name) / trial)!r}), or another one' if trial else ''
            self._refuse_sweep(load or 'the same call of sweep, which goes on')
            begun = is_sealed(self.dataset)
            trained = self._was_trained()
        if trained:
            raise WorkspaceError(
                f'{self.name!r} holds the text and the history of a run whose checkpoints are gone.',
                'put them back from a backup',
            )
        if begun:
            raise WorkspaceError(
                f'{self.name!r} holds an encoded text but no checkpoint: its beginning was interrupted.',
                f'ModelState.initfromsrcfile(..., {self.name!r}) begins it again',
            )
        with explained(self.path, cannot_read):
            raise no_run(self.name, self.path)

    def _refuse_sweep(self, step: str) -> None:
        """Raise WorkspaceError if a sweep was begun in this directory."""
        if (self.path / SWEEP).is_file():
            raise WorkspaceError(f'{self.name!r} is a sweep, and each of its trials is a run of its own.', step)

    def _was_trained(self) -> bool:
        """Return True if the history has more rows than the first one, which a beginning writes."""
        return self.history.is_file() and len(self.history.read_bytes().splitlines()) > 1

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Begin a run in the block, as its writer; if that fails, remove the directory unless it existed before."""
        with explained(self.path, cannot_write):
            existed = self.path.exists()
            self.refuse_taken()
            make_folder(self.path)
        try:
            self.claim()
        except WorkspaceError:  # a file system without locks, ...; an OwnershipError would say that it has a writer
            with contextlib.suppress(OSError):
                if not existed:
                    (self.path / 'lock').unlink(missing_ok=True)
                    self.path.rmdir()
            raise
        self.refuse_taken()  # again, since another process may have begun a run before the claim
        try:
            yield
            self.open()
        except BaseException:
            if not existed:
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    # ---- the parts of the run --------------------------------------------------------------------------------

    def read_history(self, is_sound: Callable[[Row], bool]) -> tuple[Journal, str]:
        """Return every undamaged, valid row of the history; and why it cannot be read, else an empty text."""
        bare = False
        with contextlib.suppress(CheckpointError):  # a damaged dataset is reported elsewhere
            bare = read_manifest(self.dataset)['format'] == 1
        try:
            return read_journal(self.history, is_sound, bare=bare), ''
        except ShortageError:
            raise
        except WorkspaceError as error:
            return Journal(), error.what

    def append_history(self, rows: dict[int, Row]) -> None:
        """Append rows to the history under their numbers, and make them durable."""
        append_rows(self.history, rows)
        with contextlib.suppress(WorkspaceError):  # the rows are written
            self._ownership.note_seen()

    def write_checkpoint(self, tensors: Mapping[str, Tensor], facts: dict[str, Any], attached: dict[str, bytes]) -> int:
        """Write a checkpoint, and return its number."""
        self.checkpoints.refuse_unreadable(facts)
        number = self.checkpoints.write(tensors, facts, attached)
        with contextlib.suppress(WorkspaceError):  # the checkpoint is saved
            self._ownership.note_seen()
        return number

    def extras(self) -> dict[str, str]:
        """Return the optional parts that exist, each with what is wrong with it (empty: nothing is)."""
        found = {}
        if is_there(self.ladders):
            try:
                verify(self.ladders)
                found['ladder'] = ''
            except ShortageError:
                raise
            except WorkspaceError as error:
                found['ladder'] = f'{error.what} The baselines will be computed again.'
        if (trouble := self._ownership.writer_trouble()) is not None:
            found['writer.json'] = trouble
        return found

    def read_ladders(self, digest: str) -> dict[str, dict[str, float]]:
        """Return the stored baseline ladders of the dataset `digest`; none if they are damaged or invalid."""
        try:
            kept = parse_json(*read_sealed(self.ladders, LADDERS))
            splits = kept['splits'] if kept['dataset'] == digest else {}
            return {str(s): {str(rung): float(nats) for rung, nats in rungs.items()} for s, rungs in splits.items()}
        except (WorkspaceError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def keep_ladders(self, digest: str, ladders: dict[str, dict[str, float]]) -> None:
        """Store baseline ladders if this is the writer of the run; a reader computes them again each time."""
        if not self.is_writer():
            return
        with contextlib.suppress(WorkspaceError):
            write_sealed(self.ladders, {LADDERS: as_json({'dataset': digest, 'splits': ladders}).encode()})


def _read_marks(checkpoints: Checkpoints, history: Path) -> Marks:
    """Return the newest checkpoint and the length of the history."""
    size = history.stat().st_size if history.exists() else 0
    return max(checkpoints.numbers(), default=0), size
