"""Remarks on a source that can be read: what of it is not read, or otherwise than its user may think."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.text.sources import SPLITS, Source, open_source, places, replaced, source_files


@dataclass(frozen=True)
class Remark:
    """A sentence about a source, and how another run can read it differently.

    Parameters
    ----------
    what : str           the sentence
    changes : mapping    arguments for the other run, by name
    first : str          what to do before it
    effect : str         what the other run does
    """

    what: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    first: str = ''
    effect: str = ''


OTHER_SPLITS = {
    'train': ('train', 'training', 'trn', 'tr'),
    'valid': ('valid', 'val', 'dev', 'validation', 'validate', 'eval', 'heldout', 'held_out', 'devel', 'development'),
    'test': ('test', 'tst', 'testing'),
}
"""Names that other people give to the files of a split, in lower case."""


def remarks(source: Source) -> list[Remark]:
    """Return remarks on a readable source: files that are not read, a byte order mark, bytes that are replaced."""
    files = source_files(source)
    found = _unread(source.path) if len(files) > 1 else []
    if source.level == 'byte':
        return found
    utf8 = codecs.lookup(source.encoding).name == 'utf-8'
    for path in filter(None, files):
        if source.errors == 'replace' and (number := replaced(path, source.encoding)):
            found.append(Remark(f'{str(path)!r} has {places(number)}, not {source.encoding}, read as U+FFFD.'))
        with open_source(path) as file:
            if utf8 and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
                found.append(
                    Remark(
                        f'{str(path)!r} begins with a byte order mark, which counts as a character.',
                        {'encoding': 'utf-8-sig'},
                        effect='leaves it out',
                    )
                )
    return found


def _unread(folder: Path) -> list[Remark]:
    """Return a remark for the text files of a source directory that are not read, with the name each may have meant."""
    wanted = [f'{name}.txt' for name in SPLITS]
    others = sorted(path.name for path in folder.iterdir() if path.suffix.lower() == '.txt' and path.name not in wanted)
    meant: dict[str, str] = {}
    for name in others:
        stem = name.rpartition('.')[0].lower()
        split = next((split for split, names in OTHER_SPLITS.items() if stem in names), None)
        if split and not (folder / f'{split}.txt').exists() and split not in meant.values():
            meant[name] = split
    if not others:
        return []
    named = ', '.join(others[:5]) + (', ...' if len(others) > 5 else '')
    first = ' and '.join(f'rename {name} to {split}.txt' for name, split in meant.items())
    return [Remark(f'{str(folder)!r}: only {", ".join(wanted)} are read, and not {named}.', first=first)]
