"""Several parts of a dataset, as texts were added to a run, together as one."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from charrnn.errors import SourceTextError
from charrnn.text.dataset import PIECE, Dataset, counts
from charrnn.text.folders import SPLITS
from charrnn.text.vocabulary import Indices

IN_MEMORY = 1 << 26
"""Bytes of a dataset of several parts up to which it is put together in memory."""


def join(parts: Sequence[Dataset]) -> Dataset:
    """Return the dataset of several parts, the oldest first; each vocabulary begins with the one before it.

    In the training ring the newest part comes first, so that the validation split still follows the text that it was
    cut from; held-out shares of later parts come after the first one's.  After a part that is `alone`, the parts before
    it no longer train; nor do they validate, if it has a share that does.

    Raises
    ------
    SourceTextError    the parts do not belong together
    """
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first
    for part, following in itertools.pairwise(parts):
        if part.chars.level != following.chars.level or not following.chars.goes_on(part.chars):
            raise SourceTextError(
                f'the parts {part.source!r} and {following.source!r} of a dataset do not belong together.',
                'a copy of the whole directory from a backup',
            )
    training = parts[_last_true([part.alone for part in parts]) :]
    held_out = parts[_last_true([part.alone and len(part.valid) > 0 for part in parts]) :]
    order = [(part, 'train') for part in reversed(training)]
    order += [(part, 'valid') for part in held_out] + [(part, 'test') for part in parts]
    sizes = [sum(len(getattr(part, name)) for part, name in order if name == split) for split in SPLITS]
    indices = _together([getattr(part, split) for part, split in order], last.chars.dtype)
    original = None
    if first.original is not None:
        texts = [part.original_of(split) for part, split in order]
        byte_sizes = [sum(len(text) for text, (_, split) in zip(texts, order, strict=True) if split == name)
                      for name in SPLITS]  # fmt: skip
        original = (_together(texts, np.dtype(np.uint8)), counts(byte_sizes))
    return replace(
        first, starts=(), indices=indices, sizes=counts(sizes), chars=last.chars, original=original, digest=last.digest
    )


def _last_true(answers: Sequence[bool]) -> int:
    """Return the last place with True, or 0."""
    return max((place for place, answer in enumerate(answers) if answer), default=0)


def _together(arrays: Sequence[Indices], dtype: np.dtype[np.unsignedinteger]) -> Indices:
    """Return arrays one after the other: in memory, or in a file without a name if they are large."""
    size = sum(map(len, arrays))
    if size * dtype.itemsize <= IN_MEMORY:
        found: Indices = np.empty(size, dtype)
    else:
        with tempfile.TemporaryFile() as file:  # the mapping keeps it
            found = np.memmap(file, dtype, 'w+', shape=(size,)).view(np.ndarray)
    place = 0
    for array in arrays:
        for at in range(0, len(array), PIECE):
            piece = array[at : at + PIECE]
            found[place : place + len(piece)] = piece
            place += len(piece)
    found.flags.writeable = False
    return found
