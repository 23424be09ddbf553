"""Verify every byte of a run: ``python -m charrnn fsck DIR``, which only reads, also while another process trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.arguments import path_of
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import fitted
from charrnn.errors import (
    CharRNNError,
    CheckpointError,
    ModelTypeError,
    ShortageError,
    UnusableHereError,
    WorkspaceError,
)
from charrnn.session.trust import checked, open_dataset
from charrnn.signatures import known_names_only
from charrnn.storage.checkpoints import best_of
from charrnn.storage.sealed import UPGRADE, NewerFormatError, verify
from charrnn.storage.workspace import Workspace
from charrnn.training.history import is_sound

ADVICE = {
    'checkpoint': 'a damaged checkpoint: copy its folder from a backup, or delete it',
    'history': 'the history: there is nothing to do; training does not read it, and its good rows are shown',
    'ladder': 'the ladder: delete its folder, and the baselines are computed again',
}
"""The next step for each kind of part whose damage does not keep the run from loading."""


@fitted
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
    needs : (str, str)        what load needs besides good bytes, and the next step; empty: nothing
    refusal : str             the reason why there is nothing to inspect; empty: there is
    following : str           what to do about a damaged or missing dataset; empty: it is good
    """

    dir: str
    findings: list[Finding] = field(default_factory=list)
    newest: int | None = None
    newer: bool = False
    needs: tuple[str, str] | None = None
    refusal: str = ''
    following: str = ''

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
        damaged = {found.kind for found in self.findings if found.trouble}
        repairs = [f'  For {advice}.' for kind, advice in ADVICE.items() if kind in damaged]
        good = 'Every byte that has a checksum is as it was written.'
        if self.needs:
            return [good if self.status == 0 else 'Nothing was changed.', *repairs, '{}  Next: {}'.format(*self.needs)]
        if self.status == 0:
            return [f'{good}  Next: {load}']
        lines = ['Nothing was changed.']
        if self.newest is None and self.newer:
            return [*lines, f'A newer charrnn has written this run.  Next: {UPGRADE}']
        if self.newest is None:
            backup = 'a copy of the whole directory from a backup'
            return [*lines, f'Nothing here can be loaded.  Next: {self.following or backup}']
        lines.append(f'{load} takes checkpoint {self.newest}, the newest good one.')
        return lines + repairs


@known_names_only
def fsck(dir: str | Path) -> Inspection:
    """Verify every byte of a run.

    Parameters
    ----------
    dir : path    the working directory of the run
    """
    workspace = Workspace(path_of('dir', dir))
    try:
        workspace.require_run()
    except ShortageError:
        raise
    except WorkspaceError as error:
        return Inspection(str(dir), refusal=str(error))
    store, digests, newer, following = workspace.checkpoints, dict[str, Path](), False, ''
    findings, good = [Finding('dataset')], dict[int, Any]()
    try:
        digests = workspace.parts.digests()
        data = {digest: open_dataset(workspace, digest) for digest in digests}
    except ShortageError:
        raise
    except CharRNNError as error:
        newer |= isinstance(error, NewerFormatError)
        digests, findings, following = {}, [Finding('dataset', trouble=error.what)], error.next_step
    troubles, unusable = dict[int, str](), dict[int, tuple[str, str]]()
    for number in reversed(store.numbers()):  # newest first, since a writer drops the oldest meanwhile
        try:
            verify(store.folder(number))
            found = store.read(number)
            if digests:
                if (digest := found.facts['data_digest']) not in digests:
                    raise CheckpointError('it does not belong to this dataset.')
                try:
                    checked(workspace, found, data[digest])
                except (UnusableHereError, ModelTypeError) as error:  # its bytes are good
                    unusable[number] = error.what, error.next_step
            good[number] = found.facts
        except CheckpointError as error:
            newer |= isinstance(error, NewerFormatError)
            if number in store.numbers():  # else the writer has dropped it meanwhile
                troubles[number] = error.what
    best, newest = best_of(good), max(good, default=None)
    for number in sorted(good.keys() | troubles.keys()):
        remarks = ['best'] if best and number == best.number else []
        remarks += ['not tried with its model type'] if number in unusable else []
        findings.append(Finding('checkpoint', number, troubles.get(number, ''), ', '.join(remarks)))
    journal, unreadable = workspace.read_history(is_sound)
    trouble = unreadable or journal.trouble(good[newest]['history_length'] if newest else 0)
    bare = f', {journal.bare} of format 1, which have no checksum' if journal.bare else ''
    findings.append(Finding('history', trouble=trouble, remark=f'{len(journal.rows)} rows{bare}'))
    findings += [Finding(name, trouble=trouble) for name, trouble in workspace.extras().items()]
    needs = unusable.get(newest or 0)
    return Inspection(str(dir), findings, newest if digests and not newer else None, newer, needs, following=following)
