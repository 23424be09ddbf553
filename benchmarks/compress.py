"""Size and speed of ms.compress on a text that the model has not learned from, beside xz and PPMd on the same bytes.

    python benchmarks/compress.py tinyshakespeare.txt --run workspaces/shakespeare

The text is the last 10 % of the file, and the run has learned from the rest; without --run, a run is trained for an
epoch.  "alone" is the text by itself; "after the rest" is what the text adds to the training text in one archive, and
so what a compressor needs that has read the same as the model.  PPMd (order 6) needs pyppmd.  Speeds are medians over
blocks that alternate.  The last lines add the weights, which one text has to pay for and many texts share.
"""

from __future__ import annotations

import contextlib
import importlib
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from machine import alternate, machine, new_parser, new_run, parse, seconds_of

from charrnn import ModelState
from charrnn.session.run import run_of

ORDER, PPMD_BYTES = 6, 64 * 2**20


def xz(data: bytes) -> bytes:
    """Return data as xz compresses it best."""
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def compressors() -> dict[str, Callable[[bytes], Any]]:
    """Return the functions that compress bytes, by name."""
    found: dict[str, Callable[[bytes], Any]] = {'xz': xz}
    with contextlib.suppress(ImportError):
        pyppmd: Any = importlib.import_module('pyppmd')
        found['PPMd'] = lambda data: pyppmd.compress(data, max_order=ORDER, mem_size=PPMD_BYTES)
    return found


def measure(ms: ModelState, train: bytes, text: bytes, blocks: int) -> None:
    """Print a row for the model and for each compressor, and what the weights add."""
    characters, ours = len(text.decode()), ms.compress(text)
    others, packed = compressors(), {'ms.compress': ours}
    work: dict[str, Callable[[], float]] = {
        'ms.compress': lambda: seconds_of(lambda: ms.compress(text)),
        'ms.decompress': lambda: seconds_of(lambda: ms.decompress(ours)),
    }
    for name, compress in others.items():
        packed[name] = compress(text)
        work[name] = lambda compress=compress: seconds_of(lambda: compress(text))  # type: ignore[misc]
    seconds = {name: median(found) for name, found in alternate(blocks, work).items()}
    after = {name: len(compress(train + text)) - len(compress(train)) for name, compress in others.items()}
    print('| who | bytes | bits/char | beside xz | after the rest, bytes | compress, chars/s | decompress, chars/s |')
    print('|---|---|---|---|---|---|---|')
    for name, data in packed.items():
        size, back = len(data), 'ms.decompress' if name == 'ms.compress' else ''
        shares = f'{8 * size / characters:.3f} | {size / len(packed["xz"]):.3f} | {after.get(name, size):,}'
        speed = f'{characters / seconds[back]:,.0f}' if back else ''
        print(f'| {name} | {size:,} | {shares} | {characters / seconds[name]:,.0f} | {speed} |')
    weights = sum(p.numel() for p in run_of(ms).learner.evaluated.parameters())
    rate = len(packed['xz']) / len(text) - len(ours) / len(text)
    print(f'\nweights: {weights:,}, {4 * weights:,} bytes; with this text {4 * weights + len(ours):,} bytes')
    if rate > 0:
        print(f'smaller than xz, with the weights, from {4 * weights / rate / 1e6:,.1f} MB of such text on')


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path, help='any text in UTF-8')
    parser.add_argument('--run', type=Path, help='a run that has learned from the first 90 %% of the file')
    parser.add_argument('--size', type=int, default=128, help='units of a layer, without --run')
    parser.add_argument('--blocks', type=int, default=3, help='blocks to take the median of')
    given = parse(parser, argv, size=8, blocks=1)
    print(f'machine: {machine()}\n')
    with contextlib.ExitStack() as stack:
        if given.run:
            ms = ModelState.load(given.run)
        else:
            ms = stack.enter_context(new_run(given.file, state_size=given.size, device='cpu'))
            ms.trainmodel(train_len=3 if given.quick else 0, valid_len=1, quiet=True)
        train, text = (ms.chars.to_bytes(ms.data.split(name)) for name in ('train', 'valid'))
        print(f'{ms!r}\n')
        measure(ms, train, text, given.blocks)


if __name__ == '__main__':
    main()
