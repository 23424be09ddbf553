"""The state of a run on one screen: of a live run for ``repr(ms)``, of a directory for the command ``status``."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from charrnn.arguments import path_of
from charrnn.display.standing import Course, Standing, standing_of
from charrnn.display.status import Status
from charrnn.display.tables import Column, Table
from charrnn.display.text import NOUNS, Text, number, printable, sparkline
from charrnn.errors import CharRNNError, CheckpointError, shown
from charrnn.hyperparams import HyperParams
from charrnn.models import IMPORT_IT, MODELTYPES
from charrnn.session.run import Run
from charrnn.session.snapshots import table_of
from charrnn.session.trust import map_dataset
from charrnn.signatures import known_names_only
from charrnn.storage.checkpoints import best_of
from charrnn.storage.durable import cannot_read, explained
from charrnn.storage.nearby import is_run, runs_in
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.text.folders import SPLITS
from charrnn.text.lanes import windows_per_epoch
from charrnn.training.history import History, is_sound
from charrnn.training.ring import epoch_of

OF_A_CHECKPOINT = ('round', 'position', 'valid_nats', 'written', 'name')
"""The facts of each checkpoint that are among those of a run."""


class Overview(Text):
    """One screen about a run or a folder of runs: a str, with the same facts as plain values in `facts`."""

    facts: dict[str, Any]

    @classmethod
    def of(cls, text: str, facts: dict[str, Any]) -> Self:
        """Return a screen with its facts."""
        found = cls(printable(text))
        found.facts = facts
        return found


def status_of(run: Run) -> Status:
    """Return the plain values of the status lines: no tensors, no disk, no wait for a GPU."""
    learner, data, trained = run.learner, run.data, run.history.column('train_nats')
    standing = standing_of(course_of(run, slow=False))
    return Status(
        directory=run.workspace.name,
        modeltype=run.modeltype,
        layers=learner.hyper.layers,
        state_size=learner.hyper.state_size,
        level=data.chars.level,
        symbols=len(data.chars.symbols),
        weights=sum(p.numel() for p in learner.model.parameters()),
        device=str(learner.device),
        train_size=len(data.train),
        valid_size=len(data.valid),
        epoch=learner.epoch,
        round=learner.round,
        lanes=learner.lanes if learner.symbols else 0,
        seq_len=learner.hyper.seq_len,
        train_nats=trained[-1] if trained else None,
        valid_nats=run.history.validations(),
        best=(run.best.round, run.best.nats) if run.best else None,
        checkpoint=run.saved.get('number'),
        newest=run.saved.get('newest'),
        rounds_behind=learner.round - run.saved.get('round', 0),
        saved=run.saved.get('position') == learner.position,
        torn=learner.torn,
        diverged=learner.diverged,
        finding=standing.words,
        following=standing.next_step,
        attached=tuple(run.attachments),
        waiting=tuple(run.attachments.waiting),
        training=run.background.progress if run.background and run.background.running else '',
    )


def course_of(run: Run, *, slow: bool = True) -> Course:
    """Return the numbers that decide where a run stands; with `slow=False` those that are there at once."""
    learner = run.learner
    trained = run.history.column('train_nats') if learner.symbols else []
    uniform, unigram = run.measurements.guesses(slow=slow)
    return Course(
        updates=learner.position // learner.hyper.seq_len,
        round_updates=learner.epoch_windows(),
        train_nats=trained[-1] if trained else None,
        valid_nats=run.history.validations(),
        best=(run.best.round, run.best.nats) if run.best else None,
        uniform=uniform,
        unigram=unigram,
        learnrate=learner.learnrate,
        optimizer=learner.hyper.optimizer,
        level=run.data.chars.level,
        cosine=learner.hyper.cosine,
    )


@known_names_only
def status(dir: str | Path) -> Overview:
    """Return one screen about a run: its model, its progress, its losses, its checkpoints; or a table of runs.

    Parameters
    ----------
    dir : path    the working directory of the run, or a folder of runs
    """
    workspace = Workspace(path_of('dir', dir))
    with explained(workspace.path, cannot_read):
        if not is_run(workspace.path) and (inside := runs_in(workspace.path)):
            return _table_of_runs(inside, str(dir))
        workspace.require_run()
        return _screen(workspace, dir)


def _screen(workspace: Workspace, dir: str | Path) -> Overview:
    """Return the text of ``status`` about a directory that holds a run."""
    saved = workspace.checkpoints.facts()
    facts: dict[str, Any] = saved[max(saved)] if saved else {}
    data = map_dataset(workspace, facts.get('data_digest', ''))
    level = data.chars.level
    history = History(workspace.read_history(is_sound)[0].rows, level)
    sizes = ' + '.join(f'{size:,} {name}' for size, name in zip(data.sizes, SPLITS, strict=True) if size)
    busy = {True: f'{workspace.who_writes()} is writing it now', False: 'no process is writing it', None: 'unknown'}
    lines = [
        f'{printable(str(dir))}   {printable(facts.get("modeltype", "no readable checkpoint"))}'
        + (f' {_sizes(facts)}' if facts else ''),
        f'  text     {sizes} {NOUNS[level]} of {printable(data.source)!r}',
        f'  writer   {busy[workspace.is_being_written()]}',
    ]
    if rows := [row for row in history if row['kind'] != 'start']:
        lines.append(f'  newest   {_newest(rows[-1], level, workspace)}')
    if valid := history.validations():
        losses = [nats for _, nats in valid]
        best = f', best {number(found.nats, 4)} in checkpoint {found.number}' if (found := best_of(saved)) else ''
        lines.append(f'  valid    {number(losses[-1], 4)} nats/{level}{best}  {sparkline(losses)}')
    free = shutil.disk_usage(workspace.path).free
    lines.append(f'  disk     {_size(workspace.path) / 1e6:,.1f} MB used, {free / 1e9:,.1f} GB free')
    table = table_of(saved, data.train_size)
    following = f'ModelState.load({str(dir)!r})'
    if standing := _standing_on_disk(facts, saved, history, data):
        lines += [f'  {standing.words}'] if standing.words else []
        step = standing.next_step
        following = step if 'ModelState.' in step else f'ms = {following}, then {step}'
    if facts and facts['modeltype'] not in MODELTYPES:
        lines.append(f'  needs    the model type {shown(facts["modeltype"])}, which this Python does not know')
        following = f'{IMPORT_IT}, then ModelState.load({str(dir)!r})'
    return Overview.of(
        '\n'.join([*lines, str(table), f'Next: {following}']),
        {
            'directory': str(dir),
            'modeltype': facts.get('modeltype'),
            'hyper': facts.get('hyper'),
            'level': level,
            'source': data.source,
            'sizes': dict(zip(SPLITS, data.sizes, strict=True)),
            'being_written': workspace.is_being_written(),
            'epoch': epoch_of(facts, data.train_size) if facts else 0.0,
            'newest': rows[-1] if rows else None,
            'valid_nats': [nats for _, nats in valid],
            'best': best_of(saved),
            'checkpoints': {n: {name: saved[n].get(name) for name in OF_A_CHECKPOINT} for n in sorted(saved)},
        },
    )


def _standing_on_disk(
    facts: Mapping[str, Any], saved: Mapping[int, dict[str, Any]], history: History, data: Dataset
) -> Standing | None:
    """Return where the run of a newest checkpoint stands, as its prompt would say it; None for odd facts.

    The guess by frequencies is measured at the prompt only.
    """
    with contextlib.suppress(KeyError, TypeError, ValueError, ZeroDivisionError):
        hyper, best, trained = HyperParams(**facts['hyper']), best_of(saved), history.column('train_nats')
        lanes = max(1, facts['symbols'] // max(1, facts['position']))  # the mean number so far
        course = Course(
            updates=facts['position'] // hyper.seq_len,
            round_updates=windows_per_epoch(data.train_size, lanes, hyper.seq_len),
            train_nats=trained[-1] if trained and facts['symbols'] else None,
            valid_nats=history.validations(),
            best=(best.round, best.nats) if best else None,
            uniform=math.log(len(data.chars.symbols)),
            unigram=None,
            learnrate=hyper.learnrate,
            optimizer=hyper.optimizer,
            level=data.chars.level,
            cosine=hyper.cosine,
        )
        return standing_of(course)
    return None


def _table_of_runs(runs: list[Path], parent: str) -> Overview:
    """Return a line for each run of a folder; why it cannot be read, for one that cannot."""
    rows: list[tuple[Any, ...]] = []
    for path in runs:
        try:
            rows.append((path.name, *_row_of(Workspace(path)), ''))
        except CharRNNError as error:
            rows.append((path.name, *(None,) * 6, error.what))
    heads = Column('run'), Column('model'), Column('round', align='>'), Column('epoch', '.2f', '>')
    losses = Column('valid', align='>'), Column('best', align='>'), Column('unit'), Column('')
    step = f'ModelState.load({str(Path(parent) / runs[0].name)!r}), or python -m charrnn status DIR of one run'
    names = ('run', 'model', 'round', 'epoch', 'valid', 'best', 'unit', 'trouble')
    facts = {'directory': parent, 'runs': [dict(zip(names, row, strict=True)) for row in rows]}
    return Overview.of(f'{Table((*heads, *losses), rows)}\nNext: {step}', facts)


def _row_of(workspace: Workspace) -> tuple[str, int, float, str | None, str | None, str]:
    """Return the model, the round, the epoch, the newest and the best validation loss, and their unit, of a run."""
    saved = workspace.checkpoints.facts()
    if not saved:
        raise CheckpointError('no readable checkpoint.', f'python -m charrnn fsck {workspace.name}')
    facts = saved[max(saved)]
    data = map_dataset(workspace, facts['data_digest'])
    level = data.chars.level
    valid = History(workspace.read_history(is_sound)[0].rows, level).validations()
    model = f'{facts["modeltype"]} {_sizes(facts)}'
    newest, best = number(valid[-1][1]) if valid else None, best_of(saved)
    epoch = epoch_of(facts, data.train_size)
    return model, facts['round'], epoch, newest, number(best.nats) if best else None, f'nats/{level}'


def _sizes(facts: dict[str, Any]) -> str:
    """Return layers and units of the model in the facts of a checkpoint, which may hold anything under these names."""
    return 'x'.join(shown(facts['hyper'].get(name)) for name in ('layers', 'state_size'))


def _size(root: Path) -> int:
    """Return the bytes of all files below a folder; files that its writer removes meanwhile are passed over."""
    found = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                found += (Path(folder) / name).lstat().st_size
    return found


def _newest(row: Any, level: str, workspace: Workspace) -> str:
    ago = max(0, round(time.time() - workspace.history.stat().st_mtime))
    when = f'{ago} s' if ago < 100 else f'{ago // 60} min' if ago < 6000 else f'{ago // 3600} h'
    parts = [f'{row["kind"]} {when} ago: epoch {row["epoch"]:.2f}, round {row["round"]}']
    if row.get('train_nats') is not None:
        parts.append(f'train {number(row["train_nats"], 3)} nats/{level}')
    if speed := row.get(f'{level}s_per_second'):
        parts.append(f'{speed:,.0f} {level}s/s')
    return ', '.join(parts)
