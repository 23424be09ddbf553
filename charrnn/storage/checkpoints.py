"""Checkpoints: numbered sealed folders, each one complete moment of a run.

    checkpoints/000007/tensors.safetensors     named tensors
                       facts.json              everything else
                       manifest.json           sizes and SHA-256 of both, and of itself

Numbers only grow.  *Last* is the highest number that verifies; *best* is the lowest whole-split validation loss
(`valid_nats` of the facts): both are read off the folders, so that no pointer can be stale.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from charrnn.errors import CharRNNError, CheckpointError
from charrnn.storage.durable import cannot_read, fsync_folder, sweep
from charrnn.storage.sealed import as_json, read_sealed, verify, write_sealed

TENSORS, FACTS = 'tensors.safetensors', 'facts.json'
KEEP = 5
"""How many of the newest checkpoints are kept, besides the best."""


def numbers(root: Path) -> list[int]:
    """The numbers of the checkpoints under `root`, rising.  Temporary and foreign names are passed over."""
    try:
        return sorted(int(path.name) for path in root.iterdir() if path.name.isascii() and path.name.isdigit())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise cannot_read(root, error) from error


def folder_of(root: Path, number: int) -> Path:
    """Where checkpoint `number` stands."""
    return root / f'{number:06d}'


def write_checkpoint(
    root: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], opaque: Mapping[str, bytes] | None = None
) -> int:
    """Write a new checkpoint, drop the old ones beyond KEEP and best, and return its number.

    Parameters
    ----------
    opaque : mapping of name to bytes    files that are kept beside, and that nothing here ever opens

    Raises
    ------
    WorkspaceError    it cannot be written; the earlier checkpoints are untouched
    """
    number = max(numbers(root), default=0) + 1
    # To bytes first, and through our own file, so that a full disk surfaces here and not inside the library.
    content = safetensors.torch.save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
    write_sealed(folder_of(root, number), {TENSORS: content, FACTS: as_json(dict(facts)).encode(), **(opaque or {})})
    _drop_old(root)
    return number


def _drop_old(root: Path) -> None:
    """Only after a newer one stands: it was read back and compared before it got its name."""
    facts = readable_facts(root)
    doomed = facts.keys() - {*sorted(facts)[-KEEP:], best_number(facts)}
    # Out of sight under a rename that has reached the disk, then deleted: half of one must not look like damage.
    with contextlib.suppress(OSError):  # the new one is saved; the next save tries this again
        for number in doomed:
            folder_of(root, number).rename(root / f'.{number:06d}.{os.getpid()}.tmp')
        if doomed:
            fsync_folder(root)
        sweep_checkpoints(root)


def sweep_checkpoints(root: Path) -> None:
    """Remove what interrupted writes left behind.  Only the owner of a run may call this."""
    sweep(root, '.[0-9]*.tmp')


def readable_facts(root: Path) -> dict[int, dict[str, Any]]:
    """The facts of every checkpoint whose facts are as they were written, by number; its tensors are not looked at."""
    found = {}
    for number in numbers(root):
        with contextlib.suppress(CheckpointError):
            found[number] = json.loads(*read_sealed(folder_of(root, number), FACTS))
    return found


def best_number(facts: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The checkpoint with the lowest whole-split validation loss, the earliest of equals; None if none has one.

    The untrained beginning is never best: it would win whenever nothing after it was validated on the whole split.
    """
    scored = {n: f['valid_nats'] for n, f in facts.items() if f.get('valid_nats') is not None and f.get('position', 1)}
    return min(scored, key=lambda n: (scored[n], n), default=None)


def read_checkpoint(root: Path, number: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The named tensors and the facts of one checkpoint, every byte verified.

    Raises
    ------
    CheckpointError    it is not there (says which are), or it is damaged
    """
    found = numbers(root)
    if number not in found:
        there = ', '.join(map(str, found)) or 'none'
        raise CheckpointError(f'no checkpoint {number} in {str(root)!r}; there: {there}.', 'ms.checkpoints()')
    tensors, facts = read_sealed(folder_of(root, number), TENSORS, FACTS)
    return safetensors.torch.load(tensors), json.loads(facts)


def read_opaque(root: Path, number: int, names: Sequence[str]) -> list[bytes]:
    """The bytes of files that were kept beside, verified, not opened."""
    return read_sealed(folder_of(root, number), *names)


def read_newest(root: Path) -> tuple[int, dict[str, Tensor], dict[str, Any], list[str]]:
    """The newest checkpoint that verifies: its number, tensors and facts, and what was wrong with newer ones.

    Raises
    ------
    CheckpointError    there is none, or none verifies
    """
    troubles: list[str] = []
    for number in reversed(numbers(root)):
        try:
            tensors, facts = read_checkpoint(root, number)
        except CharRNNError as error:
            if 'newer charrnn' in error.what:
                raise
            if number in numbers(root):  # else the writer of this run has dropped it meanwhile
                troubles.append(error.what)
            continue
        return number, tensors, facts, troubles
    if not troubles:
        raise CheckpointError(f'there is no checkpoint in {str(root)!r} yet.', 'ms.newcheckpoint()')
    raise CheckpointError(f'no checkpoint in {str(root)!r} can be read. {" ".join(troubles)}', 'a copy from a backup')


def damaged_before(root: Path, number: int) -> list[str]:
    """What is wrong with the checkpoints before `number`."""
    troubles = []
    for older in numbers(root):
        if older < number:
            try:
                verify(folder_of(root, older))
            except CheckpointError as error:
                if older in numbers(root):
                    troubles.append(error.what)
    return troubles


def resolve(root: Path, wanted: object) -> int:
    """The number meant by a number or by 'best'.

    Raises
    ------
    CheckpointError    there is no such checkpoint
    """
    found = numbers(root)
    if wanted == 'best':
        best = best_number(readable_facts(root))
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
    raise CheckpointError(f'no checkpoint {wanted!r}; there: {there}.', following)
