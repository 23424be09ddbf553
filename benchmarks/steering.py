"""The cost of steering a text beside drawing it freely; and how fast a text is read into a state.

    python benchmarks/steering.py tinyshakespeare.txt

One stream at temperature 0.7 from an untrained model, whose speed is that of a trained one; the rules that depend on
the text (pattern, novel) are not here, since what they cost depends on how often a text goes back. All alternate in
short blocks; the figures are medians over the blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from machine import alternate, machine, median_ratio, new_parser, new_run, parse, seconds_of

SHAPES = ((128, 2), (256, 2), (512, 2))
"""H units and L layers."""
WISHES: dict[str, dict[str, Any]] = {
    'plain': {},
    'topk=10': {'topk': 10},
    'topp=0.9': {'topp': 0.9},
    'minp=0.05': {'minp': 0.05},
    "forbid='e'": {'forbid': 'e'},
    "forbid='the'": {'forbid': 'the'},
    'topk, minp and topp': {'topk': 20, 'topp': 0.9, 'minp': 0.01},
}
READ = 1_000_000
"""Characters that are read into a state."""


def rows(file: Path, shapes: Sequence[tuple[int, int]], length: int, blocks: int) -> None:
    """Print the rows of each shape."""
    for H, L in shapes:
        with new_run(file, layers=L, state_size=H, device='cpu', init_checkpoint=False) as ms:
            rare = {'stop=a rare string': {'stop': ms.chars.symbols[-1] * 9}}
            work = {
                name: functools.partial(seconds_of, functools.partial(ms.generatestring, length, 0.7, **wishes))
                for name, wishes in (WISHES | rare).items()
            }
            found = alternate(blocks, work)
        for name, seconds in found.items():
            ratio = median_ratio(found['plain'], seconds)
            print(f'| {L}x{H} | {name} | {length / median(seconds):,.0f} | {ratio:.3f} |', flush=True)


def reading(file: Path, shapes: Sequence[tuple[int, int]], most: int, length: int, blocks: int) -> None:
    """Print, for each shape, the speed of reading a text into a state, beside that of drawing one."""
    text = file.read_text(encoding='utf-8')[:most]
    for H, L in shapes:
        with new_run(file, layers=L, state_size=H, device='cpu', init_checkpoint=False) as ms:
            work = {
                'read': lambda ms=ms: seconds_of(lambda: ms.read(text)),
                'draw': lambda ms=ms: seconds_of(lambda: ms.generatestring(length, 0.7)),
            }
            found = alternate(blocks, work)
        read, drawn = len(text) / median(found['read']), length / median(found['draw'])
        print(f'{L}x{H} read: {len(text):,} characters at {read:,.0f}/s, {read / drawn:.1f} times the rate of drawing')


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path, help='any text in UTF-8')
    parser.add_argument('--blocks', type=int, default=7, help='blocks to take the median of')
    parser.add_argument('--length', type=int, default=3000, help='characters of a block')
    given = parse(parser, argv, blocks=1, length=20)
    shapes = ((8, 2),) if given.quick else SHAPES
    print(f'machine: {machine()}\n')
    print('| L x H | wish | chars/s, one stream | beside plain |\n|---|---|---|---|')
    rows(given.file, shapes, given.length, given.blocks)
    print()
    reading(given.file, shapes[:2], 5_000 if given.quick else READ, given.length, min(3, given.blocks))


if __name__ == '__main__':
    main()
