"""A study: the trials of a sweep in Optuna's storage, the lock of its directory, and its settings.

    sweep.json       the settings that all trials share; written when the first process begins the sweep
    sweep.lock       held by the process that takes a trial, until the run of the trial has its own lock
    study.journal    Optuna's journal of the trials, where no database is given
    0007/            the run of trial 7

Optuna says which trials run, and the lock of a run says if its process still lives.  A trial that runs and whose run is
not locked was left by a process that was killed or stopped, and the next process takes it up.  A directory has a name
of its own in the study, since processes on machines without a common disk may share one study and not the locks.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from charrnn.errors import CharRNNError, SweepError, WorkspaceError, printable, shown
from charrnn.experiments.space import Choices, Space, grid
from charrnn.models.dropout import derive_seed
from charrnn.storage.durable import append_durably, cannot_read, cannot_write, explained, make_folder, write_whole
from charrnn.storage.nearby import SWEEP, unused
from charrnn.storage.sealed import as_json, parse_json
from charrnn.storage.workspace import Workspace

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

JOURNAL = ('study.journal', 'study.journal.lock')
PATIENCE = 60.0
"""Seconds after which a trial without the name of a directory counts as left by a process that was killed."""


@contextlib.contextmanager
def locked(folder: Path, tell: Any = None) -> Iterator[None]:
    """Hold the lock of a sweep's directory in the block; `tell` is called once if another process holds it.

    Raises
    ------
    WorkspaceError    the directory cannot be written, or its disk has no locks
    """
    lock = filelock.FileLock(folder / 'sweep.lock', thread_local=False)
    with explained(folder, cannot_write):
        make_folder(folder)
        try:
            try:
                lock.acquire(timeout=1)
            except filelock.Timeout:
                if tell:
                    tell()
                lock.acquire()
        except NotImplementedError as error:
            what = f'the disk of {str(folder)!r} has no locks ({error}): two processes could write it at once.'
            raise WorkspaceError(what, 'a directory on a local disk') from error
    try:
        yield
    finally:
        lock.release()


def written_settings(folder: Path) -> dict[str, Any]:
    """Return what is written about the sweep in a directory; empty if none has begun there."""
    path = folder / SWEEP
    if not path.exists():
        return {}
    try:
        with explained(path, cannot_read):
            found = parse_json(path.read_bytes())
        if isinstance(found, dict) and isinstance(found['name'], str) and isinstance(found['settings'], dict):
            return found
    except (ValueError, KeyError):
        pass
    raise SweepError(f'{str(path)!r} was changed since it was written.', 'a copy of the directory from a backup')


def write_settings(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write the settings of a sweep that begins; return what is written."""
    found = {'name': secrets.token_hex(8), 'settings': settings}
    with explained(folder / SWEEP, cannot_write):
        write_whole(folder / SWEEP, as_json(found).encode())
    return found


def refuse_other(where: str, there: Mapping[str, Any], here: Mapping[str, Any], dir: str) -> None:
    """Raise SweepError if a sweep is there with other settings than those of this call."""
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    if not names:
        return
    differ = [
        'the text is another one'
        if name == 'text'
        else f'{name} is {shown(there.get(name))} there and {shown(here.get(name))} here'
        for name in names
    ]
    raise SweepError(
        f'{where} is a sweep with other settings: {"; ".join(differ)}.',
        f'dir={unused(dir)!r} for this one, or the settings that are there, to go on with the other',
    )


