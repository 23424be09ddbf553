"""Sweeps: many runs on one text with other settings each, which Optuna chooses: the function sweep."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.arguments import CHECKS, path_of, truth, whole
from charrnn.display.progress import Screen
from charrnn.errors import (
    HyperParamsError,
    PlotError,
    WorkspaceError,
    warn,
)
from charrnn.experiments.results import About, Trials, line_of, trials_of, write_pictures, write_table
from charrnn.experiments.space import drawn, grid, read_space
from charrnn.experiments.study import (
    JOURNAL,
    Study,
    as_plain,
    imported,
    locked,
    refuse_other,
    write_settings,
    written_settings,
)
from charrnn.experiments.worker import Common, Ended, begin_trial, tried, work
from charrnn.hyperparams import HyperParams, write
from charrnn.models import choose_device, modeltype_named
from charrnn.session.beginnings import read_source, shifted_end
from charrnn.session.trust import open_dataset
from charrnn.signatures import known_names_only, with_hyperparameters
from charrnn.storage.durable import remove
from charrnn.storage.durable import sweep as clear_away
from charrnn.storage.nearby import SWEEP, runs_in, unused
from charrnn.storage.sealed import digest, is_sealed
from charrnn.storage.workspace import Workspace
from charrnn.text.decoding import open_source
from charrnn.text.lanes import FIRST_LANES
from charrnn.text.remarks import remarks
from charrnn.text.selection import selected
from charrnn.text.sources import DEFAULT_TRAINFRAC, Source, source_files
from charrnn.training.interrupt import StopRequest

if TYPE_CHECKING:
    from optuna.trial import Trial

USUAL = {'modeltype': 'GRUEncode', 'batchsize': FIRST_LANES}
"""Settings that can vary and are no hyperparameters."""
READ = ('level', 'encoding', 'trainfrac', 'vocab_size', 'lower', 'punctuation', 'mincount', 'errors', 'shuffle_lines')
"""The options for reading the text."""
PAUSE = 0.25
"""Seconds between two looks at the trials of other processes."""


@with_hyperparameters
@known_names_only
def sweep(
    srcfile: str | Path | Sequence[str | Path],
    dir: str | Path,
    space: dict[str, Any] | str | Path = 'space.json',
    *,
    trials: int = 20,
    rounds: int = 3,
    sampler: str = 'tpe',
    pruner: Any = None,
    metric: str = 'valid',
    storage: str | None = None,
    modeltype: str = 'GRUEncode',
    batchsize: int = FIRST_LANES,
    train_len: int = 0,
    trainfrac: float = DEFAULT_TRAINFRAC,
    level: str = 'char',
    encoding: str = 'utf-8',
    device: str = 'auto',
    seed: int = 0,
    vocab_size: int | None = None,
    lower: bool = False,
    punctuation: bool = False,
    mincount: int = 1,
    errors: str = 'strict',
    shuffle_lines: bool = False,
    recipe: str | None = None,
    quiet: bool = False,
    **hyperparams: Any,
) -> Trials:
    """Train runs with other settings each, and rank them.

    Optuna chooses the settings. Each trial is a run like any other, on one
    encoded text: ModelState.load('sweep/0007') loads trial 7. The same call
    goes on after Ctrl-C or a kill, and the same call in other processes
    works on the same trials. The result is a table, best first; the files
    trials.csv, curves.png and parameters.png are in the directory.

        sweep('text.txt', 'sweep', {'layers': [1, 2, 3],
              'learnrate': (1e-4, 1e-1, 'log'), 'dropout': (0.0, 0.5)})

    Parameters
    ----------
    srcfile : path         the text; or a directory with train.txt,
                           valid.txt and test.txt
    dir : path             the working directory of the sweep, with a run
                           for each trial
    space : dict or path   what varies: a list of choices, or (low, high),
                           or (low, high, 'log'), for each of the settings,
                           batchsize and modeltype; or a JSON file with it,
                           where [low, high, "log"] and [low, high,
                           "uniform"] are ranges
    trials : int           trials in all, those of earlier calls too
    rounds : int           rounds of each trial
    sampler : str          'tpe' learns from the trials so far; 'random';
                           'grid' tries every combination of choices
    pruner : str           'median' ends a trial after a round that is worse
                           than the median of the others; or any pruner of
                           Optuna
    metric : str           'valid', the best of the rounds' validations; or
                           'train', the best mean training loss of a round
    storage : str          the URL of a database, for processes on several
                           machines; without it, a file in the directory
    modeltype : str        of all trials, unless it varies
    batchsize : int        lanes of all trials, unless they vary
    train_len : int        training steps of a round, each a window of every
                           lane; 0 is once through the text
    trainfrac : float      the first int(trainfrac·size) symbols train, the
                           rest validates
    level : str            a symbol is a 'char', a 'byte' or a 'word'
    encoding : str         of the text; bytes have none
    device : str           'auto', 'cpu', 'cuda' or 'mps'
    seed : int             the weights and the settings of a trial are a
                           function of it
    vocab_size : int       of words: keep the most frequent; None: all
    lower : bool           of words: read the text in lower case
    punctuation : bool     of words: split punctuation from words
    mincount : int         of words: the fewest times in the text
    errors : str           'strict', or 'replace': bytes that are not of the
                           encoding are read as U+FFFD
    shuffle_lines : bool   of one file: shuffle its lines, by the seed,
                           before the split; for sorted lists
    recipe : str           'small': good settings for up to 5 MB
    quiet : bool           print nothing

    Raises HyperParamsError, SourceTextError, TrainingError (too short a
    text), SweepError (no Optuna, other settings than the sweep that is
    there, no database), WorkspaceError (disk full, ...).
    """
    found = read_space(space)
    for name, value in (('sampler', sampler), ('metric', metric), ('pruner', pruner), ('storage', storage)):
        if value is not None or name in ('sampler', 'metric'):
            CHECKS[name][0](name, value, CHECKS[name][1])
    for name in hyperparams:
        if name in found:
            raise HyperParamsError(f'{name} is fixed in this call, and the space varies it.', f'leave {name} out')
    lanes = whole(1)('batchsize', batchsize, FIRST_LANES)
    fixed = {'modeltype': modeltype_named(modeltype), 'batchsize': lanes, **HyperParams(**hyperparams).facts()}
    for name, usual in USUAL.items():
        if name in found and fixed[name] != usual:
            raise HyperParamsError(f'{name} is fixed in this call, and the space varies it.', f'leave {name} out')
    words = (vocab_size, lower, punctuation, mincount)
    path, files = selected(srcfile)
    source = Source(path, level, encoding, trainfrac, *words, errors, shuffle_lines, files)
    common = Common(
        bytes=source.bytes,
        level=level,
        modeltype=fixed['modeltype'],
        batchsize=lanes,
        hyper={name: fixed[name] for name in hyperparams},
        recipe=recipe,
        seed=whole(0)('seed', seed, 0),
        device=choose_device(device),
        rounds=whole(1)('rounds', rounds, 1),
        train_len=whole(0)('train_len', train_len, 100),
        metric=metric,
    )
    trials, screen = whole(1)('trials', trials, 20), Screen(level=level, quiet=truth('quiet', quiet))
    workspace = Workspace(path_of('dir', dir, 'workspaces/sweep'))
    imported()
    if sampler == 'grid':
        next(grid(found))
    combinations = drawn(found)
    common.refuse_useless(combinations)
    several = {f'{number} {path.name}': _digest(path) for number, path in enumerate(source.files)}
    texts = several or {path.name: _digest(path) for path in source_files(source) if path}
    settings: dict[str, Any] = as_plain(
        {
            'text': texts,
            **{name: getattr(source, name) for name in READ},
            **common.facts(),
            'sampler': sampler,
            'space': {name: each.facts() for name, each in found.items()},
        }
    )
    about = About.of(workspace.name, metric, level, found)

    def tell_waiting() -> None:
        screen.say('Another process begins this sweep; waiting for it ...')

    if workspace.path.exists() and not workspace.path.is_dir():
        raise WorkspaceError(f'{workspace.name!r} is a file, not a directory.', f'dir={unused(workspace.name)!r}')
    with locked(workspace.path, tell_waiting):
        written = written_settings(workspace.path)
        if not written:
            _refuse_taken(workspace)
        is_new = not is_sealed(workspace.dataset)  # also if an earlier process was killed before it was
        try:
            if is_new:
                written = write_settings(workspace.path, settings)  # from here on, the dataset is known as ours
                _begin(workspace, source, common, combinations)
            refuse_other(repr(workspace.name), written['settings'], settings, workspace.name)
            study = Study(workspace, written, found, storage, sampler, pruner, trials)
        except BaseException:
            if is_new:
                _take_back(workspace)
            raise
    try:
        with StopRequest() as stop:
            _work_on(study, common, about, screen, stop)
        result = trials_of(study, about, interrupted=stop.requested)
    finally:
        study.close()
    if stop.ended_by is not None:
        raise SystemExit(128 + stop.ended_by)
    try:
        write_pictures(result, workspace.path)
    except PlotError as error:
        screen.say(f'No pictures: {error.what}  Next: {error.next_step}')
    return result


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file of a source; raise SourceTextError if it cannot be read."""
    with open_source(path):
        return digest(path)


