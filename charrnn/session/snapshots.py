"""Checkpoints of a run at the prompt: the verbs newcheckpoint, checkpoints, restore and rewind."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, TypeVar

from charrnn.arguments import label, whole
from charrnn.display.tables import CheckpointRow, CheckpointTable
from charrnn.errors import CheckpointError
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.storage.checkpoints import best_of
from charrnn.training.ring import epoch_of

Ms = TypeVar('Ms', bound=Session)


@known_names_only
def newcheckpoint(ms: Session, *, name: str | None = None) -> int:
    """Write a checkpoint of this moment; return its number.

    The newest are kept (five, or trainmodel's `keep`), the best, and every
    one with a name, such as 'before-dropout', which ms.restore takes too.
    Raises CheckpointError (there is one with that name), WorkspaceError
    (disk full, ...): nothing is lost.
    """
    run = run_of(ms)
    if name is None:
        return run.save()
    name = label('name', name)
    there = run.workspace.checkpoints.names()
    if number := there.get(name):
        free = next(other for n in itertools.count(2) if (other := f'{name[:30]}-{n}') not in there)
        raise CheckpointError(f'checkpoint {number} is called {name!r} already.', f'ms.newcheckpoint(name={free!r})')
    return run.save(name)


@known_names_only
def restore(ms: Ms, checkpoint: int | str | None = None) -> Ms:
    """Go back to a checkpoint: number, name, 'best' or 'last'.

    'last' is the default; 'best' has the lowest validation loss over the
    whole split. Later checkpoints stay, and load takes the newest:
    newcheckpoint(), or training on, makes this moment the newest. Numbers
    only grow, and functions that this session has attached stay attached.
    Raises CheckpointError (it is not there, or damaged): nothing changed.
    """
    run_of(ms).restore(checkpoint)
    return ms


@known_names_only
def rewind(ms: Ms, rounds: int = 1) -> Ms:
    """Go back to the end of an earlier round, as restore does.

    `rounds` counts from the present round. Raises CheckpointError if the
    checkpoint of that round is gone; the message names the rounds that
    are kept: the newest (five, or trainmodel's `keep`), the best, and
    those with a name.
    """
    run = run_of(ms)
    run.refuse_while_training()
    now = run.learner.round
    wanted, kept = now - whole(1)('rounds', rounds, 1), _ends_of_rounds(run)
    if wanted not in kept:
        earlier = [number for number in kept if number < now]
        what = f'round {wanted} is not kept' if wanted >= 0 else f'no {rounds} rounds lie behind'
        rest = f'kept before it: {", ".join(map(str, earlier))}' if earlier else 'none before it is kept'
        step = f'ms.rewind({now - earlier[-1]}) goes back to round {earlier[-1]}' if earlier else 'ms.checkpoints()'
        raise CheckpointError(f'{what}: this is round {now}, {rest}.', step)
    run.restore(kept[wanted])
    return ms


def _ends_of_rounds(run: Run) -> dict[int, int]:
    """Return the number of the checkpoint at the end of each round on the way to the present moment.

    Of several at that place, the first: before settings were changed there, or a text was added.
    """
    found = dict[int, tuple[int, int]]()
    for number, facts in sorted(run.workspace.checkpoints.facts().items()):
        place = found.get(facts['round'], (-1, 0))[0]
        if run.history.is_past(facts['history_length']) and facts['position'] > place:
            found[facts['round']] = facts['position'], number
    return {number: checkpoint for number, (_, checkpoint) in found.items()}


@known_names_only
def checkpoints(ms: Session) -> CheckpointTable:
    """List the checkpoints, oldest first, as a table."""
    run = run_of(ms)
    return table_of(run.workspace.checkpoints.facts(), run.data.train_size)


def table_of(facts: Mapping[int, dict[str, Any]], size: int) -> CheckpointTable:
    """Return the table of checkpoints from their facts, by number; `size` is of the ring where no facts tell it."""
    best = best_of(facts)
    number = best.number if best else None
    return CheckpointTable(
        CheckpointRow(n, f['round'], epoch_of(f, size), f['valid_nats'], f['written'], n == number, f.get('name', ''))
        for n, f in sorted(facts.items())
    )
