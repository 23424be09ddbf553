"""Remarks on a source that can be read: what of it is not read, or otherwise than its user may think."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.text.decoding import open_source, places, replaced
from charrnn.text.folders import SPLITS, file_of, files_in, meant_splits, renamings
from charrnn.text.selection import STDIN
from charrnn.text.sources import Source, source_files


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


def remarks(source: Source) -> list[Remark]:
    """Return remarks on a readable source: files that are not read, a byte order mark, bytes that are replaced."""
    every = source.files or source_files(source)
    found = _unread(source.path) if len(every) > 1 and not source.files else []
    files = [path for path in every if path and str(path) != STDIN]
    if source.level == 'byte':
        return found
    utf8 = codecs.lookup(source.encoding).name == 'utf-8'
    for path in files:
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
    """Return a remark for the text files of a source directory that are not read, with what to rename."""
    wanted, meant = [file_of(split) for split in SPLITS], meant_splits(folder)
    others = [n for n in files_in(folder) if n not in wanted and (n in meant or n.lower().endswith('.txt'))]
    if not others:
        return []
    named = ', '.join(others[:5]) + (', ...' if len(others) > 5 else '')
    what = f'{str(folder)!r}: only {", ".join(wanted)} are read, and not {named}.'
    return [Remark(what, first=renamings(meant))]