def _refuse_taken(workspace: Workspace) -> None:
    """Raise WorkspaceError if a directory holds files under the names of those that a sweep writes, and may remove."""
    parts = (workspace.dataset, workspace.history, *(workspace.path / name for name in JOURNAL))
    taken = [path.name for path in (workspace.checkpoints.root, *parts, *runs_in(workspace.path)) if path.exists()]
    if taken:
        what = f'{workspace.name!r} holds a {taken[0]!r} of something else; a sweep needs a directory of its own.'
        raise WorkspaceError(what, f'dir={unused(workspace.name)!r}')


def _begin(workspace: Workspace, source: Source, common: Common, combinations: list[dict[str, Any]]) -> None:
    """Encode the text of a sweep that begins; refuse settings that fit no trial.

    Raises
    ------
    SourceTextError, HyperParamsError, TrainingError
    """
    clear_away(workspace.path, '.dataset.*.tmp')
    read_source(workspace, source, min(common.model_of(each).hyper.seq_len for each in combinations), common.seed)
    data = open_dataset(workspace)
    common.refuse_unfit(combinations, data)
    for remark in [*remarks(source), *shifted_end(source, data)]:
        steps = [remark.first] if remark.first else []
        if remark.changes:
            changes = ', '.join(write(name, value) for name, value in remark.changes.items())
            steps.append(f'{changes} in another directory {remark.effect}'.rstrip())
        warn(f'{remark.what}  Next: {", then ".join(steps)}' if steps else remark.what)


