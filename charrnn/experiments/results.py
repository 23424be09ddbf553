"""The result of a sweep: a table of its trials, best first, which also writes their CSV and draws their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.display.scatter import draw_courses, draw_parameters
from charrnn.display.tables import Column, Several, Table, Tabular, write_csv
from charrnn.display.text import fitted, number
from charrnn.experiments.space import Range, Space
from charrnn.experiments.study import Study
from charrnn.storage.durable import cannot_write, explained, remove
from charrnn.storage.nearby import from_here

STATES = {'COMPLETE': 'finished', 'PRUNED': 'pruned', 'FAIL': 'failed', 'RUNNING': 'running'}
"""Optuna's states in words; a trial whose loss was not finite is pruned there and 'diverged' here."""
SHOWN = 20
"""Trials that the prompt shows, the best."""


@fitted
@dataclass(frozen=True)
class TrialRow:
    """One trial of a sweep.

    Parameters
    ----------
    number : int
    state : str            'finished', 'pruned', 'diverged', 'failed', 'stopped' (the same call goes on with it), or
                           'running' in another process
    loss : float or None   the lowest of its rounds, in nats per symbol
    losses : dict          of each round, by its number from 1
    seconds : float or None    spent in training windows
    parameters : dict      its values of the settings that vary
    directory : str        of its run
    error : str            the reason of a trial that failed or diverged
    """

    number: int
    state: str
    loss: float | None
    losses: Mapping[int, float]
    seconds: float | None
    parameters: Mapping[str, Any]
    directory: str
    error: str = ''


@dataclass(frozen=True)
class About:
    """The facts of a sweep for its table and pictures: directory, metric, level, settings, and those on a log scale."""

    dir: str
    metric: str
    level: str
    names: tuple[str, ...]
    logs: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, dir: str, metric: str, level: str, space: Space) -> About:
        """Return what a sweep says about itself."""
        logs = frozenset(name for name, each in space.items() if isinstance(each, Range) and each.log)
        return cls(dir, metric, level, tuple(space), logs)

    @property
    def label(self) -> str:
        """The name of the loss, with its unit."""
        return f'{self.metric} nats/{self.level}'


class Trials(Several, Tabular, tuple[TrialRow, ...]):
    """The trials of a sweep, best first: a tuple that the prompt shows as a table.

    Attributes
    ----------
    interrupted : bool    True if Ctrl-C ended the sweep
    """

    noun = 'trial'
    about: About
    interrupted = False

    @classmethod
    def of(cls, rows: Iterable[TrialRow], about: About, *, interrupted: bool = False) -> Trials:
        """Return rows as a table, best first: those that finished, then the rest by their loss and number."""

        def place(row: TrialRow) -> tuple[bool, float, int]:
            return row.state != 'finished', float('inf') if row.loss is None else row.loss, row.number

        found = cls(sorted(rows, key=place))
        found.about, found.interrupted = about, interrupted
        return found

    @property
    def best(self) -> TrialRow | None:
        """The trial with the lowest loss of those that finished; None if none has."""
        return next((row for row in self if row.state == 'finished'), None)

    def table(self) -> Table:
        """Return a row for each of the best trials."""
        about = self.about
        columns = [
            Column('trial', align='>'),
            Column(about.label, '.4f', '>'),
            Column('rounds', align='>'),
            Column('seconds', '.1f', '>'),
            *(Column(name, align='>') for name in about.names),
            Column(''),
        ]
        rows = [
            (
                row.number,
                row.loss,
                len(row.losses),
                row.seconds,
                *(_short(row.parameters.get(name)) for name in about.names),
                '' if row.state == 'finished' else f'{row.state}  {row.error}'.strip(),
            )
            for row in self[:SHOWN]
        ]
        rest = f'… {len(self) - SHOWN} more; ' if len(self) > SHOWN else ''
        after = f'{rest}{from_here(Path(about.dir) / "trials.csv")} has all'
        if self.best:
            after += f'.  Next: ms = ModelState.load({self.best.directory!r})'
        return Table(columns, rows, after=after)

    def to_csv(self, path: str | Path) -> None:
        """Write all trials by number as comma-separated values, after a line of names."""
        names = self.about.names
        heads = ['trial', 'state', f'{self.about.metric}_nats', 'rounds', 'seconds', 'directory', *names, 'error']
        rows = [
            [
                *(row.number, row.state, row.loss, len(row.losses), row.seconds, row.directory),
                *(row.parameters.get(name) for name in names),
                row.error,
            ]
            for row in sorted(self, key=lambda row: row.number)
        ]
        write_csv(path, heads, rows)

    def drawcurves(self) -> Any:
        """Draw the losses of all trials over their rounds; return a matplotlib Figure, which has savefig.

        Raises
        ------
        PlotError    matplotlib is not installed, or no trial has a loss yet
        """
        return draw_courses([(str(row.number), row.losses, row.state) for row in self], self.about.label)

    def drawparameters(self) -> Any:
        """Draw each setting that varies against the loss; return a matplotlib Figure, which has savefig.

        Raises
        ------
        PlotError    matplotlib is not installed, or no trial has a loss yet
        """
        about = self.about
        losses = [row.loss for row in self]
        columns = {name: [row.parameters.get(name) for row in self] for name in about.names}
        return draw_parameters(columns, losses, [row.state for row in self], about.logs, about.label)


