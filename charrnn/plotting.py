"""plot: the curves of several runs in one picture."""

from __future__ import annotations

from typing import Any

from charrnn.display.plots import draw
from charrnn.errors import PlotError
from charrnn.modelstate import ModelState
from charrnn.signatures import known_names_only


@known_names_only
def plot(*states: ModelState, over: str = 'epochs', ax: Any = None) -> Any:
    """Training and validation curves of one or more runs, over 'epochs' or 'seconds'.

    The first run's baselines are lines, its checkpoints circles. Draws into
    the matplotlib Axes `ax`, by default new ones, and returns them: after
    that, plt.show() or .figure.savefig('runs.png').
    Raises PlotError (no matplotlib, no losses yet, characters beside words).
    """
    if not states:
        raise PlotError('plot takes at least one ModelState.', 'plot(ms1, ms2)')
    for ms in states:
        if not isinstance(ms, ModelState):
            raise PlotError(f'{ms!r} is no ModelState.', 'plot(ms1, ms2)')
    return draw([ms._curves() for ms in states], over, ax)
