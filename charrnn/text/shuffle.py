"""The shuffle of a source's lines, for a list that is sorted: split by place, its end would be another population.

The lines pass through a file, so that the size of a text is bounded by the disk; memory holds their places alone.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from charrnn.errors import HyperParamsError
from charrnn.text.sources import Source
from charrnn.text.vocabulary import plain_chunks

ORDERED, SHUFFLED = 'ordered', 'shuffled'


def shuffled_copy(source: Source, path: Path, folder: Path, seed: int) -> Path:
    """Write the lines of a text in an order that is a function of `seed` to a file in `folder`; return its path.

    The copy is UTF-8, or the bytes as they are.  It has the line ends of the text, and ends in one if the text does.

    Raises
    ------
    HyperParamsError    the text has one line
    """
    ordered, shuffled = folder / ORDERED, folder / SHUFFLED
    breaks = _copy(plain_chunks(source, path), ordered)
    size = ordered.stat().st_size
    ends = breaks if len(breaks) and breaks[-1] == size - 1 else np.append(breaks, size)
    if size and len(ends) == 1:
        raise HyperParamsError(
            f'{str(path)!r} has one line: shuffle_lines=True would do nothing.', 'leave shuffle_lines out'
        )
    starts = np.concatenate([[0], ends[:-1] + 1])
    with shuffled.open('wb') as out:
        if size:
            with ordered.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                order = np.random.default_rng(seed).permutation(len(ends))
                for place, line in enumerate(order.tolist()):
                    out.write(b'\n' * (place > 0) + text[starts[line] : ends[line]])
                out.write(b'\n' * (len(breaks) == len(ends)))
    ordered.unlink()
    return shuffled


def _copy(chunks: Iterable[bytes], to: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Write chunks to a file, and return the places of its line breaks."""
    found, size = [np.zeros(0, np.int64)], 0
    with to.open('wb') as file:
        for chunk in chunks:
            file.write(chunk)
            found.append(np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord('\n')) + size)
            size += len(chunk)
    return np.concatenate(found)