def _short(value: Any) -> str | None:
    return f'{value:.4g}' if isinstance(value, float) else None if value is None else str(value)


def trials_of(study: Study, about: About, *, interrupted: bool = False) -> Trials:
    """Return the trials of a study as a table."""
    return Trials.of((row_of(study, trial) for trial in study.all() if trial.state.name in STATES), about,
                     interrupted=interrupted)  # fmt: skip


def row_of(study: Study, trial: Any) -> TrialRow:
    """Return a trial of Optuna as a row."""
    state, known = STATES[trial.state.name], trial.user_attrs
    error = str(known.get('error', ''))
    if state == 'pruned' and error:
        state = 'diverged'
    elif state == 'running' and study.is_left(trial):
        state = 'stopped'
    losses = {step + 1: nats for step, nats in sorted(trial.intermediate_values.items())}
    is_here = known.get('folder', study.name) == study.name
    directory = study.place(trial.number).name if is_here else str(known.get('directory', ''))
    loss = trial.value if state == 'finished' else min(losses.values(), default=None)
    return TrialRow(trial.number, state, loss, losses, known.get('seconds'), dict(trial.params), directory, error)


def write_table(trials: Trials, folder: Path) -> None:
    """Write trials.csv; its name stands for the old table or for the whole new one."""
    path = folder / 'trials.csv'
    new = folder / '.trials.csv.tmp'
    with explained(path, cannot_write):
        try:
            trials.to_csv(new)
            new.replace(path)
        finally:
            remove(new)


def write_pictures(trials: Trials, folder: Path) -> None:
    """Write curves.png and parameters.png.

    Raises
    ------
    PlotError    matplotlib is not installed, or no trial has a loss yet
    """
    for name, figure in (('curves.png', trials.drawcurves()), ('parameters.png', trials.drawparameters())):
        with explained(folder / name, cannot_write):
            figure.savefig(folder / name)


def line_of(row: TrialRow, about: About, best: float | None) -> str:
    """Return one line about a trial that has ended, for the screen."""
    settings = ', '.join(f'{name}={_short(value)}' for name, value in row.parameters.items())
    parts = [f'trial {row.number} {row.state}', settings]
    if row.loss is not None:
        parts.insert(1, f'{about.metric} {number(row.loss, 4)} nats/{about.level}')
    if row.error:
        parts.append(row.error)
    if row.state == 'finished' and (best is None or (row.loss is not None and row.loss < best)):
        parts.append('the best so far')
    return '  '.join(parts)
