"""The files that a srcfile names: one, a list of them, a pattern, a folder of texts, or the standard input.

    'plays.txt'               one file
    ['b.txt', 'a.txt']        a list, in its order
    'plays/*.txt'             a pattern (** for folders in folders), in the order of the paths
    'plays'                   a folder with train.txt: that and valid.txt and test.txt, each a split;
                              another one: its files that end in .txt, .txt.gz or .txt.zst, in the order of their names
    '-'                       the standard input

Several files are read as one text.  A file whose name ends in .gz or .zst is unpacked while it is read.
"""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from charrnn.arguments import path_of
from charrnn.errors import SourceTextError
from charrnn.storage.nearby import in_this_folder, is_run
from charrnn.text.folders import file_of, meant_splits

STDIN = '-'
ENDINGS = ('.txt', '.txt.gz', '.txt.zst')
"""Ends of the names of the files that a folder of texts is read for."""


def selected(srcfile: object) -> tuple[Path, tuple[Path, ...]]:
    """Return a path that stands for a source, and its files; no files: the path is one, or a directory of splits.

    Raises
    ------
    WorkspaceError     it is no path
    SourceTextError    a pattern that no file fits
    """
    if isinstance(srcfile, list | tuple) and _are_paths(srcfile):
        files = tuple(path for each in srcfile for path in _expanded(path_of('srcfile', each)))
    elif srcfile == STDIN:
        return Path(STDIN), (Path(STDIN),)
    else:
        path = path_of('srcfile', srcfile)
        files = tuple(_expanded(path))
        if files == (path,):
            return path, ()
        if len(files) > 1:
            return path, files
    if len(files) == 1:
        return files[0], ()
    return Path(f'{files[0]} and {len(files) - 1} more'), files


def _are_paths(given: Sequence[object]) -> bool:
    """Return True for a list of paths, of which one is there at least; the lines of a text are none."""
    with contextlib.suppress(OSError, ValueError):
        paths = [Path(each) for each in given if isinstance(each, str | os.PathLike)]
        return len(paths) == len(given) > 0 and any(path.exists() or glob.has_magic(str(path)) for path in paths)
    return False


def _expanded(path: Path) -> Iterator[Path]:
    """Yield the files that a path stands for, in order; the path itself if it is one file or a directory of splits."""
    is_there, is_folder = False, False
    with contextlib.suppress(OSError, ValueError):
        is_there, is_folder = path.exists(), path.is_dir()
    if is_folder and not (path / file_of('train')).exists() and not is_run(path) and not meant_splits(path):
        yield from _texts_in(path) or [path]
    elif is_there or not glob.has_magic(str(path)):
        yield path
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207  a Path's own begins at a folder, not at a root
        found = sorted(Path(name) for name in names if Path(name).is_file())
        if not found:
            raise SourceTextError(
                f'no file fits the pattern {str(path)!r}{in_this_folder(str(path))}.',
                "srcfile='folder/*.txt', or '**/*.txt' for folders in folders",
            )
        yield from found


def _texts_in(folder: Path) -> list[Path]:
    """Return the texts in a folder, in the order of their names; hidden ones are left out."""
    with contextlib.suppress(OSError):
        found = (path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS))
        return sorted(path for path in found if not path.name.startswith('.') and path.is_file())
    return []
