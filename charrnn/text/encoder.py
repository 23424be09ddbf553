"""Encoder: a source, read in streaming passes, becomes the files of a dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from charrnn.display.text import NOUNS
from charrnn.errors import SourceTextError, TrainingError
from charrnn.text.ahead import ahead
from charrnn.text.dataset import FACTS, INDICES, ORIGINAL, RARE, VOCABULARIES, Dataset
from charrnn.text.fingerprints import Fingerprint
from charrnn.text.joined import JOINED, as_one_file
from charrnn.text.lanes import step_for_short
from charrnn.text.selection import STDIN
from charrnn.text.shuffle import SHUFFLED, shuffled_copy
from charrnn.text.sources import Source, refuse_no_text, source_files, split_size
from charrnn.text.vocabulary import Vocabulary
from charrnn.text.wordset import WordSet


def write_dataset(folder: Path, source: Source, seq_len: int, seed: int = 0) -> None:
    """Encode a source into an empty folder, in streaming passes; the seed is that of the order of its lines.

    Raises
    ------
    SourceTextError     a file is empty, unreadable or not text
    HyperParamsError    an unknown encoding, an option for one file and a directory, or nothing to shuffle
    TrainingError       the training split is shorter than one window
    """
    given, (source, places) = source, as_one_file(source, folder)
    files = source_files(source)
    one = len(files) == 1
    if not one:
        source = replace(source, trainfrac=1.0)  # all of train.txt trains
    present = [path for path in files if path is not None]
    for path in present if not given.files else ():
        refuse_no_text(path, source)
    fingerprints = [Fingerprint.of(path).facts() for path in given.files or present if str(path) != STDIN]
    read, paths = source, present
    if source.shuffle_lines:
        read, places = replace(source, encoding='utf-8', errors='strict'), []
        paths = [shuffled_copy(source, present[0], folder, seed)]
    vocabulary, found = VOCABULARIES[source.level].scan(read, paths)
    for path, size in zip(present, found, strict=True):
        if not size:
            what = 'is empty' if not path.stat().st_size else f'holds no {NOUNS[source.level]}'
            named = given.path if given.files else path
            raise SourceTextError(f'{str(named)!r} {what}.', 'a file with at least one window of text')
    if one:
        train_size = split_size(source.trainfrac, found[0])
        sizes = [train_size, found[0] - train_size, 0]
    else:
        rest = iter(found)
        sizes = [next(rest) if path is not None else 0 for path in files]
    if sizes[0] < seq_len:
        share = f', of which {sizes[0]:,} train (trainfrac={source.trainfrac:g})' if one else ' in train.txt'
        raise TrainingError(
            f'{str(given.path)!r} has {sum(sizes) if one else sizes[0]:,} {NOUNS[source.level]}{share}: '
            f'fewer than one window of seq_len={seq_len}.',
            step_for_short(sizes[0], found[0] if one else sizes[0], seq_len, source.trainfrac),
        )
    boundary = sizes[0] if one else None
    byte_sizes, starts = _encode_files(folder, read, vocabulary, paths, found, boundary, places)
    for copy in (SHUFFLED, JOINED):
        (folder / copy).unlink(missing_ok=True)
    if byte_sizes is not None and not one:
        written = iter(byte_sizes)
        byte_sizes = [next(written) if path is not None else 0 for path in files]
    more = {'starts': starts, 'srcfile': _absolute(given.typed)} if given.files else None
    _write_facts(folder, given, vocabulary, sizes, byte_sizes, fingerprints, more)


def write_part(folder: Path, before: Dataset, source: Source, *, alone: bool = False) -> None:
    """Encode a file that is added to a dataset, into an empty folder: its first share trains, the rest validates.

    New symbols get the indices after those that there are.  With `alone`, it takes the place of what trained before.

    Raises
    ------
    SourceTextError    the file is empty, unreadable or not text
    """
    if not source.files and source.path.is_dir():
        what = f'{str(source.path)!r} is a directory with splits of its own, and one text is added at a time.'
        raise SourceTextError(what, 'the path of a file')
    given, (source, _) = source, as_one_file(source, folder)
    path = source.path
    refuse_no_text(path, source)
    fingerprints = [Fingerprint.of(each).facts() for each in given.files or [path] if str(each) != STDIN]
    vocabulary, size = before.chars.grown(source)
    train_size = split_size(source.trainfrac, size)
    if not train_size:
        raise SourceTextError(f'{str(given.path)!r} holds no {NOUNS[source.level]} to train on.', 'a longer text')
    byte_sizes, _ = _encode_files(folder, source, vocabulary, [path], [size], train_size, [])
    (folder / JOINED).unlink(missing_ok=True)
    more = {'before': before.digest, **({'alone': True} if alone else {})}
    _write_facts(folder, given, vocabulary, [train_size, size - train_size, 0], byte_sizes, fingerprints, more)


def _absolute(typed: str | list[str]) -> str | list[str]:
    """Return the argument that named several files, as it works in every folder."""
    if isinstance(typed, list):
        return [os.path.abspath(name) for name in typed]  # noqa: PTH100  a pattern, too, and no link is followed
    return typed if typed == STDIN else os.path.abspath(typed)  # noqa: PTH100


def _write_facts(
    folder: Path,
    source: Source,
    vocabulary: Vocabulary[Any],
    sizes: Sequence[int],
    byte_sizes: Sequence[int] | None,
    files: Sequence[dict[str, Any]],
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write dataset.json, with `more` facts: those of a part that is added."""
    facts: dict[str, Any] = {
        'sizes': sizes,
        'byte_sizes': byte_sizes,
        'level': source.level,
        'vocabulary': vocabulary.facts(),
        'source': os.fsencode(source.path).decode('utf-8', 'replace'),
        'encoding': source.encoding,
        'files': files,
    }
    facts |= {name: value for name, value in source.options().items() if name in RARE}
    facts |= more or {}
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding='utf-8', newline='\n')


