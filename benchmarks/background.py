"""Cost of training in the background, beside the same rounds in the foreground.

    python benchmarks/background.py tinyshakespeare.txt --blocks 12

Blocks of one round, with its validation and its checkpoint, alternate between the foreground, the background with a
prompt that waits, and the background with a prompt that draws 200 characters again and again; medians are shown.
Ratios are of chars/s, background over foreground, block by block.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from machine import alternate, machine, median_ratio, new_parser, new_run, parse, seconds_of

from charrnn import ModelState, generatestring

HEADER = """\
| B x T, L x H | foreground, chars/s | background | ratio | while the prompt draws | ratio | drawn a block |
|---|---|---|---|---|---|---|"""


def compare(ms: ModelState, lanes: int, windows: int, blocks: int) -> str:
    """Alternate the three; return a row of the table."""
    plan: Any = {'num_rounds': 1, 'batchsize': lanes, 'train_len': windows, 'valid_len': 1, 'print_every': 0}
    drawn = []

    def foreground() -> None:
        ms.trainmodel(**plan, quiet=True)

    def background() -> None:
        ms.trainmodel(**plan, background=True).wait()

    def drawing() -> None:
        handle, texts = ms.trainmodel(**plan, background=True), 0
        while handle.running:
            generatestring(ms, 200)
            texts += 1
        handle.wait()
        drawn.append(texts)

    work = {'foreground': foreground, 'background': background, 'drawing': drawing}
    found = alternate(blocks, {name: partial(seconds_of, each) for name, each in work.items()})
    symbols, hyper = windows * lanes * ms.hyper.seq_len, ms.hyper
    cells = [f'{lanes}x{hyper.seq_len}, {hyper.layers}x{hyper.state_size}']
    cells.append(f'{symbols / median(found["foreground"]):,.0f}')
    for name in ('background', 'drawing'):
        cells += [f'{symbols / median(found[name]):,.0f}', f'{median_ratio(found["foreground"], found[name]):.2f}']
    cells.append(f'{median(drawn):.0f} x 200')
    return f'| {" | ".join(cells)} |'


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--shapes', type=int, nargs='+', default=[128, 512], help='units of the two layers')
    parser.add_argument('--lanes', type=int, default=16)
    parser.add_argument('--blocks', type=int, default=12)
    parser.add_argument('--windows', type=int, default=60, help='windows of a block (default 60)')
    given = parse(parser, argv, shapes=[8], lanes=2, blocks=1, windows=2)
    print(f'machine: {machine()}')
    print(f'{given.blocks} blocks of {given.windows} windows each\n\n{HEADER}', flush=True)
    for units in given.shapes:
        windows = max(2, given.windows * 128 // max(128, units))
        with new_run(given.file, device='cpu', state_size=units) as ms, contextlib.redirect_stdout(io.StringIO()):
            row = compare(ms, given.lanes, windows, given.blocks)
        print(row, flush=True)


if __name__ == '__main__':
    main()
