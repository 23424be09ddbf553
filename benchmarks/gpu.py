"""Speed of ms.trainmodel on a GPU, beside a bare nn.GRU loop with the same shapes.

    python benchmarks/gpu.py tinyshakespeare.txt --blocks 8

The measurement and the columns are those of overhead.py: blocks alternate, each clock waits for the device, medians.
The text should have about a million characters: the largest shape reads 25,600 at once.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from machine import machine, new_parser, new_run, parse
from overhead import HEADER, compare

Shape = tuple[int, int, int, int]
"""B lanes, T symbols of a window, H units, L layers."""
SHAPES: tuple[Shape, ...] = ((16, 100, 128, 2), (64, 100, 512, 2), (256, 100, 1024, 2))


def rows(
    file: Path, modeltype: str, shapes: Iterable[Shape], windows: int, blocks: int, device: str = 'cuda'
) -> Iterator[str]:
    """Yield the rows of the table."""
    for B, T, H, L in shapes:
        sizes: dict[str, Any] = {'layers': L, 'state_size': H, 'seq_len': T, 'device': device}
        with new_run(file, modeltype, **sizes) as ms:
            yield from compare(ms, B, windows, blocks, {'pipe': io.StringIO()})


def about_the_gpu() -> str:
    """Return the name of the GPU, the versions of its libraries, and how float32 products are computed."""
    rnn, matmul = (
        getattr(part, 'fp32_precision', 'as by default')
        for part in (getattr(torch.backends.cudnn, 'rnn', None), torch.backends.cuda.matmul)
    )
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    versions = f'CUDA {torch.version.cuda}, cuDNN {cudnn}'
    return f'{torch.cuda.get_device_name()}, {versions}; float32 products: cuDNN {rnn}, matmul {matmul}'


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--modeltype', choices=['GRUEncode', 'GRUResize'], default='GRUEncode')
    parser.add_argument('--blocks', type=int, default=8)
    parser.add_argument('--windows', type=int, default=40, help='windows of a block (default 40)')
    parser.set_defaults(shapes=SHAPES)
    given = parse(parser, argv, shapes=[(2, 10, 8, 1)], blocks=1, windows=2)
    if not torch.cuda.is_available():
        raise SystemExit(
            f'benchmarks/gpu.py needs a CUDA GPU, and torch {torch.__version__} finds none.\n'
            '  Next: python benchmarks/overhead.py FILE measures the same on the CPU'
        )
    print(f'machine: {machine()}\n{about_the_gpu()}')
    print(f'{given.modeltype}, {given.blocks} blocks of {given.windows} windows each\n\n{HEADER}', flush=True)
    for row in rows(given.file, given.modeltype, given.shapes, given.windows, given.blocks):
        print(row, flush=True)


if __name__ == '__main__':
    main()
