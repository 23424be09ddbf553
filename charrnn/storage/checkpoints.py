"""Checkpoints: numbered sealed folders, each one complete moment of a run.

    checkpoints/000007/tensors.safetensors     named tensors
                       facts.json              everything else
                       manifest.json           sizes and SHA-256 of both, and of itself

Numbers only grow.  *Last* is the highest number that verifies; *best* is the lowest whole-split validation loss
(`valid_nats` of the facts): both are read off the folders, so that no pointer can be stale.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from charrnn.errors import CharRNNError, CheckpointError, WorkspaceError
from charrnn.storage.sealed import as_json, new_folder, verify

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
        raise WorkspaceError(f'cannot read {str(root)!r}: {error.strerror}.', 'check its permissions') from None


def folder_of(root: Path, number: int) -> Path:
    """Where checkpoint `number` stands."""
    return root / f'{number:06d}'


def write_checkpoint(root: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> int:
    """Write a new checkpoint, verify it, drop the old ones beyond KEEP and best, and return its number.

    Raises
    ------
    WorkspaceError    it cannot be written; the earlier checkpoints are untouched
    """
    number = max(numbers(root), default=0) + 1
    # To bytes first, and through our own file, so that a full disk surfaces here and not inside the library.
    content = safetensors.torch.save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
    with new_folder(folder_of(root, number)) as folder:
        for name, data in ((TENSORS, content), (FACTS, as_json(dict(facts)).encode())):
            with (folder / name).open('wb') as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    verify(folder_of(root, number))
    _drop_old(root)
    return number


def _drop_old(root: Path) -> None:
    facts = readable_facts(root)
    kept = {*sorted(facts)[-KEEP:], best_number(facts)}
    for number in facts.keys() - kept:
        # Out of sight under one rename first: a half-deleted checkpoint must not look like a damaged one.
        doomed = folder_of(root, number).rename(root / f'.{number:06d}.{os.getpid()}.tmp')
        shutil.rmtree(doomed, ignore_errors=True)


def readable_facts(root: Path) -> dict[int, dict[str, Any]]:
    """The facts of every checkpoint whose facts can be read, by number; verification is for who loads one."""
    found = {}
    for number in numbers(root):
        try:
            found[number] = json.loads((folder_of(root, number) / FACTS).read_text(encoding='utf-8'))
        except (OSError, ValueError):
            continue
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
    folder = folder_of(root, number)
    if not folder.is_dir():
        there = ', '.join(map(str, numbers(root))) or 'none'
        raise CheckpointError(f'no checkpoint {number} in {str(root)!r}; there: {there}.', 'ms.checkpoints()')
    verify(folder)
    facts = json.loads((folder / FACTS).read_text(encoding='utf-8'))
    return safetensors.torch.load((folder / TENSORS).read_bytes()), facts


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
            troubles.append(error.what)
            continue
        return number, tensors, facts, troubles
    if not troubles:
        raise CheckpointError(f'there is no checkpoint in {str(root)!r} yet.', 'ms.newcheckpoint()')
    raise CheckpointError(f'no checkpoint in {str(root)!r} can be read. {" ".join(troubles)}', 'a copy from a backup')


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


def sweep(root: Path) -> None:
    """Remove what interrupted writes of checkpoints left behind.  Only the owner of a run may call this."""
    for path in root.glob('.[0-9]*.tmp'):
        shutil.rmtree(path, ignore_errors=True)
