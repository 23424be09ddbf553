"""How fast a text is encoded, and in how much memory, beside the way one would write it at first.

    python benchmarks/encoding.py tinyshakespeare.txt --megabytes 1000

Repeats the text to the size asked for, in a temporary folder, and encodes it as ModelState.initfromsrcfile does: one
pass for the characters, one for their indices.  MB/s is the size of the file over the seconds of both passes; the file
is in the page cache.  The naive way reads a smaller file whole and looks every character up in a dict.  Each works in
a new process; growth is the peak of its anonymous memory above what it was before, which another process samples
every few ms (from /proc: Linux), because a thread would wait for the interpreter when it matters.  MB is 10^6 bytes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from charrnn.text.dataset import write_dataset
from charrnn.text.sources import Source

MB = 10**6
SAMPLE_SECONDS = 0.003


def machine() -> str:
    """The processor, how many cores this process may use, and the versions."""
    about = Path('/proc/cpuinfo')
    found = re.search(r'model name\s*: (.*)', about.read_text()) if about.exists() else None
    name = found[1] if found else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return f'{name}, {cores} cores, Python {platform.python_version()}, numpy {np.__version__}'


def anonymous_bytes(process: int) -> int:
    """The anonymous memory of a process now: what it allocated, without mapped files."""
    status = Path(f'/proc/{process}/status').read_text()
    return int(status.split('RssAnon:')[1].split()[0]) * 1024


def time_for(work: Callable[[], object], pipe: Connection) -> None:
    """Run `work` when told to; sends its seconds."""
    pipe.send('ready')
    pipe.recv()
    began = time.perf_counter()
    work()
    pipe.send(time.perf_counter() - began)


def measure(work: Callable[[], object]) -> tuple[float, int]:
    """Run `work` in a new process: its seconds, and the peak growth of its anonymous memory in bytes."""
    context = multiprocessing.get_context('spawn')
    pipe, theirs = context.Pipe()
    child = context.Process(target=time_for, args=(work, theirs))
    child.start()
    theirs.close()  # so that a child that dies is an EOFError here, not a long wait
    pipe.recv()
    before = peak = anonymous_bytes(child.pid)
    pipe.send('go')
    while not pipe.poll(SAMPLE_SECONDS):
        peak = max(peak, anonymous_bytes(child.pid))
    seconds = pipe.recv()
    child.join()
    return seconds, peak - before


def write_text(path: Path, text: bytes, size: int) -> int:
    """Repeat a text to at least `size` bytes, on disk before it returns; how many bytes it is."""
    block = text * max(1, MB // len(text))
    with path.open('wb') as file:
        while file.tell() < size:
            file.write(block if size - file.tell() > len(block) else text)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def encode_naively(path: Path) -> torch.Tensor:
    """All at once, through a dict, into int64."""
    with path.open(encoding='utf-8', newline='') as file:
        text = file.read()
    index = {char: i for i, char in enumerate(sorted(set(text)))}
    return torch.tensor([index[char] for char in text])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path, help='UTF-8 text to repeat')
    parser.add_argument('--megabytes', type=int, default=1000, help='size to encode (default 1000)')
    parser.add_argument('--naive-megabytes', type=int, default=20, help='size for the naive way (default 20)')
    given = parser.parse_args()
    text = given.file.read_bytes()
    print(f'machine: {machine()}\n')
    print('| encoding | text, MB | seconds | MB/s | memory growth, MB | bytes for a byte of text |')
    print('|---|---|---|---|---|---|')
    rates = []
    with tempfile.TemporaryDirectory() as name:
        large, small, dataset = (Path(name) / part for part in ('large.txt', 'small.txt', 'dataset'))
        dataset.mkdir()
        for label, path, megabytes, work in (
            ('charrnn, two passes', large, given.megabytes, partial(write_dataset, dataset, Source(large), 100)),
            ('read, set, dict, int64', small, given.naive_megabytes, partial(encode_naively, small)),
        ):
            size = write_text(path, text, megabytes * MB)
            seconds, growth = measure(work)
            rates.append(size / seconds / MB)
            cells = f'{size / MB:.0f} | {seconds:.1f} | {rates[-1]:.1f} | {growth / MB:.0f} | {growth / size:.2g}'
            print(f'| {label} | {cells} |', flush=True)
    print(f'\ncharrnn / naive: {rates[0] / rates[1]:.1f} times the MB/s')


if __name__ == '__main__':
    main()
