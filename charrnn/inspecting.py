"""Looking at a working directory without a ModelState: ``python -m charrnn fsck DIR`` and ``... status DIR``.

Both only read, and work while another process trains.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.display.printable import printable, sparkline
from charrnn.display.status import NOUNS, CheckpointRow, CheckpointTable
from charrnn.errors import CharRNNError, CheckpointError
from charrnn.storage import checkpoints as store
from charrnn.storage.durable import is_there
from charrnn.storage.sealed import read_sealed, verify
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import FACTS, SPLITS
from charrnn.training.history import History


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
    digest, facts = '', store.readable_facts(workspace.checkpoints)
    best, newest = store.best_number(facts), None
    try:
        digest = workspace.dataset_digest()
        findings = [Finding('dataset')]
    except CheckpointError as error:
        findings = [Finding('dataset', error.what)]
    for number in store.numbers(workspace.checkpoints):
        name = f'checkpoint {number}'
        try:
            verify(store.folder_of(workspace.checkpoints, number))
        except CharRNNError as error:
            if number in store.numbers(workspace.checkpoints):  # else the writer has dropped it meanwhile
                findings.append(Finding(name, error.what))
            continue
        if digest and facts.get(number, {}).get('data_digest') != digest:
            findings.append(Finding(name, 'it was trained on another dataset than this.'))
            continue
        findings.append(Finding(name, remark='best' if number == best else ''))
        newest = number
    try:
        journal = workspace.read_history()
        length = facts[newest]['history_length'] if newest in facts else 0
        findings.append(Finding('history', journal.trouble(length), f'{len(journal.rows)} rows'))
    except CharRNNError as error:
        findings.append(Finding('history', error.what))
    if is_there(workspace.ladders):
        findings.append(Finding('ladder', ' '.join(workspace.troubles())))
    return findings, newest if digest else None


def fsck(dir: str | Path) -> tuple[str, int]:
    """What ``fsck`` prints, and its exit status: 0 all is good, 1 something is damaged, 2 and nothing can be loaded."""
    findings, newest = inspect_run(dir)
    lines = [
        f'  {"DAMAGED" if found.trouble else "good   "}  {found.name:<14} {found.trouble or found.remark}'.rstrip()
        for found in findings
    ]
    damaged = [found for found in findings if found.trouble]
    load = f'ModelState.load({str(dir)!r})'
    if not damaged:
        return '\n'.join([*lines, f'Every byte is as it was written.  Next: {load}']), 0
    lines.append('Nothing was changed.')
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
    (content,) = read_sealed(workspace.dataset, FACTS)
    dataset, saved = json.loads(content), store.readable_facts(workspace.checkpoints)
    facts: dict[str, Any] = saved[max(saved)] if saved else {}
    history = History(workspace.read_history().rows)
    noun, n = NOUNS[dataset['level']], dataset['sizes'][0]
    sizes = ' + '.join(f'{size:,} {name}' for size, name in zip(dataset['sizes'], SPLITS, strict=True) if size)
    busy = {True: 'a process is writing it now', False: 'nobody is writing it', None: 'unknown'}
    lines = [
        f'{printable(str(dir))}   {facts.get("modeltype", "no readable checkpoint")}'
        + (f' {facts["hyper"]["layers"]}x{facts["hyper"]["state_size"]}' if facts else ''),
        f'  text     {sizes} {noun} of {printable(dataset["source"])!r}',
        f'  writer   {busy[workspace.is_being_written()]}',
    ]
    if rows := [row for row in history if row['kind'] != 'start']:
        lines.append(f'  newest   {_newest(rows[-1], dataset["level"], workspace)}')
    if valid := history.validations():
        losses = [nats for _, nats in valid]
        lines.append(
            f'  valid    {losses[-1]:.4f} nats/{dataset["level"]}, best {min(losses):.4f}  {sparkline(losses)}'
        )
    used = sum(path.stat().st_size for path in workspace.path.rglob('*') if path.is_file())
    free = shutil.disk_usage(workspace.path).free
    lines.append(f'  disk     {used / 1e6:,.1f} MB used, {free / 1e9:,.1f} GB free')
    best = store.best_number(saved)
    table = CheckpointTable(
        CheckpointRow(number, f['round'], f['symbols'] / n, f['valid_nats'], f['written'], number == best)
        for number, f in sorted(saved.items())
    )
    return '\n'.join([*lines, repr(table), f'Next: ModelState.load({str(dir)!r}), or python -m charrnn fsck {dir}'])


def _newest(row: Any, level: str, workspace: Workspace) -> str:
    ago = max(0, round(time.time() - workspace.history.stat().st_mtime))
    when = f'{ago} s' if ago < 100 else f'{ago // 60} min' if ago < 6000 else f'{ago // 3600} h'
    parts = [f'{row["kind"]} {when} ago: epoch {row["epoch"]:.2f}, round {row["round"]}']
    if row.get('train_nats') is not None:
        parts.append(f'train {row["train_nats"]:.3f} nats/{level}')
    if row.get('chars_per_second'):
        parts.append(f'{row["chars_per_second"]:,.0f} {level}s/s')
    return ', '.join(parts)
