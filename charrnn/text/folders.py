"""Folders of sources: the file of a split under another name, and the file that a misspelt path may have meant."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from charrnn.names import nearest

SPLITS = ('train', 'valid', 'test')
OTHER_SPLITS = {
    'train': ('train', 'training', 'trn', 'tr'),
    'valid': ('valid', 'val', 'dev', 'validation', 'validate', 'eval', 'heldout', 'devel', 'development'),
    'test': ('test', 'tst', 'testing'),
}
"""Names that other people give to the files of a split, in lower case."""
MOST_FILES = 5000
"""Files of a folder that are looked at."""


def file_of(split: str) -> str:
    """Return the name of the file of a split in a source directory."""
    return f'{split}.txt'


def files_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder that are not hidden, in order; none if it cannot be read."""
    try:
        found = islice(folder.iterdir(), MOST_FILES)
        return sorted(path.name for path in found if not path.name.startswith('.') and path.is_file())
    except (OSError, ValueError):
        return []


def meant_splits(folder: Path) -> dict[str, str]:
    """Return files of a folder whose names mean a split that it lacks, each with the split; one file for each.

    A file of the folder counts as train.txt and so on only under that very name.
    """
    names, found = files_in(folder), dict[str, str]()
    for split in SPLITS:
        others = [name for name in names if split_named(name) == split and name != file_of(split)]
        if others and not (folder / file_of(split)).exists():
            found[min(others, key=lambda name: (not name.lower().endswith('.txt'), len(name)))] = split
    return found


def split_named(name: str) -> str | None:
    """Return the split that the name of a file means; None if it means none, or several.

    >>> [split_named(name) for name in ('Dev.TXT', 'train', 'wiki.valid.tokens', 'notes.tr.txt', 'constraint.txt')]
    ['valid', 'train', 'valid', None, None]
    """
    stem = Path(name).stem.lower()
    parts = {stem, *(part for part in re.split(r'[\W_]+', name.lower()) if len(part) > 2)}
    found = [split for split, names in OTHER_SPLITS.items() if parts & set(names)]
    return found[0] if len(found) == 1 else None


def renamings(meant: dict[str, str]) -> str:
    """Return in words what to rename so that the files of a folder are read."""
    return ' and '.join(f'rename {name} to {file_of(split)}' for name, split in meant.items())


def file_alike(path: Path) -> Path | None:
    """Return the file beside a missing one that has nearly its name; None if there is none."""
    names = {name.lower(): name for name in files_in(path.parent)}
    stems = {Path(name).stem: name for name in names}
    typed = path.name.lower()
    near = names.get(typed if typed in names else stems.get(typed) or nearest(path.name, names) or '')
    return path.with_name(near) if near else None
