"""The search for the run that a path may have meant: the one around it, those inside it, or one with a name like it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from charrnn.errors import CheckpointError, WorkspaceError
from charrnn.storage.checkpoints import TENSORS

ONLY_WEIGHTS = 'Generating needs only the weights, but this version loads only whole runs.'
NEW_RUN = "a new run: ModelState.initfromsrcfile('text.txt', 'workspaces/text')"


def is_run(folder: Path) -> bool:
    """Return True if a directory looks like a run: it has checkpoints, and a dataset unless that was left out."""
    checkpoints = folder / 'checkpoints'
    return checkpoints.is_dir() and ((folder / 'dataset').is_dir() or any(checkpoints.glob(f'*/{TENSORS}')))


def runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder of runs, by name; empty if the folder cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if is_run(path))
    except OSError:
        return []


def incomplete(name: str, missing: Sequence[str]) -> CheckpointError:
    """Return the error for a run without its dataset, or without some of its files, as after mailing the weights alone.

    Parameters
    ----------
    name : str             the directory of the run as the user spelled it
    missing : sequence     the missing parts, as paths in that directory
    """
    parts = ' and '.join(repr(str(Path(name) / part)) for part in missing)
    return CheckpointError(
        f'the run {name!r} is incomplete: its text and vocabulary are missing ({parts}). {ONLY_WEIGHTS}',
        f'copy {parts} from where the run was made; or {NEW_RUN}',
    )


def no_run(name: str, path: Path) -> WorkspaceError:
    """Return the error for a path that is no run, with the run that may be meant, or how one begins.

    Parameters
    ----------
    name : str      the path as the user spelled it
    path : Path     the absolute path
    """
    begin = f"ModelState.initfromsrcfile('text.txt', {name!r}) begins one"
    if path.is_file() and path.name == TENSORS:
        path = path.parent
    if path.is_file():
        run = str(Path('workspaces') / path.stem)
        return WorkspaceError(
            f'{name!r} is a file, and a run is a directory.', f'ModelState.initfromsrcfile({name!r}, {run!r})'
        )
    for folder, number in ((path.parent.parent, path.name), (path.parent, '')):
        if is_run(folder):
            then = f', then ms.restore({int(number)})' if number.isdecimal() else ''
            step = f'ModelState.load({str(folder)!r}){then}'
            return WorkspaceError(f'{name!r} is a part of the run {str(folder)!r}.', step)
    if (path / TENSORS).is_file():
        return WorkspaceError(
            f'{name!r} is one checkpoint without the rest of its run. {ONLY_WEIGHTS}',
            f'a copy of the whole directory from where the run was made; or {NEW_RUN}',
        )
    inside = [str(Path(name) / folder.name) for folder in runs_in(path)]
    if inside:
        return WorkspaceError(
            f'{name!r} holds {len(inside)} run{"s" if len(inside) > 1 else ""}, and is none itself.',
            ' or '.join(f'ModelState.load({run!r})' for run in inside[:5]),
        )
    if path.exists():
        return WorkspaceError(f'{name!r} holds no run.', begin)
    near = difflib.get_close_matches(path.name, [folder.name for folder in runs_in(path.parent)], n=1)
    step = f'ModelState.load({str(Path(name).parent / near[0])!r})' if near else begin
    return WorkspaceError(f'there is no directory {name!r}.', step)
