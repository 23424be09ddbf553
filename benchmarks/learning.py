"""How well the defaults learn: validation loss on a text after some epochs, beside the baseline ladder.

    python benchmarks/learning.py tinyshakespeare.txt --state-size 256 --epochs 3

Trains GRUEncode on the first 90 % of the text, with every hyperparameter but the sizes at its default, and prints a
row after each epoch: the loss over the whole last 10 %, every character scored once, the carry running on.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from charrnn import ModelState, generatestring


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--modeltype', default='GRUEncode')
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--state-size', type=int, default=256)
    parser.add_argument('--epochs', type=int, default=3)
    parser.add_argument('--dropout', type=float, default=0.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = {'layers': given.layers, 'state_size': given.state_size, 'dropout': given.dropout}
        ms = ModelState.initfromsrcfile(given.file, Path(folder) / 'run', given.modeltype, **sizes)
        print(f'torch {torch.__version__}, {torch.get_num_threads()} threads, {ms.device}')
        print(ms, flush=True)
        for _ in range(given.epochs):
            ms.trainmodel(print_every=0)
        print(ms.evaluate())
        print(f'{ms.history[-1]["seconds"]:.0f} s of training')
        print(repr(generatestring(ms, 300, temp=0.5, seed=1)))


if __name__ == '__main__':
    main()