def _take_back(workspace: Workspace) -> None:
    """Remove what a sweep that failed to begin has written, and its directory if there is nothing else in it."""
    for path in (workspace.dataset, *(workspace.path / name for name in (SWEEP, *JOURNAL, 'sweep.lock'))):
        remove(path)
    with contextlib.suppress(OSError):
        workspace.path.rmdir()


def _work_on(study: Study, common: Common, about: About, screen: Screen, stop: StopRequest) -> None:
    """Work on trials until none is left, also none of another process, or until a stop is requested."""
    waits = False
    while not stop.requested:
        with locked(study.workspace.path):
            trial = study.take()
            found: Any = None if trial is None else tried(partial(begin_trial, study, trial, common))
        if trial is None:
            if not (busy := study.busy()):
                return
            if not waits:
                waits = True
                screen.say(f'Waiting for {_named(busy)} of other processes; Ctrl-C returns the table so far.')
            time.sleep(PAUSE)
            continue
        waits = False
        ended = found if isinstance(found, Ended) else tried(partial(work, study, trial, found, common, stop))
        if ended is None:
            screen.say(f'Stopped: trial {trial.number} is saved.  Next: the same call goes on with it')
            return
        _finish(study, trial, ended, about, screen)
        del found  # the run, and so its lock: the trial is told


def _finish(study: Study, trial: Trial, ended: Ended, about: About, screen: Screen) -> None:
    """Tell Optuna how a trial has ended, write the table, and print one line."""
    before = trials_of(study, about).best
    study.tell(trial, ended.state, ended.loss, ended.facts())
    with locked(study.workspace.path):
        table = trials_of(study, about)
        write_table(table, study.workspace.path)
    row = next(row for row in table if row.number == trial.number)
    screen.say(line_of(row, about, before.loss if before else None))


def _named(numbers: list[int]) -> str:
    return f'trial{"s" * (len(numbers) > 1)} {", ".join(map(str, numbers))}'
