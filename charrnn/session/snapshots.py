"""Checkpoints of a run at the prompt: the verbs newcheckpoint, checkpoints and restore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from charrnn.display.tables import CheckpointRow, CheckpointTable
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only
from charrnn.storage.checkpoints import best_of

Ms = TypeVar('Ms', bound=Session)


@known_names_only
def newcheckpoint(ms: Session) -> int:
    """Write a checkpoint of this moment; return its number.

    The newest are kept (five, or trainmodel's `keep`) and the best. Raises
    WorkspaceError (disk full, ...): nothing is lost.
    """
    return run_of(ms).save()


@known_names_only
def restore(ms: Ms, checkpoint: int | str | None = None) -> Ms:
    """Go back to a checkpoint: a number, 'best' or 'last'.

    'last' is the default; 'best' has the lowest validation loss over the
    whole split. Later checkpoints stay, and load takes the newest:
    newcheckpoint(), or training on, makes this moment the newest. Numbers
    only grow, and functions that this session has attached stay attached.
    Raises CheckpointError (it is not there, or damaged): nothing changed.
    """
    run_of(ms).restore(checkpoint)
    return ms


@known_names_only
def checkpoints(ms: Session) -> CheckpointTable:
    """List the checkpoints, oldest first, as a table."""
    run = run_of(ms)
    return table_of(run.workspace.checkpoints.facts(), run.data.train_size)


def table_of(facts: Mapping[int, dict[str, Any]], train_size: int) -> CheckpointTable:
    """Return the table of checkpoints from their facts, by number."""
    best = best_of(facts)
    number = best.number if best else None
    return CheckpointTable(
        CheckpointRow(n, f['round'], f['symbols'] / train_size, f['valid_nats'], f['written'], n == number)
        for n, f in sorted(facts.items())
    )
