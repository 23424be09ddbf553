"""The picture of one or more runs: the verb plot."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from charrnn.display.plots import WIDTHS, Curves, draw, is_interactive
from charrnn.display.progress import Screen
from charrnn.errors import PlotError, shown
from charrnn.evaluation.ladder import ADAPTIVE
from charrnn.session.comparison import common_end, spread
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
    Raises PlotError (no matplotlib, no losses yet, characters beside
    words, runs on different texts).
    """
    if not states:
        raise PlotError('plot takes at least one ModelState.', 'plot(ms, ...)')
    runs = [run_of(ms) for ms in spread('plot', states)]
    if not isinstance(over, str) or over not in WIDTHS:
        raise PlotError(f'over={shown(over)} is unknown.', ' or '.join(f'over={name!r}' for name in WIDTHS))
    if ax is not None and not hasattr(ax, 'get_ylim'):
        raise PlotError(f'ax={shown(ax)} is no Axes of matplotlib.', 'leave ax out')
    if len({run.data.chars.level for run in runs}) == 1:
        refuse_different_texts(runs)
    axes = draw([curves_of(run) for run in runs], over, ax)
    if ax is None and hasattr(sys, 'ps1') and not is_interactive():  # a plain prompt shows no picture by itself
        Screen().say('import matplotlib.pyplot as plt; plt.show() opens the picture')
    return axes


def refuse_different_texts(runs: Sequence[Run]) -> None:
    """Raise PlotError if runs were not measured on the same text: their losses are not on one scale."""
    if len({run.data.digest for run in runs}) == 1:
        return
    if common_end([run.data.text('valid' if len(run.data.valid) else 'train') for run in runs]) is None:
        raise PlotError(
            'these models do not validate on the same text: their losses cannot be compared.',
            'ms.plot() for each, a picture of its own',
        )


def curves_of(run: Run) -> Curves:
    """Return what is drawn of one run."""
    data = run.data
    ladder = run.measurements.ladder('valid', Screen()) if len(data.valid) else {}
    saved = [(row.epoch, row.valid_nats) for row in table_of(run.workspace.checkpoints.facts(), data.train_size)]
    return Curves(run.workspace.path.name, list(run.history), data.chars.level, ladder, saved, ADAPTIVE)
