"""Checkpoints: numbered sealed folders, each one complete moment of a run.

    checkpoints/000007/tensors.safetensors     named tensors
                       facts.json              everything else
                       schedule.dill, ...      what the user hung on the run, never opened here
                       manifest.json           sizes and SHA-256 of all, and of itself

Numbers only grow.  *Last* is the highest number that verifies; *best* is the lowest whole-split validation loss
(`valid_nats` of the facts): both are read off the folders, so that no pointer can be stale.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from torch import Tensor

from charrnn.errors import CheckpointError
from charrnn.storage.attachments import NAMES, SUFFIX
from charrnn.storage.durable import cannot_read, fsync_folder, sweep
from charrnn.storage.sealed import NewerFormatError, as_json, parse_json, read_sealed, verify, write_sealed

TENSORS, FACTS = 'tensors.safetensors', 'facts.json'
KEEP = 5
"""How many of the newest checkpoints are kept, besides the best."""

LARGEST = 2**53
"""Counts below this are exact in every kind of number."""

Facts = dict[str, Any]
FACT_TYPES: dict[str, type | tuple[type, ...]] = {
    'position': int,
    'symbols': int,
    'round': int,
    'seed': int,
    'history_length': int,
    'seconds': (int, float),
    'valid_nats': (int, float, type(None)),
    'schedule': dict,
    'hyper': dict,
    'modeltype': str,
    'data_digest': str,
    'written': str,
}


class Checkpoint(NamedTuple):
    """One moment, read and verified.

    Parameters
    ----------
    attached : dict of name to (source, bytes)    of what the user hung on the run; the bytes are not opened
    """

    number: int
    tensors: dict[str, Tensor]
    facts: Facts
    attached: dict[str, tuple[str, bytes]]


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    root : Path        the folder that holds them; it need not exist yet
    Attributes
    ----------
    damaged : set      numbers that did not verify when they were looked at; they are neither counted nor dropped
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.damaged: set[int] = set()

    def numbers(self) -> list[int]:
        """The numbers of the checkpoints there are, rising.  Temporary and foreign names are passed over."""
        try:
            return sorted(int(path.name) for path in self.root.iterdir() if path.name.isascii() and path.name.isdigit())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise cannot_read(self.root, error) from error

    def folder(self, number: int) -> Path:
        """Where checkpoint `number` stands."""
        return self.root / f'{number:06d}'

    def write(self, tensors: Mapping[str, Tensor], facts: Facts, attached: Mapping[str, bytes] | None = None) -> int:
        """Write a new checkpoint, drop the old ones beyond KEEP and best, and return its number.

        Raises
        ------
        WorkspaceError    it cannot be written; the earlier checkpoints are untouched
        """
        number = max(self.numbers(), default=0) + 1
        # To bytes first, and through our own file, so that a full disk surfaces here and not inside the library.
        content = safetensors.torch.save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
        opaque = {name + SUFFIX: data for name, data in (attached or {}).items()}
        write_sealed(self.folder(number), {TENSORS: content, FACTS: as_json(facts).encode(), **opaque})
        # Only now, when a newer one stands, which was read back and compared before it got its name.
        with contextlib.suppress(OSError):  # the new one is saved; the next save tries this again
            self._drop_old()
        return number

    def _drop_old(self) -> None:
        facts = self.facts()
        doomed = facts.keys() - {*sorted(facts)[-KEEP:], best_number(facts)}
        # Out of sight under a rename that has reached the disk, then deleted: half of one must not look like damage.
        for number in doomed:
            self.folder(number).rename(self.root / f'.{number:06d}.{os.getpid()}.tmp')
        if doomed:
            fsync_folder(self.root)
        self.sweep()

    def sweep(self) -> None:
        """Remove what interrupted writes left behind.  Only the owner of a run may call this."""
        sweep(self.root, '.[0-9]*.tmp')

    def facts(self) -> dict[int, Facts]:
        """The facts of every checkpoint that is not known to be damaged, by number; its tensors are not looked at."""
        found = {}
        for number in self.numbers():
            if number not in self.damaged:
                with contextlib.suppress(CheckpointError):
                    (content,) = read_sealed(self.folder(number), FACTS)
                    found[number] = self._parsed(number, content)
        return found

    def read(self, number: int) -> Checkpoint:
        """One checkpoint, every byte verified.

        Raises
        ------
        CheckpointError    it is not there (says which are), or it is damaged
        """
        found = self.numbers()
        if number not in found:
            there = ', '.join(map(str, found)) or 'none'
            raise CheckpointError(f'no checkpoint {number} in {str(self.root)!r}; there: {there}.', 'ms.checkpoints()')
        content, text = read_sealed(self.folder(number), TENSORS, FACTS)
        facts = self._parsed(number, text)
        try:
            tensors = safetensors.torch.load(content)
        except Exception as error:  # its own error, KeyError, ValueError, ...: whatever a file that lies provokes
            raise self._senseless(number, f'{TENSORS} holds no tensors ({error})') from None
        sources = {name: facts['attached'][name] for name in NAMES if name in facts.get('attached', {})}
        opaque = read_sealed(self.folder(number), *(name + SUFFIX for name in sources))
        attached = {n: (source, data) for (n, source), data in zip(sources.items(), opaque, strict=True)}
        return Checkpoint(number, tensors, facts, attached)

    def read_newest(self, digest: str) -> tuple[Checkpoint, list[str]]:
        """The newest checkpoint that verifies and is of the dataset `digest`; and what was wrong with newer ones.

        Raises
        ------
        CheckpointError    there is none, none is good, or the newest is of a newer format
        """
        troubles: list[str] = []
        for number in reversed(self.numbers()):
            try:
                found = self.read(number)
                if found.facts['data_digest'] != digest:
                    raise CheckpointError(f'checkpoint {number} in {str(self.root)!r} is not of this dataset.')
            except NewerFormatError:
                raise
            except CheckpointError as error:
                if number in self.numbers():  # else the writer of this run has dropped it meanwhile
                    self.damaged.add(number)
                    troubles.append(error.what)
                continue
            return found, troubles
        if not troubles:
            raise CheckpointError(f'there is no checkpoint in {str(self.root)!r} yet.', 'ms.newcheckpoint()')
        raise CheckpointError(
            f'no checkpoint in {str(self.root)!r} can be read. {" ".join(troubles)}',
            'a copy of the whole directory from a backup',
        )

    def verify_before(self, number: int) -> list[str]:
        """What is wrong with the checkpoints before `number`."""
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

    def best(self) -> int | None:
        """The number of the best checkpoint; None if none is best yet."""
        return best_number(self.facts())

    def resolve(self, wanted: object) -> int:
        """The number meant by a number or by 'best'.

        Raises
        ------
        CheckpointError    there is no such checkpoint
        """
        found = self.numbers()
        if wanted == 'best':
            best = self.best()
            if best is None:
                raise CheckpointError(
                    'no checkpoint has a validation of the whole split, so none is best.',
                    "ms.trainmodel() with valid_len=0, or ms.restore('last')",
                )
            return best
        if isinstance(wanted, Integral) and int(wanted) in found:
            return int(wanted)
        there = ', '.join(map(str, found)) or 'none'
        following = "ms.restore('best'), ms.restore('last') or one of these numbers" if found else 'ms.newcheckpoint()'
        raise CheckpointError(f'no checkpoint {wanted!r}; there: {there} ({KEEP} newest and the best stay).', following)

    def _parsed(self, number: int, content: bytes) -> Facts:
        """Facts that are as they were written need not make sense: somebody else may have written them."""
        try:
            facts = parse_json(content)
        except ValueError:
            facts = None
        if not isinstance(facts, dict):
            raise self._senseless(number, f'{FACTS} holds no facts')
        for name, types in FACT_TYPES.items():
            value = facts.get(name, ...)
            possible = isinstance(value, types) and not isinstance(value, bool)
            if isinstance(value, int | float):
                possible &= math.isfinite(value) and 0 <= value < LARGEST
            if not possible:
                raise self._senseless(number, f'{FACTS} has no {name} that can be')
        for name in ('attached', 'environment'):
            if not isinstance(facts.get(name, {}), dict):
                raise self._senseless(number, f'{FACTS} has no {name} that can be')
        if not all(isinstance(source, str) for source in facts.get('attached', {}).values()):
            raise self._senseless(number, f'{FACTS} has no attached that can be')
        return facts

    def _senseless(self, number: int, what: str) -> CheckpointError:
        return CheckpointError(f'{str(self.folder(number))!r}: {what}.', 'another checkpoint')


def best_number(facts: Mapping[int, Facts]) -> int | None:
    """The checkpoint with the lowest whole-split validation loss, the earliest of equals; None if none has one.

    The untrained beginning is never best: it would win whenever nothing after it was validated on the whole split.
    """
    scored = {n: f['valid_nats'] for n, f in facts.items() if f.get('valid_nats') is not None and f.get('position', 1)}
    return min(scored, key=lambda n: (scored[n], n), default=None)
