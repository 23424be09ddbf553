"""What ms.trainmodel reaches on a GPU, beside a bare nn.GRU loop of the same shapes.

    python benchmarks/gpu.py tinyshakespeare.txt --blocks 8

The measurement and the columns are those of overhead.py: blocks alternate, every clock waits for the device, medians.
The text should have a million characters or so: the largest shape reads 25,600 at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path

import torch
from encoding import machine
from overhead import HEADER, compare

from charrnn import ModelState

SHAPES = ((16, 100, 128, 2), (64, 100, 512, 2), (256, 100, 1024, 2))
"""B lanes, T symbols of a window, H units, L layers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--modeltype', choices=['GRUEncode', 'GRUResize'], default='GRUEncode')
    parser.add_argument('--blocks', type=int, default=8)
    parser.add_argument('--windows', type=int, default=40, help='windows of a block (default 40)')
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit(f'benchmarks/gpu.py needs a CUDA GPU, and torch {torch.__version__} finds none here.')
    for name in ('FORCE_COLOR', 'TTY_COMPATIBLE'):  # would draw the bar
        os.environ.pop(name, None)
    print(f'machine: {torch.cuda.get_device_name()}; {machine()}')
    print(
        f'torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}; '
        f'float32 products: cuDNN {torch.backends.cudnn.rnn.fp32_precision}, '
        f'matmul {torch.backends.cuda.matmul.fp32_precision}'
    )
    print(f'{given.modeltype}, {given.blocks} blocks of {given.windows} windows each\n\n{HEADER}', flush=True)
    for B, T, H, L in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            sizes = {'layers': L, 'state_size': H, 'seq_len': T, 'device': 'cuda'}
            ms = ModelState.initfromsrcfile(given.file, Path(folder) / 'run', given.modeltype, **sizes)
            for row in compare(ms, B, given.windows, given.blocks, {'pipe': io.StringIO()}):
                print(row, flush=True)


if __name__ == '__main__':
    main()
