"""Branches of runs: the verbs branch and family."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from charrnn.arguments import path_of
from charrnn.display.tables import Column, Several, Table, Tabular
from charrnn.display.text import fitted
from charrnn.hyperparams import write
from charrnn.session.entry import branch_run
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only, with_hyperparameters
from charrnn.storage.checkpoints import best_of
from charrnn.storage.facts import Facts
from charrnn.storage.nearby import from_here, is_run, runs_in
from charrnn.storage.workspace import Workspace

Ms = TypeVar('Ms', bound=Session)


@with_hyperparameters
@known_names_only
def branch(ms: Ms, dir: str | Path, **hyperparams: Any) -> Ms:
    """Begin another run at this moment of the run.

    The two share the dataset on the disk; the branch has the history so
    far, and goes on bit for bit as this run would, or otherwise with other
    settings, such as learnrate=5e-4. This moment is saved first if it is
    not yet. ms.family() shows all branches.

    Parameters
    ----------
    dir : path     the working directory of the new run

    Raises HyperParamsError (no such setting, or one that the weights were
    made for), WorkspaceError (there is a run already).
    """
    run = branch_run(run_of(ms), Workspace(path_of('dir', dir, 'workspaces/branch')), hyperparams)
    new = object.__new__(type(ms))
    new._run = run
    return new


@fitted
@dataclass(frozen=True)
class Relative:
    """One run of a family.

    Parameters
    ----------
    path : Path             its directory
    depth : int             branches between it and the first run
    forked : int or None    the round in which it was forked from its parent; None for the first run
    round : int             of its newest checkpoint
    best_nats : float or None    the best validation loss of the whole split in its checkpoints
    changes : dict          its settings that are not those of its parent
    is_asked : bool         True for the run whose family this is
    """

    path: Path
    depth: int
    forked: int | None
    round: int
    best_nats: float | None
    changes: dict[str, Any]
    is_asked: bool


class Family(Several, Tabular, tuple[Relative, ...]):
    """The runs of a family, each below its parent: a tuple that the prompt shows as a tree."""

    __slots__ = ()
    noun = 'run'

    def table(self) -> Table:
        """Return a row for each run."""
        columns = [
            Column('run'),
            Column('forked in round', align='>'),
            Column('round', align='>'),
            Column('best valid nats', '.4f', '>'),
            Column('other settings than its parent'),
        ]
        rows = [
            (
                '  ' * each.depth + from_here(each.path) + (' ◄' if each.is_asked else ''),
                each.forked,
                each.round,
                each.best_nats,
                ', '.join(write(name, value) for name, value in each.changes.items()),
            )
            for each in self
        ]
        return Table(columns, rows)


@known_names_only
def family(ms: Session) -> Family:
    """Show the run, its parents and branches as a tree.

    Runs are found where their parents were, and in the folders of those.
    """
    own = run_of(ms).workspace.path
    facts = {own: _newest(own)}
    first, seen = own, {own}
    while (parent := _parent_of(first, facts[first])) and parent not in seen:
        facts[parent] = _newest(parent)
        first = parent
        seen.add(parent)
    folders: set[Path] = set()
    while new := {path.parent for path in facts} - folders:
        folders |= new
        found = {path: _newest(path) for folder in new for path in runs_in(folder) if path not in facts}
        facts |= {path: each for path, each in found.items() if each.get('parent')}
    return Family(_below(first, None, 0, facts, own, set()))


def _below(
    path: Path, parent: Facts | None, depth: int, facts: dict[Path, Facts], own: Path, seen: set[Path]
) -> Iterable[Relative]:
    """Yield a run, then its branches, the earliest first."""
    seen.add(path)  # a stranger's facts may go in a circle
    found = facts[path]
    yield _relative(path, parent, depth, found, path == own)
    branches = [other for other in facts if _parent_of(other, facts[other]) == path and other not in seen]
    for other in sorted(branches, key=lambda other: (facts[other]['parent']['round'], other)):
        yield from _below(other, found, depth + 1, facts, own, seen)


def _relative(path: Path, parent: Facts | None, depth: int, facts: Facts, is_asked: bool) -> Relative:
    best = best_of(Workspace(path).checkpoints.facts())
    theirs = parent['hyper'] if parent else facts.get('hyper', {})
    changes = {name: value for name, value in facts.get('hyper', {}).items() if theirs.get(name, value) != value}
    forked = facts['parent']['round'] if parent else None
    return Relative(path, depth, forked, facts.get('round', 0), best.nats if best else None, changes, is_asked)


def _newest(path: Path) -> Facts:
    """Return the facts of the newest checkpoint of a run; empty if there is none that can be read."""
    found = Workspace(path).checkpoints.facts()
    return found[max(found)] if found else {}


def _parent_of(path: Path, facts: Facts) -> Path | None:
    """Return the directory of the run that a run was forked from: where it was, or beside the run; None without one."""
    if not (parent := facts.get('parent')):
        return None
    places = [Path(parent['run']), path.parent / Path(parent['run']).name]
    return next((place for place in places if is_run(place) and place != path), None)
