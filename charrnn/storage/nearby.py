"""The search for what lies near at hand: a run, a text, a name that is free.

Next steps name it, so that they work as they stand.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from charrnn.errors import shown, typed

MOST_NAME = 255
"""Characters of the longest name of a file; a text with a longer part is not a path."""
LEAST_TEXT = 4000
"""Bytes of a text with which a first training works, of two bytes a character: a window of 16 lanes of 100."""
FEW = 1000
"""Entries of a folder that a search for an example looks at."""
SWEEP = 'sweep.json'
"""The file that makes a directory a sweep."""
TENSORS = 'tensors.safetensors'
"""The file of a checkpoint with its tensors."""
WEIGHTS, VOCABULARY = 'model.safetensors', 'vocabulary.json'
"""The files of an exported model by which it is known."""


def is_run(folder: Path) -> bool:
    """Return True if a directory looks like a run: it has checkpoints, and a dataset unless that was left out."""
    checkpoints = folder / 'checkpoints'
    return checkpoints.is_dir() and ((folder / 'dataset').is_dir() or any(checkpoints.glob(f'*/{TENSORS}')))


def is_exported(folder: Path) -> bool:
    """Return True if a directory looks like an exported model: weights beside their vocabulary."""
    return (folder / WEIGHTS).is_file() and (folder / VOCABULARY).is_file()


def runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder of runs, by name; empty if the folder cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if is_run(path))
    except OSError:
        return []


def run_at_hand() -> str | None:
    """Return the newest run in the present directory or in workspaces/ there, as a user types it; None without one."""
    with contextlib.suppress(OSError):
        for folder in (Path(), Path('workspaces')):
            if runs := [path for path in entries(folder) if is_run(path)]:
                return str(max(runs, key=lambda run: (run / 'checkpoints').stat().st_mtime))
    return None


def text_at_hand() -> str | None:
    """Return the largest .txt file in the present directory, if it is long enough to train; None without one."""
    with contextlib.suppress(OSError):
        texts = {path.stat().st_size: str(path) for path in entries(Path()) if path.suffix == '.txt'}
        size = max(texts, default=0)
        return texts[size] if size >= LEAST_TEXT else None
    return None


def unused(name: str) -> str:
    """Return a path under which there is nothing yet: `name`, or `name` with a number.

    A name that no file can have, or that is too long for a number, becomes workspaces/text.
    """
    fits = all(len(part.encode(errors='replace')) < MOST_NAME - 8 for part in Path(name).parts) and name.isprintable()
    path = first = Path(name) if fits and Path(name).name else Path('workspaces', 'text')
    number = 1
    while path.exists():
        number += 1
        path = first.with_stem(f'{first.stem}-{number}')
    return str(path)


def from_here(path: Path) -> str:
    """Return a path, relative to the present directory if it is below that."""
    with contextlib.suppress(OSError, ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def in_this_folder(name: str) -> str:
    """Return words for the present directory, in which a relative path was looked for; '' for another path."""
    with contextlib.suppress(OSError):  # the present directory is gone
        return '' if Path(name).is_absolute() else f' in the present folder, {shown(Path.cwd())}'
    return ''


def load_or_begin(given: object = None) -> str:
    """Return the call that opens a run or begins one: the run, or on the text, that is given, else of those at hand."""
    with contextlib.suppress(OSError, ValueError):
        if isinstance(given, str | Path) and is_run(Path(given)):
            return f'ModelState.load({str(given)!r})'
        if isinstance(given, str | Path) and Path(given).is_file():
            return begin(str(given))
    found = run_at_hand()
    return f'ModelState.load({found!r})' if found else begin()


def begin(text: str | None = None, run: str | None = None, size: int | None = None) -> str:
    """Return the call that begins a run, with shorter windows for a short text.

    Parameters
    ----------
    text : str, optional    a text; by default one at hand, or `...` for the user's own
    run : str, optional     the directory; by default a new one in workspaces/
    size : int, optional    the bytes of the text, if it is no file yet
    """
    text = text or text_at_hand()
    run = run or unused(str(Path('workspaces') / Path(text or 'text').stem))
    if text and size is None:
        with contextlib.suppress(OSError):
            size = Path(text).stat().st_size
    short = f', seq_len={max(1, 100 * size // LEAST_TEXT)}' if size is not None and size < LEAST_TEXT else ''
    return f'ModelState.initfromsrcfile({repr(text) if text else "..."}, {run!r}{short})'


def begin_again(source: str | Sequence[str], usedir: str, options: Mapping[str, Any]) -> str:
    """Return the call that begins a run on `source`, in a free directory beside `usedir`.

    Parameters
    ----------
    options : mapping    arguments by name
    """
    given = ''.join(f', {name}={shown(value)}' for name, value in options.items())
    free = next(name for number in itertools.count(2) if not Path(name := f'{usedir.rstrip("/")}-{number}').exists())
    named = source if isinstance(source, str) else list(source)
    return f'ModelState.initfromsrcfile({named!r}, {free!r}{given})'


def size_of(text: Any) -> int:
    """Return the bytes of a text, or of a list of lines."""
    return len(('\n'.join(text) if isinstance(text, list | tuple) else str(text)).encode(errors='replace'))


def save_text(given: object) -> tuple[str, str]:
    """Return the call that saves a text, or a list of lines, to a new file, and the name of that file.

    A text too long for one line is called `text` there, and a list `lines`.
    """
    name, is_list = unused('text.txt'), isinstance(given, list | tuple)
    text = typed(given)
    text = ('lines' if is_list else 'text') if text == '...' else text
    text = f"'\\n'.join({text})" if is_list else text
    return f"open({name!r}, 'w', encoding='utf-8').write({text})", name


def entries(folder: Path) -> Iterator[Path]:
    """Yield the first entries of a folder; none if it cannot be read."""
    with contextlib.suppress(OSError):
        yield from itertools.islice(folder.iterdir(), FEW)
