"""Looking at a working directory without a ModelState: ``python -m charrnn fsck DIR`` and ``... status DIR``.

Both only read, and work while another process trains.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import NOUNS, printable, sparkline
from charrnn.errors import CheckpointError, WorkspaceError
from charrnn.session.snapshots import table_of
from charrnn.storage.checkpoints import best_number
from charrnn.storage.sealed import NewerFormatError, verify
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import FACTS, read_dataset
from charrnn.text.sources import SPLITS
from charrnn.training.history import History, is_sound

ADVICE = {
    'checkpoint': 'a damaged checkpoint: copy its folder from a backup, or delete it',
    'history': 'the history: there is nothing to do; training does not read it, and its good rows are shown',
    'ladder': 'the ladder: delete its folder, and the baselines are computed again',
}
"""The next step for each kind of part that can be damaged while the run still loads."""


@dataclass(frozen=True)
class Finding:
    """One part of a run.

    Parameters
    ----------
    kind : str       'dataset', 'checkpoint', 'history', 'ladder' or 'writer.json'
    number : int     of a checkpoint
    trouble : str    the damage; empty: there is none
    remark : str     shown of a good part
    """

    kind: str
    number: int | None = None
    trouble: str = ''
    remark: str = ''

    @property
    def name(self) -> str:
        """The part, for people."""
        return self.kind if self.number is None else f'{self.kind} {self.number}'


@dataclass(frozen=True, repr=False)
class Inspection(Tabular):
    """The result of fsck.

    Parameters
    ----------
    dir : str                 the working directory
    findings : list           one for each part
    newest : int or None      the checkpoint that load would take; None: nothing can be loaded
    newer : bool              a newer charrnn has written a part
    refusal : str             the reason why there is nothing to inspect; empty: there is
    """

    dir: str
    findings: list[Finding] = field(default_factory=list)
    newest: int | None = None
    newer: bool = False
    refusal: str = ''

    @property
    def status(self) -> int:
        """The exit status: 0 all is good, 1 something is damaged, 2 and nothing can be loaded."""
        if self.refusal or self.newest is None:
            return 2
        return int(any(found.trouble for found in self.findings))

    def table(self) -> Table:
        """Return one row for each part, and the next step."""
        columns = [Column(''), Column(''), Column('')]
        rows = [
            ('  DAMAGED' if found.trouble else '  good', found.name, found.trouble or found.remark)
            for found in self.findings
        ]
        return Table(columns, rows, after='\n'.join(self._advice()))

    def _advice(self) -> list[str]:
        load = f'ModelState.load({self.dir!r})'
        if self.refusal:
            return [self.refusal]
        if self.status == 0:
            return [f'Every byte that has a checksum is as it was written.  Next: {load}']
        lines = ['Nothing was changed.']
        if self.newest is None and self.newer:
            return [*lines, 'A newer charrnn has written this run.  Next: pip install --upgrade charrnn']
        if self.newest is None:
            backup = 'a copy of the whole directory from a backup'
            return [*lines, f'There is nothing here that can be loaded.  Next: {backup}']
        lines.append(f'{load} takes checkpoint {self.newest}, the newest good one.')
        damaged = {found.kind for found in self.findings if found.trouble}
        return lines + [f'  For {advice}.' for kind, advice in ADVICE.items() if kind in damaged]


def fsck(dir: str | Path) -> Inspection:
    """Verify every byte of a run."""
    workspace = Workspace(Path(dir))
    try:
        workspace.require_run()
    except WorkspaceError as error:
        return Inspection(str(dir), refusal=str(error))
    store, digest, newer = workspace.checkpoints, '', False
    findings, good = [Finding('dataset')], dict[int, Any]()
    try:
        digest = workspace.dataset_digest()
    except CheckpointError as error:
        newer |= isinstance(error, NewerFormatError)
        findings = [Finding('dataset', trouble=error.what)]
    troubles: dict[int, str] = {}
    for number in store.numbers():
        try:
            verify(store.folder(number))
            facts = store.read(number).facts
            if digest and facts['data_digest'] != digest:
                raise CheckpointError('it does not belong to this dataset.')
            good[number] = facts
        except CheckpointError as error:
            newer |= isinstance(error, NewerFormatError)
            if number in store.numbers():  # else the writer has dropped it meanwhile
                troubles[number] = error.what
    best, newest = best_number(good), max(good, default=None)
    findings += [
        Finding('checkpoint', number, troubles.get(number, ''), 'best' if number == best else '')
        for number in sorted(good.keys() | troubles.keys())
    ]
    journal, unreadable = workspace.read_history(is_sound)
    trouble = unreadable or journal.trouble(good[newest]['history_length'] if newest else 0)
    bare = f', {journal.bare} of format 1, which have no checksum' if journal.bare else ''
    findings.append(Finding('history', trouble=trouble, remark=f'{len(journal.rows)} rows{bare}'))
    findings += [Finding(name, trouble=trouble) for name, trouble in workspace.extras().items()]
    return Inspection(str(dir), findings, newest if digest and not newer else None, newer)


def status(dir: str | Path) -> str:
    """Return one screen about a run: its model, its progress, its losses, its checkpoints."""
    workspace = Workspace(Path(dir))
    workspace.require_run()
    data = read_dataset(workspace.dataset, workspace.dataset_facts(FACTS), '')
    saved = workspace.checkpoints.facts()
    facts: dict[str, Any] = saved[max(saved)] if saved else {}
    level = data.chars.level
    history = History(workspace.read_history(is_sound)[0].rows, level)
    sizes = ' + '.join(f'{size:,} {name}' for size, name in zip(data.sizes, SPLITS, strict=True) if size)
    busy = {True: f'{workspace.who_writes()} is writing it now', False: 'no process is writing it', None: 'unknown'}
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
    table = table_of(saved, data.train_size)
    return '\n'.join([*lines, repr(table), f'Next: ModelState.load({str(dir)!r}), or python -m charrnn fsck {dir}'])


def _size(root: Path) -> int:
    """Return the bytes of all files below a folder; files that its writer removes meanwhile are passed over."""
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
