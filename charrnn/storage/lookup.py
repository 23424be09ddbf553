"""The errors for what is no run, no ModelState and no text, with what may be meant in its place."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from pathlib import Path

from charrnn.errors import CheckpointError, WorkspaceError, shown
from charrnn.storage.nearby import (
    MOST_NAME,
    TENSORS,
    begin,
    in_this_folder,
    is_exported,
    is_run,
    load_or_begin,
    runs_in,
    save_text,
)

ONLY_WEIGHTS = 'Generating needs only the weights, but this version loads only whole runs.'


def as_typed(name: str, path: Path) -> str:
    """Return a directory as a user types it now: as it was spelled before, or in full after a change of directory."""
    with contextlib.suppress(OSError):  # the present directory is gone
        if Path(name).absolute() == path:
            return name
    return str(path)


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
        f'copy {parts} from where the run was made; or a new run: {begin()}',
    )


def no_run(name: str, path: Path) -> WorkspaceError:
    """Return the error for a path that is no run, with the run that may be meant, or how one begins.

    Parameters
    ----------
    name : str      the path as the user spelled it
    path : Path     the absolute path
    """
    if path.is_file() and path.name == TENSORS:
        path = path.parent
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        if is_run(folder):
            step = f'ModelState.load({str(folder)!r})'
            if path.is_dir() and path.name.isdecimal():
                step = f'ms = {step}, then ms.restore({int(path.name)})'
            return WorkspaceError(f'{name!r} is a part of the run {str(folder)!r}.', step)
    if path.is_file():
        run = str(Path('workspaces') / path.stem)
        step = f'ModelState.load({run!r})' if is_run(Path(run)) else begin(name if path.stat().st_size else None)
        return WorkspaceError(f'{name!r} is a file, and a run is a directory.', step)
    if is_exported(path):
        what = f'{name!r} is an exported model, without the text of a run.'
        return WorkspaceError(what, f'model = loadmodel({name!r})')
    if (path / TENSORS).is_file():
        return WorkspaceError(
            f'{name!r} is one checkpoint without the rest of its run. {ONLY_WEIGHTS}',
            f'a copy of the whole directory from where the run was made; or a new run: {begin()}',
        )
    inside = [str(Path(name) / folder.name) for folder in runs_in(path)]
    if inside:
        return WorkspaceError(
            f'{name!r} holds {len(inside)} run{"s" if len(inside) > 1 else ""}, and is none itself.',
            ' or '.join(f'ModelState.load({run!r})' for run in inside[:5]),
        )
    if path.exists():
        return WorkspaceError(f'{name!r} holds no run.', f'{begin(run=name if path.is_dir() else None)} begins one')
    near = difflib.get_close_matches(path.name, [folder.name for folder in runs_in(path.parent)], n=1)
    step = f'ModelState.load({str(Path(name).parent / near[0])!r})' if near else f'{begin(run=name)} begins one'
    here = in_this_folder(name)
    if here and not near:  # a run is rather looked for in the wrong place than missing
        step = f'the same in the folder that holds {Path(name).parts[0]!r}; or {step}'
    return WorkspaceError(f'there is no directory {name!r}{here}.', step)


def no_model(given: object) -> tuple[str, str]:
    """Return the message and the next step for a value in the place of a ModelState: a path, a text, ..."""
    if isinstance(given, str) and ('\n' in given or len(given) > MOST_NAME):
        save, name = save_text(given)
        return (
            f'{shown(given)} is a text, and a ModelState is needed.',
            f'{save}, then {begin(name, size=len(given.encode(errors="replace")))} in its place',
        )
    path = Path(given) if isinstance(given, str | Path) and given else None
    with contextlib.suppress(OSError, ValueError):
        if path and is_run(path.expanduser()):
            return (
                f'{shown(given)} is a path, and a ModelState is needed.',
                f'ModelState.load({str(path)!r}) in its place',
            )
        if path and path.expanduser().is_file():
            return f'{shown(given)} is a file, and a ModelState is needed.', f'{begin(str(path))} in its place'
    return f'{shown(given)} is no ModelState.', f'{load_or_begin()} in its place'
