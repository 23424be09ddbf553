"""What ms.trainmodel costs beside a bare training loop of the same shapes, as everybody writes it.

    python benchmarks/overhead.py tinyshakespeare.txt --blocks 12

Short blocks of windows alternate between the two (three with a progress bar on a pseudo-terminal), so that a busy
machine slows all of them; medians are shown.  Ratios are of chars/s, ours over bare, block by block: above 1 is faster.

    bare      look-up and tanh (GRUResize: one-hot), nn.GRU, linear, cross entropy, clip_grad_value_, RMSprop;
              the text lies on the device as int64, and nothing waits for the device
    windows   the whole loop of a round: reading, training, checking, counting, the bar; without samples
    round     the same with what a round ends with spread over an epoch: a validation of one window of every
              evaluation lane, a row of the history, a checkpoint on disk
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TextIO
from unittest import mock

import torch
from encoding import machine
from plain import PlainLoop, wait

from charrnn import ModelState, generatestring
from charrnn.display.progress import Screen
from charrnn.text.lanes import windows_per_epoch

HEADER = """\
| B x T, L x H | screen | bare, chars/s | windows, chars/s | ratio | round, chars/s | ratio | round’s end, ms |
|---|---|---|---|---|---|---|---|"""


def train_ours(ms: ModelState, lanes: int, windows: int, screen: TextIO) -> tuple[float, float]:
    """One call of ms.trainmodel: the seconds of its loop over windows, and of all the rest of the call."""
    bar, loop = Screen.bar, [0.0]

    @contextlib.contextmanager
    def clocked(screen: Screen, label: str, *given: int) -> Iterator[None]:
        with bar(screen, label, *given):
            began = time.perf_counter()
            yield
            wait(ms.device)
            if label.startswith('round'):  # this bar's block is exactly the loop over windows
                loop[0] = time.perf_counter() - began

    wait(ms.device)
    began = time.perf_counter()
    with mock.patch.object(Screen, 'bar', clocked), contextlib.redirect_stdout(screen):
        ms.trainmodel(batchsize=lanes, train_len=windows, valid_len=1, print_every=0)
    wait(ms.device)
    return loop[0], time.perf_counter() - began - loop[0]


@contextlib.contextmanager
def pseudo_terminal() -> Iterator[TextIO]:
    """A terminal on which the bar is drawn, and somebody who reads it."""
    import pty  # not on every system

    ours, theirs = pty.openpty()

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end was closed
            while os.read(ours, 2**16):
                pass

    reader = threading.Thread(target=read)
    reader.start()
    with mock.patch.dict(os.environ, {'TERM': 'xterm-256color', 'COLUMNS': '100'}):
        with os.fdopen(theirs, 'w', encoding='utf-8') as screen:
            yield screen
        reader.join()
    os.close(ours)


def compare(ms: ModelState, lanes: int, windows: int, blocks: int, screens: dict[str, TextIO]) -> Iterator[str]:
    """Alternate blocks of both loops; yields a row of the table for each screen."""
    hyper, n = ms.hyper, len(ms.data.train)
    bare = PlainLoop(ms, lanes)
    theirs: list[float] = []
    ours: dict[str, list[tuple[float, float]]] = {name: [] for name in screens}
    for block in range(blocks + 1):
        seconds = bare.train(windows)
        taken = {name: train_ours(ms, lanes, windows, screen) for name, screen in screens.items()}
        if block:  # the first one warms up
            theirs.append(seconds)
            for name in screens:
                ours[name].append(taken[name])
    symbols = windows * lanes * hyper.seq_len
    share = windows / windows_per_epoch(n, lanes, hyper.seq_len)  # of a round's end that a block pays for
    for name, found in ours.items():
        loops = [loop for loop, _ in found]
        rounds = [loop + share * rest for loop, rest in found]
        cells = [
            f'{lanes}x{hyper.seq_len}, {hyper.layers}x{hyper.state_size}',
            name,
            f'{symbols / median(theirs):,.0f}',
        ]
        for seconds_of in (loops, rounds):
            ratio = median(their / our for our, their in zip(seconds_of, theirs, strict=True))
            cells += [f'{symbols / median(seconds_of):,.0f}', f'{ratio:.2f}']
        cells.append(f'{1000 * median(rest for _, rest in found):.0f}')
        yield f'| {" | ".join(cells)} |'


def sample_seconds(ms: ModelState) -> float:
    """What the sample of a report costs: 200 characters."""
    found = []
    for seed in range(5):
        began = time.perf_counter()
        generatestring(ms, 200, seed=seed)
        found.append(time.perf_counter() - began)
    return median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--modeltype', choices=['GRUEncode', 'GRUResize'], default='GRUEncode')
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--state-sizes', type=int, nargs='+', default=[128, 256])
    parser.add_argument('--lanes', type=int, default=16)
    parser.add_argument('--blocks', type=int, default=12)
    parser.add_argument('--windows', type=int, default=15, help='windows of a block (default 15)')
    given = parser.parse_args()
    for name in ('FORCE_COLOR', 'TTY_COMPATIBLE'):  # would draw the bar on the pipe too
        os.environ.pop(name, None)
    print(f'machine: {machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads')
    print(f'{given.modeltype}, {given.blocks} blocks of {given.windows} windows each\n\n{HEADER}', flush=True)
    notes = []
    for state_size in given.state_sizes:
        with tempfile.TemporaryDirectory() as folder, pseudo_terminal() as terminal:
            sizes = {'layers': given.layers, 'state_size': state_size, 'device': 'cpu'}
            ms = ModelState.initfromsrcfile(given.file, Path(folder) / 'run', given.modeltype, **sizes)
            screens = {'pipe': io.StringIO(), 'terminal': terminal}
            for row in compare(ms, given.lanes, given.windows, given.blocks, screens):
                print(row, flush=True)
            notes.append(f'{1000 * sample_seconds(ms):.0f} ms at {given.layers}x{state_size}')
    print(f'\nNot in the table: the sample of 200 characters every print_every windows, {", ".join(notes)}.')


if __name__ == '__main__':
    main()
