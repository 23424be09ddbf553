"""The picture of one or more runs: the verb plot."""

from __future__ import annotations

from typing import Any

from charrnn.display.plots import Curves, draw
from charrnn.display.progress import Screen
from charrnn.errors import PlotError
from charrnn.session.run import Run, Session, run_of
from charrnn.session.snapshots import table_of
from charrnn.signatures import known_names_only


@known_names_only
def plot(*states: Session, over: str = 'epochs', ax: Any = None) -> Any:
    """Draw the curves of one or more runs.

    Training and validation losses over 'epochs' or 'seconds'. The first
    run's baselines are lines, its checkpoints circles. Draws into the
    matplotlib Axes `ax`, by default new ones, and returns them: after
    that, plt.show() or .figure.savefig('runs.png').
    Raises PlotError (no matplotlib, no losses yet, characters beside words).
    """
    if not states:
        raise PlotError('plot takes at least one ModelState.', 'plot(ms1, ms2)')
    return draw([curves_of(run_of(ms)) for ms in states], over, ax)


def curves_of(run: Run) -> Curves:
    """Return what is drawn of one run."""
    data = run.data
    ladder = run.measurements.ladder('valid', Screen()) if len(data.valid) else {}
    saved = [(row.epoch, row.valid_nats) for row in table_of(run.workspace.checkpoints.facts(), data.train_size)]
    return Curves(run.workspace.path.name, list(run.history), data.chars.level, ladder, saved)
