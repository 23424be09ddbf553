"""Speed and memory of encoding a text, beside the plain way to encode it.

    python benchmarks/encoding.py tinyshakespeare.txt --megabytes 1000

Repeats the text up to the given size, in a temporary folder, and encodes it as ModelState.initfromsrcfile does, as
characters, bytes and words: one pass for the symbols (of words two), one for their indices.  MB/s is the size of the
file over the seconds of all passes; the file is in the page cache.  The plain way reads a smaller file whole and looks
every character up in a dict.  Each runs in a new process.  Growth is the peak of its anonymous memory less the
anonymous memory before: this process samples it every few ms (from /proc: Linux), because a thread of the new process
would wait for the interpreter at the peak.
MB is 10^6 bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from machine import machine, memory_mib, new_parser, parse, processes, seconds_of

from charrnn.text.encoder import write_dataset
from charrnn.text.sources import LEVELS, Source

MB = 10**6
SAMPLE_SECONDS = 0.003


def anonymous_bytes(process: int) -> float:
    """Return the anonymous memory of a process: what the process allocated, without mapped files."""
    return memory_mib('RssAnon', process) * 2**20


def time_for(work: Callable[[], object], pipe: Connection) -> None:
    """Call `work` after a message; send its seconds."""
    pipe.send('ready')
    pipe.recv()
    pipe.send(seconds_of(work))


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Call `work` in a new process; return its seconds, and the peak growth of its anonymous memory in bytes."""
    context = processes()
    pipe, theirs = context.Pipe()
    child = context.Process(target=time_for, args=(work, theirs))  # type: ignore[attr-defined]
    child.start()
    theirs.close()  # so that a child that dies is an EOFError here, not a long wait
    pipe.recv()
    before = peak = anonymous_bytes(child.pid)
    pipe.send('go')
    while not pipe.poll(SAMPLE_SECONDS):
        peak = max(peak, anonymous_bytes(child.pid))
    seconds: float = pipe.recv()
    child.join()
    return seconds, peak - before


def write_text(path: Path, text: bytes, size: int) -> int:
    """Repeat a text to at least `size` bytes, forced to the disk; return the number of bytes."""
    block = text * max(1, MB // len(text))
    with path.open('wb') as file:
        while file.tell() < size:
            file.write(block if size - file.tell() > len(block) else text)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def encode_plainly(path: Path) -> torch.Tensor:
    """Return the indices of a file that is read whole, through a dict, as int64."""
    with path.open(encoding='utf-8', newline='') as file:
        text = file.read()
    index = {char: i for i, char in enumerate(sorted(set(text)))}
    return torch.tensor([index[char] for char in text])


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path, help='UTF-8 text to repeat')
    parser.add_argument('--megabytes', type=float, default=1000, help='size to encode (default 1000)')
    parser.add_argument('--plain-megabytes', type=float, default=20, help='size for the plain way (default 20)')
    given = parse(parser, argv, megabytes=0.1, plain_megabytes=0.05)
    text = given.file.read_bytes()
    print(f'machine: {machine()}\n')
    print('| encoding | text, MB | seconds | MB/s | memory growth, MB | bytes for a byte of text |')
    print('|---|---|---|---|---|---|')
    rates = []
    with tempfile.TemporaryDirectory() as name:
        large, small, dataset = (Path(name) / part for part in ('large.txt', 'small.txt', 'dataset'))
        dataset.mkdir()
        ways: list[tuple[str, Path, float, Callable[[], object]]] = [
            (f'charrnn, {level}s', large, given.megabytes, partial(write_dataset, dataset, Source(large, level), 100))
            for level in LEVELS
        ]
        ways.append(('read, set, dict, int64', small, given.plain_megabytes, partial(encode_plainly, small)))
        for label, path, megabytes, work in ways:
            size = write_text(path, text, int(megabytes * MB))
            seconds, growth = measure(work)
            rates.append(size / seconds / MB)
            cells = f'{size / MB:.0f} | {seconds:.1f} | {rates[-1]:.1f} | {growth / MB:.0f} | {growth / size:.2g}'
            print(f'| {label} | {cells} |', flush=True)
    print(f'\ncharrnn / plain: {rates[0] / rates[-1]:.1f} times the MB/s')


if __name__ == '__main__':
    main()
