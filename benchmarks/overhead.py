"""Cost of ms.trainmodel beside a bare training loop with the same shapes, as tutorials write it.

    python benchmarks/overhead.py tinyshakespeare.txt --blocks 12

Short blocks of windows alternate between the two (three with a progress bar on a pseudo-terminal), so that a busy
machine slows all of them; medians are shown.  Ratios are of chars/s, ours over bare, block by block: above 1 is faster.

    bare      look-up and tanh (GRUResize: one-hot), nn.GRU, linear, cross entropy, clip_grad_value_, RMSprop;
              the text lies on the device as int64, and nothing waits for the device
    windows   the whole loop of a round: reading, training, checking, counting, the bar; without samples
    round     the same, with the end of a round spread over an epoch: a validation over one window of every
              evaluation lane, a row of the history, a checkpoint on disk
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TextIO
from unittest import mock

import torch
from machine import alternate, machine, median_ratio, new_parser, new_run, parse, seconds_of, wait
from plain import PlainLoop
from rich.console import Console

from charrnn import ModelState, generatestring
from charrnn.display.progress import Screen
from charrnn.session.rounds import train
from charrnn.session.run import run_of
from charrnn.text.lanes import windows_per_epoch
from charrnn.training.interrupt import StopRequest
from charrnn.training.loop import RoundPlan

HEADER = """\
| B x T, L x H | screen | bare, chars/s | windows, chars/s | ratio | round, chars/s | ratio | round’s end, ms |
|---|---|---|---|---|---|---|---|"""


class ClockedScreen(Screen):
    """The screen of trainmodel on a file, with a clock that runs during the loop over windows."""

    def __init__(self, file: TextIO, device: torch.device) -> None:
        super().__init__(Console(file=file, force_terminal=file.isatty(), highlight=False, soft_wrap=True))
        self.device, self.loop_seconds = device, 0.0

    @contextlib.contextmanager
    def bar(self, label: str, windows: int, symbols: int) -> Iterator[None]:
        """Show a progress bar for the block; the block under 'round ...' is exactly the loop over windows."""
        with super().bar(label, windows, symbols):
            began = time.perf_counter()
            yield
            wait(self.device)
            if label.startswith('round'):
                self.loop_seconds = time.perf_counter() - began


def train_ours(ms: ModelState, lanes: int, windows: int, file: TextIO) -> tuple[float, float]:
    """Train one round as ms.trainmodel does; return the seconds of the loop over windows, and of all the rest."""
    screen, plan = ClockedScreen(file, ms.device), RoundPlan(windows=windows, valid_len=1, print_every=0)

    def work() -> None:
        with StopRequest() as stop:
            train(run_of(ms), plan, lanes, False, screen, stop)

    whole = seconds_of(work, ms.device)
    return screen.loop_seconds, whole - screen.loop_seconds


@contextlib.contextmanager
def pseudo_terminal() -> Iterator[TextIO]:
    """Open a terminal on which the bar is drawn; a thread reads and drops what is drawn."""
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


def compare(ms: ModelState, lanes: int, windows: int, blocks: int, screens: Mapping[str, TextIO]) -> Iterator[str]:
    """Alternate blocks of both loops; yield a row of the table for each screen."""
    hyper, n, bare = ms.hyper, len(ms.data.train), PlainLoop(ms, lanes)
    work: dict[str, Callable[[], tuple[float, float]]] = {'bare': lambda: (bare.train(windows), 0.0)}
    work |= {name: partial(train_ours, ms, lanes, windows, file) for name, file in screens.items()}
    ours = alternate(blocks, work)
    theirs = [seconds for seconds, _ in ours.pop('bare')]
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
        for seconds in (loops, rounds):
            cells += [f'{symbols / median(seconds):,.0f}', f'{median_ratio(theirs, seconds):.2f}']
        cells.append(f'{1000 * median(rest for _, rest in found):.0f}')
        yield f'| {" | ".join(cells)} |'


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--modeltype', choices=['GRUEncode', 'GRUResize'], default='GRUEncode')
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--state-sizes', type=int, nargs='+', default=[128, 256])
    parser.add_argument('--lanes', type=int, default=16)
    parser.add_argument('--blocks', type=int, default=12)
    parser.add_argument('--windows', type=int, default=15, help='windows of a block (default 15)')
    given = parse(parser, argv, layers=1, state_sizes=[8], lanes=2, blocks=1, windows=2)
    print(f'machine: {machine()}')
    print(f'{given.modeltype}, {given.blocks} blocks of {given.windows} windows each\n\n{HEADER}', flush=True)
    notes = []
    for state_size in given.state_sizes:
        sizes = {'layers': given.layers, 'state_size': state_size, 'device': 'cpu'}
        with new_run(given.file, given.modeltype, **sizes) as ms, pseudo_terminal() as terminal:
            screens = {'pipe': io.StringIO(), 'terminal': terminal}
            for row in compare(ms, given.lanes, given.windows, given.blocks, screens):
                print(row, flush=True)
            sample = alternate(given.blocks, {'': lambda: seconds_of(lambda: generatestring(ms, 200, seed=0))})['']
            notes.append(f'{1000 * median(sample):.0f} ms at {given.layers}x{state_size}')
    print(f'\nNot in the table: the sample of 200 characters every print_every windows, {", ".join(notes)}.')


if __name__ == '__main__':
    main()
