"""Speed and size of an exported page: its script (runtime.js) under node, beside the C engine that draws the same text.

    python benchmarks/page.py tinyshakespeare.txt

One stream at temperature 0.7 from an untrained model, whose speed is that of a trained one. Both alternate in short
blocks; the figures are medians over the blocks. A browser also paints, which this does not measure.
"""

from __future__ import annotations

import base64
import functools
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from machine import alternate, machine, median_ratio, new_parser, new_run, parse, seconds_of

import charrnn
from charrnn import ModelState
from charrnn.export.packed import KINDS, pack
from charrnn.export.page import megabytes, vocabulary_facts
from charrnn.models.recurrent import Recurrent
from charrnn.session.run import run_of

RUNTIME = Path(charrnn.__file__).parent / 'export' / 'runtime.js'
SHAPES = ((128, 2), (256, 2), (512, 2))
"""H units and L layers."""
SCRIPT = """
const r = require(process.argv[1]), given = JSON.parse(require('fs').readFileSync(0))
const model = new r.Model(given.model, Buffer.from(given.data, 'base64')), vocabulary = r.vocabularyOf(given.vocabulary)
const state = model.step(null, 1)
const draw = length => [...r.write(model, vocabulary, state, {temp: 0.7, topk: 0, length}, Math.random)]
draw(Math.ceil(given.length / 2))
const began = performance.now()
draw(given.length)
console.log((performance.now() - began) / 1000)
"""


def seconds_in_node(node: str, ms: ModelState, weights: str, length: int) -> float:
    """Return the seconds that runtime.js takes to draw a text, after a shorter one as a warm-up."""
    model = run_of(ms).learner.model
    assert isinstance(model, Recurrent)
    packed = pack(model, weights)
    data = base64.b64encode(packed.data).decode()
    given = {'model': packed.facts, 'data': data, 'vocabulary': vocabulary_facts(ms.chars), 'length': length}
    done = subprocess.run(
        [node, '-e', SCRIPT, str(RUNTIME)], input=json.dumps(given), text=True, capture_output=True, check=True
    )
    return float(done.stdout)


def rows(file: Path, node: str | None, shapes: Sequence[tuple[int, int]], length: int, blocks: int) -> None:
    """Print the rows of each shape; without node, the sizes alone."""
    for H, L in shapes:
        with (
            new_run(file, layers=L, state_size=H, device='cpu', init_checkpoint=False) as ms,
            TemporaryDirectory() as at,
        ):
            sizes = {weights: ms.exporthtml(Path(at) / 'page.html', weights=weights) for weights in KINDS}
            work = {'ours, C': lambda: seconds_of(lambda: ms.generatestring(length, 0.7))}
            if node:
                work |= {kind: functools.partial(seconds_in_node, node, ms, kind, length) for kind in KINDS}
            found = alternate(blocks, work)
        for name, seconds in found.items():
            speed, ratio = length / median(seconds), median_ratio(found['ours, C'], seconds)
            size = ' | '.join(map(megabytes, (sizes[name].weight_bytes, sizes[name].bytes))) if name in KINDS else ' | '
            label = f'page, {name}' if name in KINDS else name
            print(f'| {L}x{H} | {label} | {size} | {speed:,.0f} | {ratio:.3f} |', flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path, help='any text in UTF-8')
    parser.add_argument('--blocks', type=int, default=7, help='blocks to take the median of')
    parser.add_argument('--length', type=int, default=2000, help='characters of a block')
    given = parse(parser, argv, blocks=1, length=20)
    node = shutil.which('node')
    version = subprocess.run([node, '--version'], text=True, capture_output=True).stdout.strip() if node else 'missing'
    print(f'machine: {machine()}\nnode: {version}\n')
    print('| L x H | who | weights | page | chars/s, one stream | beside C |\n|---|---|---|---|---|---|')
    rows(given.file, node, ((8, 2),) if given.quick else SHAPES, given.length, given.blocks)


if __name__ == '__main__':
    main()
