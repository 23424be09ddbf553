"""Checkpoints: numbered sealed folders, each with one complete moment of a run.

    checkpoints/000007/tensors.safetensors     named tensors
                       facts.json              all other values
                       schedule.dill, ...      attached functions, never unpickled here
                       manifest.json           sizes and SHA-256 of all, and of itself

Numbers only grow.  The *last* checkpoint is the highest number that verifies; the *best* is defined by ``best_of``.
Both are derived from the folders, so that no pointer can be stale.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from numbers import Integral
from pathlib import Path
from typing import NamedTuple, TypeVar

from torch import Tensor

from charrnn.errors import CheckpointError, UnusableHereError, lacks_memory, shown
from charrnn.storage.attachments import SUFFIX
from charrnn.storage.durable import Pieces, cannot_read, fsync_folder, sweep
from charrnn.storage.facts import FACTS, KEEP, Facts, parse_facts
from charrnn.storage.nearby import TENSORS
from charrnn.storage.sealed import as_json, read_sealed, verify, write_sealed
from charrnn.storage.tensors import as_pieces, from_bytes

T = TypeVar('T')


class Checkpoint(NamedTuple):
    """One moment of a run, read and verified.

    Parameters
    ----------
    attached : dict of name to (source, bytes)    the attached functions; the bytes are not unpickled
    """

    number: int
    tensors: dict[str, Tensor]
    facts: Facts
    attached: dict[str, tuple[str, bytes]]


class Best(NamedTuple):
    """The best checkpoint of a run: its number, the round it was written in, and its validation loss in nats."""

    number: int
    round: int
    nats: float


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    root : Path        the folder of the checkpoints; it need not exist yet
    Attributes
    ----------
    damaged : set      numbers that failed verification; they are neither counted nor dropped
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.damaged: set[int] = set()

    def numbers(self) -> list[int]:
        """Return the numbers of the existing checkpoints in rising order; other names in the folder are ignored."""
        try:
            return sorted(int(path.name) for path in self.root.iterdir() if path.name.isascii() and path.name.isdigit())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise cannot_read(self.root, error) from error

    def folder(self, number: int) -> Path:
        """Return the folder of checkpoint `number`."""
        return self.root / f'{number:06d}'

    def write(self, tensors: Mapping[str, Tensor], facts: Facts, attached: Mapping[str, bytes] | None = None) -> int:
        """Write a new checkpoint, drop old ones, and return its number.

        The newest ones stay, as many as the fact `keep` says, the best, and those with a name.

        Raises
        ------
        WorkspaceError    the checkpoint cannot be written; the earlier ones are untouched
        """
        number = max(self.numbers(), default=0) + 1
        opaque = {name + SUFFIX: data for name, data in (attached or {}).items()}
        contents: dict[str, bytes | Pieces] = {TENSORS: as_pieces(tensors), FACTS: as_json(facts).encode(), **opaque}
        write_sealed(self.folder(number), contents)
        # Dropped only now: the new one was read back and compared before it got its name.
        with contextlib.suppress(OSError):  # the new one is saved; the next save tries again
            self._drop_old(facts.get('keep', KEEP))
        return number

    def refuse_unreadable(self, facts: Facts) -> None:
        """Raise CheckpointError if a checkpoint with these facts could not be read again.

        A count that a stranger's file has near its limit passes the limit in training.
        """
        try:
            self._parsed(max(self.numbers(), default=0) + 1, as_json(facts).encode())
        except CheckpointError as error:
            what = f'a checkpoint that could not be read again is not written: {error.what}'
            raise CheckpointError(what, 'a new run: ModelState.initfromsrcfile(...)') from None

    def _drop_old(self, keep: int) -> None:
        facts = self.facts()
        splits = {f.get('valid_size') for f in facts.values()}  # a text that is added may bring another one
        bests = [best_of({n: f for n, f in facts.items() if f.get('valid_size') in (size, None)}) for size in splits]
        named = {number for number, f in facts.items() if 'name' in f}
        kept = {*sorted(facts)[-keep:], *named, *(best.number for best in bests if best)}
        doomed = facts.keys() - kept
        # Renamed, durably, before the deletion: a half-deleted checkpoint must not look like damage.
        for number in doomed:
            self.folder(number).rename(self.root / f'.{number:06d}.{os.getpid()}.tmp')
        if doomed:
            fsync_folder(self.root)
        self.sweep()

    def sweep(self) -> None:
        """Remove the leftovers of interrupted writes; only the writer of a run may call this."""
        sweep(self.root, '.[0-9]*.tmp')

    def facts(self) -> dict[int, Facts]:
        """Return the facts of every checkpoint that is not known to be damaged, by number; tensors are not read."""
        found = {}
        for number in self.numbers():
            if number not in self.damaged:
                with contextlib.suppress(CheckpointError):
                    (content,) = read_sealed(self.folder(number), FACTS)
                    found[number] = self._parsed(number, content)
        return found

    def read(self, number: int) -> Checkpoint:
        """Return one checkpoint, with every byte verified.

        Raises
        ------
        CheckpointError    it does not exist (the message lists those that do), or it is damaged
        """
        found = self.numbers()
        if number not in found:
            there = ', '.join(map(str, found)) or 'none'
            raise CheckpointError(f'no checkpoint {number} in {str(self.root)!r}; there: {there}.', 'ms.checkpoints()')
        content, text = read_sealed(self.folder(number), TENSORS, FACTS)
        facts = self._parsed(number, text)
        try:
            tensors = from_bytes(content)
        except Exception as error:  # SafetensorError, KeyError, ValueError, ...: an untrusted file may provoke any
            if lacks_memory(error):
                raise
            raise self._senseless(number, f'{TENSORS} has no valid tensors ({error})') from None
        sources = facts.get('attached', {})
        opaque = read_sealed(self.folder(number), *(name + SUFFIX for name in sources))
        attached = {n: (source, data) for (n, source), data in zip(sources.items(), opaque, strict=True)}
        return Checkpoint(number, tensors, facts, attached)

    def read_newest(self, digests: Collection[str], accept: Callable[[Checkpoint], T]) -> tuple[T, list[str]]:
        """Return what `accept` makes of the newest good checkpoint of one of the datasets `digests`.

        Newest first, each checkpoint is verified and given to `accept`.  A damaged one is noted in `damaged` and passed
        over; one that `accept` refuses with a CheckpointError is passed over; an UnusableHereError ends the search.

        Returns
        -------
        The result of `accept`, and one message for each checkpoint that was passed over
        Raises
        ------
        CheckpointError      there is no checkpoint, none is good, or one that this Python cannot use comes first
        """
        troubles: list[tuple[str, str]] = []  # not the errors: a stored one would keep its frames alive
        for number in reversed(self.numbers()):
            verified = False
            try:
                found = self.read(number)
                if found.facts['data_digest'] not in digests:
                    raise CheckpointError(
                        f'checkpoint {number} in {str(self.root)!r} belongs to another dataset.',
                        'a copy of the whole directory from a backup',
                    )
                verified = True
                return accept(found), [what for what, _ in troubles]
            except UnusableHereError:
                raise
            except CheckpointError as error:
                if number in self.numbers():  # else the writer of this run has dropped it meanwhile
                    troubles.append((error.what, error.next_step))
                    if not verified:
                        self.damaged.add(number)
        if not troubles:
            raise CheckpointError(f'there is no checkpoint in {str(self.root)!r} yet.', 'ms.newcheckpoint()')
        if len(troubles) == 1:
            raise CheckpointError(*troubles[0])
        raise CheckpointError(
            f'no checkpoint in {str(self.root)!r} can be read. {" ".join(what for what, _ in troubles)}',
            'a copy of the whole directory from a backup',
        )

    def verify_before(self, number: int) -> list[str]:
        """Verify the checkpoints before `number`, and return one message for each damaged one."""
        troubles = []
        for older in self.numbers():
            if older < number:
                try:
                    verify(self.folder(older))
                except CheckpointError as error:
                    if older in self.numbers():
                        self.damaged.add(older)
                        troubles.append(error.what)
        return troubles

    def best(self) -> Best | None:
        """Return the best checkpoint; None if there is none yet."""
        return best_of(self.facts())

    def resolve(self, wanted: object) -> int:
        """Return the number of the checkpoint that `wanted` names: an existing number, 'best', or a name.

        Raises
        ------
        CheckpointError    there is no such checkpoint
        """
        found = self.numbers()
        if wanted == 'best':
            best = self.best()
            if best is None:
                raise CheckpointError(
                    'no trained checkpoint has a validation of the whole split, so none is best.',
                    "ms.trainmodel() with valid_len=0, or ms.restore('last')",
                )
            return best.number
        if isinstance(wanted, Integral) and int(wanted) in found:
            return int(wanted)
        names = self.names()
        if isinstance(wanted, str) and wanted in names:
            return names[wanted]
        there = ', '.join([*map(str, found), *map(repr, names)]) or 'none'
        or_best = "ms.restore('best') or " if self.best() else ''
        following = f"{or_best}ms.restore('last') or one of these" if found else 'ms.newcheckpoint()'
        raise CheckpointError(
            f'no checkpoint {shown(wanted)}; there: {there} (the newest, the best and those with a name stay).',
            following,
        )

    def names(self) -> dict[str, int]:
        """Return the number of each checkpoint that has a name."""
        return {facts['name']: number for number, facts in self.facts().items() if 'name' in facts}

    def _parsed(self, number: int, content: bytes) -> Facts:
        """Return the facts from a verified file, after a check of their types: the author of the run is not trusted."""
        try:
            return parse_facts(content)
        except ValueError as error:
            raise self._senseless(number, str(error)) from None

    def _senseless(self, number: int, what: str) -> CheckpointError:
        return CheckpointError(
            f'{str(self.folder(number))!r} makes no sense: {what}.', 'another checkpoint, or a copy from a backup'
        )


def best_of(facts: Mapping[int, Facts]) -> Best | None:
    """Return the checkpoint with the lowest validation loss over the whole split, the earliest of equals, or None.

    This is the one definition of best: each place that names a best one asks here, so that it can be restored.  The
    untrained model counts only beside a trained one: a training that diverged goes back to it, and a run without
    whole validations does not.  Losses of another split than the newest one's, which a text was added to, do not count.
    """
    newest = facts[max(facts)].get('valid_size') if facts else None
    same = {n: f for n, f in facts.items() if f.get('valid_size', newest) == newest}
    scored = {n: f for n, f in same.items() if f['valid_nats'] is not None}
    if not any(f['position'] for f in scored.values()):
        return None
    number = min(scored, key=lambda n: (scored[n]['valid_nats'], n))
    return Best(number, scored[number]['round'], scored[number]['valid_nats'])
