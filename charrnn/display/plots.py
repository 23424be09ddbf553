"""Pictures of runs with matplotlib: losses over epochs or seconds, learning rate, baselines and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.errors import PlotError

STYLES: dict[str, dict[str, Any]] = {'train_nats': {'linewidth': 1, 'alpha': 0.6}, 'valid_nats': {'marker': 'o'}}
BASELINES = {False: ('static baseline', ':'), True: ('adaptive baseline (learns while it reads)', '--')}
"""The label and the line of a baseline that is fixed, and of one that goes on learning while it reads."""
WIDTHS = {'epochs': 'epoch', 'seconds': 'seconds'}
COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
"""The palette of Okabe and Ito, which colour-blind readers can tell apart."""


@dataclass(frozen=True)
class Curves:
    """The data of one run that a picture shows.

    Parameters
    ----------
    name : str                      the label of its curves
    rows : sequence of mappings     its history
    unit : str                      the unit that losses are per: 'char', 'byte' or 'word'
    ladder : mapping                baselines by name, in nats; drawn as horizontal lines
    checkpoints : sequence          (epoch, valid nats or None) of each checkpoint
    adaptive : sequence of str      the baselines that learn while they read; dashed, the static ones are dotted
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    unit: str
    ladder: Mapping[str, float]
    checkpoints: Sequence[tuple[float, float | None]]
    adaptive: Sequence[str] = ()


def draw(runs: Sequence[Curves], over: str = 'epochs', ax: Any = None) -> Any:
    """Draw training (thin) and validation (marked) losses of one or more runs; for one run also its learning rate.

    Parameters
    ----------
    over : 'epochs' or 'seconds'
    ax : matplotlib Axes, optional    the axes to draw into; by default those of a new figure
    Returns
    -------
    The Axes of the losses
    Raises
    ------
    PlotError    matplotlib is not installed, there is nothing to draw, or the runs have losses per different units
    """
    units = sorted({run.unit for run in runs})
    if len(units) > 1:  # a word costs more than a character, so one axis would mislead
        raise PlotError(
            f'losses per {" and per ".join(units)} are not on one scale.',
            'compare(ms, ...) for one table in bits per byte, or ms.plot() for each, a picture of its own',
        )
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        what = 'a picture needs matplotlib, which is not installed.'
        raise PlotError(what, 'at a shell: pip install matplotlib') from None
    column = WIDTHS[over]
    if not any(_measured(run.rows, kind) for run in runs for kind in STYLES):
        raise PlotError('there is nothing to draw yet.', 'ms.trainmodel()')
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 4.5), layout='constrained')
    drawn_before = ax.get_ylim() if ax.has_data() else ()
    for colour, run in zip(COLOURS * len(runs), runs, strict=False):
        curves = {kind: [(row[column], row[kind]) for row in _measured(run.rows, kind)] for kind in STYLES}
        for kind, style in STYLES.items():
            if curves[kind]:
                label = f'{run.name} {kind.removesuffix("_nats")}'.strip()
                ax.plot(*zip(*curves[kind], strict=True), color=colour, markersize=4, label=label, **style)
        # only checkpoints on the curve: after a restore, superseded checkpoints are still on disk
        saved = sorted(set(run.checkpoints) & set(curves['valid_nats'])) if over == 'epochs' else []
        if saved:
            label = f'{run.name} checkpoints'.strip()
            ax.scatter(*zip(*saved, strict=True), s=90, facecolors='none', edgecolors=colour, label=label)
    trained, validated = ([row[kind] for run in runs for row in _measured(run.rows, kind)] for kind in STYLES)
    low, high = span(trained, [*validated, *runs[0].ladder.values()])
    for learns, (label, line) in BASELINES.items():
        found = [nats for name, nats in runs[0].ladder.items() if (name in runs[0].adaptive) == learns]
        for place, nats in enumerate(found):
            ax.axhline(nats, color='grey', linewidth=0.8, linestyle=line, label=None if place else label)
    ax.set_ylim(min([low, *drawn_before]), max([high, *drawn_before]))
    names = labels(runs[0].ladder, (high - low) / 25)
    _make_room(ax, max((len(name) for name, _ in names), default=0))
    for name, nats in names:
        ax.annotate(
            name, (0.005, nats), xycoords=('axes fraction', 'data'), fontsize=8, color='grey', ha='left', va='bottom'
        )
    ax.set_xlabel(over)
    ax.set_ylabel(f'nats/{runs[0].unit}')
    handles = ax.get_legend_handles_labels()[0]
    if len(runs) == 1:
        rates = [(row[column], row['learnrate']) for row in runs[0].rows if row.get('learnrate') is not None]
        side = ax.twinx()
        style = {'color': 'grey', 'linewidth': 0.8, 'alpha': 0.5, 'drawstyle': 'steps-post', 'label': 'learning rate'}
        (line,) = side.plot(*zip(*rates, strict=True), **style)
        handles.append(line)
        side.set_ylabel('learning rate', color='grey')
        side.set_ylim(
            0, 1.5 * max(rate for _, rate in rates) or 1
        )  # so that a constant rate does not lie on a baseline
    ax.legend(
        handles=handles,
        fontsize=8,
        loc='lower center',
        bbox_to_anchor=(0.5, 1),
        ncols=min(len(runs), 4) if len(runs) > 1 else 4,
    )
    return ax


def _make_room(ax: Any, letters: int) -> None:
    """Move the left edge so far that labels of that many letters stand beside the curves, which begin at 0."""
    share = 0.02 + 0.011 * letters  # of the width of the axes, in the font of the labels
    left, right = ax.get_xlim()
    ax.set_xlim(min(left, -right * share / (1 - share)), right)


def is_interactive() -> bool:
    """Return True if matplotlib shows pictures without being asked, as in a notebook."""
    import matplotlib

    return bool(matplotlib.is_interactive())


def span(trained: Sequence[float], measured: Sequence[float]) -> tuple[float, float]:
    """Return the lower and upper limit of the loss axis, in nats, around all validations and baselines.

    Higher training losses are cut off, because a few windows with a huge loss would flatten every curve.

    >>> span([2000.0, 6.0, 5.0], measured=[9.5, 7.0, 6.0])
    (4.775, 9.725)
    """
    low, high = min([*trained, *measured]), max(measured or trained)
    margin = (high - low) / 20 or 1.0
    return low - margin, high + margin


def labels(ladder: Mapping[str, float], apart: float) -> list[tuple[str, float]]:
    """Return the labels of the baselines and their heights, lowest first; lines closer than `apart` share one label.

    >>> labels({'unigram': 3.35, '6-gram': 1.70, 'xz': 1.74}, apart=0.1)
    [('6-gram, xz', 1.74), ('unigram', 3.35)]
    """
    found: list[tuple[str, float]] = []
    for name, nats in sorted(ladder.items(), key=lambda rung: rung[1]):
        if found and nats - found[-1][1] < apart:
            found[-1] = (f'{found[-1][0]}, {name}', nats)
        else:
            found.append((name, nats))
    return found


def _measured(rows: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    """Return the rows with a loss of that kind; a round's mean training loss only if the round has no reports."""
    reported = {row['round'] for row in rows if row['kind'] == 'report'}
    found = [row for row in rows if row.get(kind) is not None]
    return [row for row in found if kind != 'train_nats' or row['kind'] != 'round' or row['round'] not in reported]
