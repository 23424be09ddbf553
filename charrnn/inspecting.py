"""Looking at a working directory without a ModelState: ``python -m charrnn fsck DIR`` and ``... status DIR``.

Both only read, and work while another process trains.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from charrnn.display.printable import printable, sparkline
from charrnn.display.status import NOUNS, CheckpointRow, CheckpointTable
from charrnn.errors import CheckpointError, WorkspaceError
from charrnn.storage.checkpoints import best_number
from charrnn.storage.sealed import NewerFormatError, verify
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import FACTS, read_dataset
from charrnn.text.sources import SPLITS
from charrnn.training.history import History, is_sound


@dataclass(frozen=True)
class Finding:
    """One part of a run, and what is wrong with it (empty: nothing is)."""

    name: str
    trouble: str = ''
    remark: str = ''


def inspect_run(dir: str | Path) -> tuple[list[Finding], int | None]:
    """Verify every byte of a run.

    Returns
    -------
    What was found of each part, and the number of the checkpoint that load would take; None if it could not load
    Raises
    ------
    WorkspaceError    there is no run
    """
    workspace = Workspace(Path(dir))
    workspace.require_run()
    store, digest = workspace.checkpoints, ''
    findings, good, newer = [Finding('dataset')], dict[int, Any](), False
    try:
        digest = workspace.dataset_digest()
    except CheckpointError as error:
        findings = [Finding('dataset', error.what)]
    for number in store.numbers():
        try:
            verify(store.folder(number))
            facts = store.read(number).facts
            if digest and facts['data_digest'] != digest:
                raise CheckpointError('it is not of this dataset.')
        except CheckpointError as error:
            newer |= isinstance(error, NewerFormatError)
            if number in store.numbers():  # else the writer has dropped it meanwhile
                findings.append(Finding(f'checkpoint {number}', error.what))
            continue
        findings.append(Finding(f'checkpoint {number}'))
        good[number] = facts
    best, newest = best_number(good), max(good, default=None)
    findings = [replace(f, remark='best') if f.name == f'checkpoint {best}' else f for f in findings]
    journal, unreadable = workspace.read_history(is_sound)
    trouble = unreadable or journal.trouble(good[newest]['history_length'] if newest else 0)
    bare = f', {journal.bare} of format 1, which have no checksum' if journal.bare else ''
    findings.append(Finding('history', trouble, f'{len(journal.rows)} rows{bare}'))
    findings += [Finding(name, trouble) for name, trouble in workspace.extras().items()]
    return findings, newest if digest and not newer else None


def fsck(dir: str | Path) -> tuple[str, int]:
    """What ``fsck`` prints, and its exit status: 0 all is good, 1 something is damaged, 2 and nothing can be loaded."""
    try:
        findings, newest = inspect_run(dir)
    except WorkspaceError as error:
        return str(error), 2
    lines = [
        f'  {"DAMAGED" if found.trouble else "good   "}  {found.name:<14} {found.trouble or found.remark}'.rstrip()
        for found in findings
    ]
    damaged = [found for found in findings if found.trouble]
    load = f'ModelState.load({str(dir)!r})'
    if not damaged:
        return '\n'.join([*lines, f'Every byte that has a checksum is as it was written.  Next: {load}']), 0
    lines.append('Nothing was changed.')
    if newest is None and any('newer charrnn' in found.trouble for found in damaged):
        lines.append('A newer charrnn has written this run.  Next: pip install --upgrade charrnn')
        return '\n'.join(lines), 2
    if newest is None:
        lines.append('There is nothing here that can be loaded.  Next: a copy of the whole directory from a backup')
        return '\n'.join(lines), 2
    lines.append(f'{load} takes checkpoint {newest}, the newest good one.')
    advice = {
        'checkpoint': 'a damaged checkpoint: copy its folder from a backup, or delete it',
        'history': 'the history: there is nothing to do; training does not read it, and its good rows are shown',
        'ladder': 'the ladder: delete its folder, and the baselines are computed again',
    }
    for kind, what in advice.items():
        if any(found.name.startswith(kind) for found in damaged):
            lines.append(f'  For {what}.')
    return '\n'.join(lines), 1


def status(dir: str | Path) -> str:
    """One screen: what the run is, how far it is, how well it does, what is saved."""
    workspace = Workspace(Path(dir))
    workspace.require_run()
    data = read_dataset(workspace.dataset, workspace.dataset_facts(FACTS), '')
    saved = workspace.checkpoints.facts()
    facts: dict[str, Any] = saved[max(saved)] if saved else {}
    level = data.chars.level
    history = History(workspace.read_history(is_sound)[0].rows, level)
    sizes = ' + '.join(f'{size:,} {name}' for size, name in zip(data.sizes, SPLITS, strict=True) if size)
    busy = {True: f'{workspace.who_writes()} is writing it now', False: 'nobody is writing it', None: 'unknown'}
    lines = [
        f'{printable(str(dir))}   {printable(facts.get("modeltype", "no readable checkpoint"))}'
        + (f' {facts["hyper"].get("layers")}x{facts["hyper"].get("state_size")}' if facts else ''),
        f'  text     {sizes} {NOUNS[level]} of {printable(data.source)!r}',
        f'  writer   {busy[workspace.is_being_written()]}',
    ]
    if rows := [row for row in history if row['kind'] != 'start']:
        lines.append(f'  newest   {_newest(rows[-1], level, workspace)}')
    if valid := history.validations():
        losses = [nats for _, nats in valid]
        lines.append(f'  valid    {losses[-1]:.4f} nats/{level}, best {min(losses):.4f}  {sparkline(losses)}')
    free = shutil.disk_usage(workspace.path).free
    lines.append(f'  disk     {_size(workspace.path) / 1e6:,.1f} MB used, {free / 1e9:,.1f} GB free')
    best = best_number(saved)
    table = CheckpointTable(
        CheckpointRow(number, f['round'], f['symbols'] / data.train_size, f['valid_nats'], f['written'], number == best)
        for number, f in sorted(saved.items())
    )
    return '\n'.join([*lines, repr(table), f'Next: ModelState.load({str(dir)!r}), or python -m charrnn fsck {dir}'])


def _size(root: Path) -> int:
    """The bytes of all files below a folder; what its writer removes meanwhile is passed over."""
    found = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                found += (Path(folder) / name).lstat().st_size
    return found


def _newest(row: Any, level: str, workspace: Workspace) -> str:
    ago = max(0, round(time.time() - workspace.history.stat().st_mtime))
    when = f'{ago} s' if ago < 100 else f'{ago // 60} min' if ago < 6000 else f'{ago // 3600} h'
    parts = [f'{row["kind"]} {when} ago: epoch {row["epoch"]:.2f}, round {row["round"]}']
    if row.get('train_nats') is not None:
        parts.append(f'train {row["train_nats"]:.3f} nats/{level}')
    if speed := row.get(f'{level}s_per_second'):
        parts.append(f'{speed:,.0f} {level}s/s')
    return ', '.join(parts)
