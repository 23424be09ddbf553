"""Speed and memory of searching a training text for what another text copies from it, beside the plain way.

    OMP_NUM_THREADS=1 python benchmarks/copies.py tinyshakespeare.txt --megabytes 1000

Encodes the text, repeated up to the given size, and searches it for spans of 20 characters or more of a text, and for
its shorter lines, as ms.copied does: on one thread, from a memory map in the page cache.  "copied" is a part of the
training text, "new" is the same characters in another order.  The plain way builds a set of all grams of 20 characters
of the training text, of a smaller size; "look-up" is the text against the set.  Each runs in a new process; MB is 10^6
bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from encoding import write_text
from machine import in_new_process, machine, new_parser, parse, seconds_of, with_peak_growth

from charrnn.text.charset import CharSet
from charrnn.text.matches import common_lines, common_spans

MB = 10**6
LEAST = 20


def written(file: Path, path: Path, size: int) -> str:
    """Write the indices of a text, repeated up to `size`, to `path`; return the text."""
    text = file.read_text(encoding='utf-8')
    chars = CharSet(text)
    write_text(path, chars.encode(text).astype(np.uint8).tobytes(), size)
    return text


def query(file: Path, kind: str, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the indices of a text of `size` characters to search for."""
    text = file.read_text(encoding='utf-8')
    part = CharSet(text).encode(text)[len(text) // 3 :][:size].astype(np.int64)
    return part if kind == 'copied' else np.random.default_rng(0).permutation(part)


def search(file: Path, path: Path, kind: str, size: int) -> tuple[float, float]:
    """Return the seconds of a search, and the growth of the memory in MiB."""
    training, text = np.memmap(path, np.uint8, 'r').view(np.ndarray), query(file, kind, size)
    int(training[::4096].sum())  # into the page cache, and into this process

    newline = int(CharSet(file.read_text(encoding='utf-8')).encode('\n', 'replace')[0])

    def work() -> None:
        common_spans(text, training, LEAST)
        common_lines(text, training, newline, LEAST - 1)

    return with_peak_growth(lambda: seconds_of(work))


def search_plainly(file: Path, path: Path, size: int) -> tuple[float, float]:
    """Return the same for a set of all grams of the training text."""
    training, text = path.read_bytes(), query(file, 'copied', size).astype(np.uint8).tobytes()

    def work() -> None:
        grams = {training[i : i + LEAST] for i in range(len(training) - LEAST + 1)}
        sum(text[i : i + LEAST] in grams for i in range(len(text) - LEAST + 1))

    return with_peak_growth(lambda: seconds_of(work))


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path, help='UTF-8 text to repeat')
    parser.add_argument('--megabytes', type=float, default=1000, help='size of the training text (default 1000)')
    parser.add_argument('--plain-megabytes', type=float, default=5, help='the same for the plain way (default 5)')
    given = parse(parser, argv, megabytes=0.1, plain_megabytes=0.05)
    print(f'machine: {machine()}\n')
    print('| search | training text, MB | text, characters | seconds | MB/s | memory growth, MiB |')
    print('|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as name:
        large, small = Path(name) / 'large.bin', Path(name) / 'small.bin'
        for path, megabytes in ((large, given.megabytes), (small, given.plain_megabytes)):
            written(given.file, path, int(megabytes * MB))
        for kind, size in (('new', 2000), ('copied', 2000), ('copied', 100_000)):
            row(f'charrnn, {kind}', large, size, in_new_process(search, given.file, large, kind, size))
        row('set of grams, look-up', small, 2000, in_new_process(search_plainly, given.file, small, 2000))


def row(label: str, path: Path, size: int, measured: tuple[float, float]) -> None:
    """Print a row of the table."""
    (seconds, growth), megabytes = measured, path.stat().st_size / MB
    print(f'| {label} | {megabytes:.0f} | {size:,} | {seconds:.1f} | {megabytes / seconds:.0f} | {growth:.0f} |')


if __name__ == '__main__':
    main()