def _encode_files(
    folder: Path,
    source: Source,
    vocabulary: Vocabulary[Any],
    paths: Sequence[Path],
    found: Sequence[int],
    boundary: int | None,
    places: Sequence[int],
) -> tuple[list[int] | None, list[int]]:
    """Write the indices of files with `found` symbols; of words also the text.

    With a boundary, one file is train and valid, and no test; else each file is one.

    Parameters
    ----------
    places : sequence of int    places in the first file, in characters or bytes
    Returns
    -------
    byte_sizes, starts          of words the bytes of the splits of the text; the number of symbols before each place
    """
    starts = list[int]()
    keeps = source.level == 'word'
    with (folder / INDICES).open('wb') as out, (folder / ORIGINAL).open('wb') as text:
        bytes_of = [
            _encode_file(path, vocabulary, source, size, out, text if keeps else None, boundary, places, starts)
            for path, size in zip(paths, found, strict=True)
        ]
    if keeps:
        return [sum(each) for each in bytes_of] if boundary is None else [*bytes_of[0], 0], starts
    (folder / ORIGINAL).unlink()
    return None, starts


def _encode_file(
    path: Path,
    vocabulary: Vocabulary[Any],
    source: Source,
    size: int,
    out: IO[bytes],
    text: IO[bytes] | None,
    boundary: int | None,
    places: Sequence[int],
    starts: list[int],
) -> tuple[int, int]:
    """Write the indices of one file to `out`, and its text to `text` unless that is None.

    `starts` gets the number of symbols before each place.  Returns the bytes written to `text` before and after symbol
    number `boundary`; without one, all count as before.
    """
    written, before, after, read = 0, 0, 0, 0
    for piece, indices in ahead(vocabulary.encode_piece, vocabulary.pieces(path, source)):
        for place in places[len(starts) :]:
            if place >= read + len(piece):
                break
            starts.append(written + len(vocabulary.encode_piece(piece[: place - read])))
        read += len(piece)
        out.write(indices.data)
        if text is not None:
            head, tail = piece, ''
            if boundary is not None and written + len(indices) > boundary and isinstance(vocabulary, WordSet):
                cut = vocabulary.end_of(piece, max(0, boundary - written))
                head, tail = piece[:cut], piece[cut:]
            before += text.write(head.encode())
            after += text.write(tail.encode())
        written += len(indices)
    starts += [written] * (len(places) - len(starts))  # of files without a symbol at the end
    if written != size:
        raise SourceTextError(f'{str(path)!r} changed while it was being read.', 'the same call again')
    return before, after
