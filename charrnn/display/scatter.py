"""Pictures of several trials with matplotlib: their losses over rounds, and each setting against the loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from charrnn.display.plots import COLOURS
from charrnn.errors import PlotError

COLUMNS = 3
"""Settings beside each other in a picture."""
FEW = 8
"""Values of a setting up to which each is a mark of its axis."""


def _figure(size: tuple[float, float], losses: Sequence[object]) -> Any:
    """Return a new Figure, which pyplot does not know, so that nothing keeps it open."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        what = 'a picture needs matplotlib, which is not installed.'
        raise PlotError(what, 'at a shell: pip install matplotlib') from None
    if not losses:
        raise PlotError('there is nothing to draw: no trial has a loss yet.', 'the same sweep, with more trials')
    return Figure(figsize=size, layout='constrained')


def draw_courses(courses: Sequence[tuple[str, Mapping[int, float], str]], label: str) -> Any:
    """Draw the loss of each trial over its rounds.

    Parameters
    ----------
    courses : sequence    the name, the losses by round and the state of each trial, the best first, which stands out
    label : str           of the loss
    Returns
    -------
    A matplotlib Figure
    """
    shown = [course for course in courses if course[1]]
    figure = _figure((8, 4.5), shown)
    ax = figure.subplots()
    for place, (name, losses, state) in reversed([*enumerate(shown)]):
        first = {'color': COLOURS[0], 'linewidth': 2.5} if place == 0 else {'color': COLOURS[1], 'alpha': 0.45}
        line = '-' if state == 'finished' else ':'
        said = f'trial {name}' if place == 0 else None
        ax.plot([*losses], [*losses.values()], line, marker='o', markersize=4, label=said, **first)
    low, high = _span([nats for _, losses, _ in shown for nats in losses.values()])
    ax.set_ylim(low, high)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel='rounds', ylabel=label)
    if any(state != 'finished' for _, _, state in shown):
        ax.plot([], [], ':', color=COLOURS[1], label='did not finish')
    ax.legend(fontsize=8)
    return figure


def draw_parameters(
    columns: Mapping[str, Sequence[Any]],
    losses: Sequence[float | None],
    states: Sequence[str],
    logs: Collection[str],
    label: str,
) -> Any:
    """Draw each setting of several trials against their losses, in axes of its own.

    Parameters
    ----------
    columns : mapping    the values of each setting, one for each trial, the best trial first, which stands out
    losses : sequence    of each trial; None: it has none, and is left out
    states : sequence    of each trial; those that did not finish are crosses
    logs : collection    the settings whose axis is logarithmic
    label : str          of the loss
    Returns
    -------
    A matplotlib Figure
    """
    known = [place for place, nats in enumerate(losses) if nats is not None]
    across = min(COLUMNS, len(columns))
    down = -(-len(columns) // across)
    figure = _figure((4 * across, 3.2 * down), known)
    axes = [*figure.subplots(down, across, squeeze=False, sharey=True).flat]
    heights = {place: nats for place, nats in enumerate(losses) if nats is not None}
    for ax, (name, values) in zip(axes, columns.items(), strict=False):
        is_number = all(type(values[place]) in (int, float) for place in known)  # a bool is a choice
        for place in reversed(known):
            ax.scatter(
                values[place] if is_number else str(values[place]),
                heights[place],
                marker='o' if states[place] == 'finished' else 'x',
                color=COLOURS[0] if place == known[0] else COLOURS[1],
                alpha=1 if place == known[0] else 0.6,
            )
        if name in logs and is_number:
            ax.set_xscale('log')
            ax.tick_params(axis='x', which='both', labelsize=7)
        elif is_number and len({*values}) <= FEW:
            ax.set_xticks(sorted({values[place] for place in known}))
        ax.set_xlabel(name)
    for ax in axes[len(columns) :]:
        ax.set_visible(False)
    figure.axes[0].set_ylim(*_span([*heights.values()]))
    for row in range(down):
        figure.axes[row * across].set_ylabel(label)
    return figure


def _span(losses: Sequence[float]) -> tuple[float, float]:
    """Return the limits of the axis of losses; those of the worst tenth are cut off if they are far above the rest."""
    ordered = sorted(losses)
    low, high = ordered[0], ordered[-1]
    usual = ordered[int(0.9 * (len(ordered) - 1))]
    if high - low > 3 * (usual - low) > 0:
        high = usual + (usual - low) / 2
    margin = (high - low) / 20 or 0.1
    return low - margin, high + margin