class Study:
    """The trials of a sweep, which one or more processes work on.

    Parameters
    ----------
    workspace : Workspace    of the directory
    written : mapping        what is in its sweep.json
    space : mapping          the dimensions
    url : str or None        of a database; None: a file in the directory
    sampler, pruner          as a user gives them
    trials : int             in all

    Raises
    ------
    SweepError    Optuna is missing, the storage does not answer, or its study has other settings
    """

    def __init__(
        self,
        workspace: Workspace,
        written: Mapping[str, Any],
        space: Space,
        url: str | None,
        sampler: str,
        pruner: Any,
        trials: int,
    ) -> None:
        self.optuna = imported()
        self.workspace, self.space, self.name = workspace, space, written['name']
        self.seed, self.sampler = written['settings']['seed'], sampler
        self.where = 'the journal' if url is None else f'the database ({url.partition(":")[0]})'
        with self._reached():
            self.storage = self._open(url)
            pruners = {None: self.optuna.pruners.NopPruner, 'median': self.optuna.pruners.MedianPruner}
            self.study = self.optuna.create_study(
                storage=self.storage,
                study_name=workspace.path.name,
                pruner=pruners[pruner]() if pruner in (None, 'median') else pruner,
                load_if_exists=True,
            )
            there = self.study.user_attrs.get('settings')
            if there is None:
                self.study.set_user_attr('settings', written['settings'])
            else:
                refuse_other(f'{workspace.path.name!r} in {self.where}', there, written['settings'], workspace.name)
            self.trials = trials
            if sampler == 'grid':
                cells = [*itertools.islice(grid(space), trials)]
                self.trials = len(cells)
                for cell in cells[len(self.all()) :]:
                    self.study.enqueue_trial(cell)

    def _open(self, url: str | None) -> BaseStorage:
        storages = self.optuna.storages
        if url is not None:
            found: BaseStorage = storages.RDBStorage(url)
            return found
        path, beside = (self.workspace.path / name for name in JOURNAL)
        # Optuna's own lock would outlive a process that is killed while it holds it.
        lock = filelock.FileLock(beside, thread_local=False)
        with lock:
            _mend(path)
        kept: BaseStorage = storages.JournalStorage(storages.journal.JournalFileBackend(str(path), lock_obj=lock))
        return kept

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn what Optuna or its storage raises in the block into a SweepError; keep Optuna from logging."""
        logging = self.optuna.logging
        before = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                yield
        except CharRNNError:
            raise
        except Exception as error:
            said = printable(str(error)).strip().split('\n')[0]
            raise SweepError(
                f'Optuna failed on {self.where}: {type(error).__name__}: {said}',
                'the same call goes on where it stopped, once that is mended; or leave storage out',
            ) from error
        finally:
            logging.set_verbosity(before)

    def close(self) -> None:
        """Close the connections to a database."""
        if engine := getattr(getattr(self.storage, '_backend', self.storage), 'engine', None):
            self.storage.remove_session()
            engine.dispose()

    # ---- taking a trial, under the lock -------------------------------------------------------------------------

    def place(self, number: int) -> Workspace:
        """Return the working directory of the run of a trial."""
        return Workspace(Path(self.workspace.name) / f'{number:04}')

    def take(self) -> Trial | None:
        """Return a trial to work on: one that was left, else a new one, with all its settings; None if none remains."""
        with self._reached():
            every = self.all()
            left = next((trial for trial in every if self.is_left(trial)), None)
            if left is not None:  # Optuna has no public way back to a trial that runs
                return self._with_settings(self.optuna.trial.Trial(self.study, left._trial_id))
            begun = [trial for trial in every if trial.state.name != 'WAITING']
            return self._with_settings(self.study.ask()) if len(begun) < self.trials else None

    def _with_settings(self, trial: Trial) -> Trial:
        """Choose the settings that a trial lacks, and note its directory.

        A draw is a function of the seed, the number and the name: a process may be killed between two settings.
        """
        samplers = self.optuna.samplers
        sampler = samplers.TPESampler if self.sampler == 'tpe' else samplers.RandomSampler
        for name, each in self.space.items():
            self.study.sampler = sampler(seed=derive_seed('trial', self.seed, trial.number, name) % 2**32)
            if isinstance(each, Choices):
                trial.suggest_categorical(name, each.values)
            else:
                suggest = trial.suggest_int if isinstance(each.low, int) else trial.suggest_float
                suggest(name, each.low, each.high, log=each.log)
        if 'folder' not in trial.user_attrs:
            trial.set_user_attr('directory', str(self.place(trial.number).path))
            trial.set_user_attr('folder', self.name)
        return trial

    def all(self) -> list[FrozenTrial]:
        """Return all trials, by number."""
        found: list[FrozenTrial] = self.study.get_trials(deepcopy=False)
        return found

    def is_left(self, trial: FrozenTrial) -> bool:
        """Return True for a trial that runs, and that no process works on."""
        return self._runs_here(trial) and self.place(trial.number).is_being_written() is not True and not _young(trial)

    def busy(self) -> list[int]:
        """Return the numbers of the trials that other processes work on, with a run in this directory."""
        with self._reached():
            return [trial.number for trial in self.all() if self._runs_here(trial)]

    def _runs_here(self, trial: FrozenTrial) -> bool:
        return trial.state.name == 'RUNNING' and trial.user_attrs.get('folder', self.name) == self.name

    # ---- telling ------------------------------------------------------------------------------------------------

    def report(self, trial: Trial, losses: Mapping[int, float], rounds: int) -> bool:
        """Report the loss of each round that is new; return True if the pruner ends the trial before its last one."""
        with self._reached():
            known = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
            new = [number for number in losses if number not in known]
            for number in new:
                trial.report(losses[number], number)
            return bool(new) and max(losses) < rounds - 1 and trial.should_prune()

    def tell(self, trial: Trial, state: str, loss: float | None, facts: Mapping[str, Any]) -> None:
        """Finish a trial: state 'COMPLETE' with its loss, 'PRUNED' or 'FAIL'."""
        with self._reached():
            for name, value in facts.items():
                trial.set_user_attr(name, value)
            self.study.tell(trial, loss, state=self.optuna.trial.TrialState[state])


def _young(trial: FrozenTrial) -> bool:
    """Return True for a trial that a process on another machine may be about to take, and so to name its directory."""
    began = trial.datetime_start
    return 'folder' not in trial.user_attrs and began is not None and time.time() - began.timestamp() < PATIENCE


def _mend(path: Path) -> None:
    """Cut off a last line without its end, which a full disk leaves, and which would spoil all that follows."""
    with contextlib.suppress(FileNotFoundError):
        content = path.read_bytes()
        if content and not content.endswith(b'\n'):
            append_durably(path, b'', end=content.rfind(b'\n') + 1)


def imported() -> Any:
    """Import Optuna; raise SweepError if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise SweepError('a sweep needs optuna, which is not installed.', 'at a shell: pip install optuna') from None
    return optuna


def as_plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they come back from JSON."""
    found: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return found
