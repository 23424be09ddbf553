"""The search for the run that a path may have meant: the one around it, those inside it, or one with a name like it."""

from __future__ import annotations

import difflib
from pathlib import Path

from charrnn.errors import WorkspaceError


def is_run(folder: Path) -> bool:
    """Return True if a directory looks like a run: it has a dataset and checkpoints."""
    return (folder / 'dataset').is_dir() and (folder / 'checkpoints').is_dir()


def runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder of runs, by name; empty if the folder cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if is_run(path))
    except OSError:
        return []


def no_run(name: str, path: Path) -> WorkspaceError:
    """Return the error for a path that is no run, with the run that may be meant, or how one begins.

    Parameters
    ----------
    name : str      the path as the user spelled it
    path : Path     the absolute path
    """
    begin = f"ModelState.initfromsrcfile('text.txt', {name!r}) begins one"
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
