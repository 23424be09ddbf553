"""Validation loss of the default settings on a text after some epochs, beside the baseline ladder.

    python benchmarks/defaults.py tinyshakespeare.txt --state-size 256 --epochs 3

Trains GRUEncode on the first 90 % of the text, with every hyperparameter but the sizes at its default, and prints a
row after each epoch: the loss over the whole last 10 %, every character scored once, the carry running on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from machine import machine, new_parser, new_run, parse

from charrnn import generatestring


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--modeltype', default='GRUEncode')
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--state-size', type=int, default=256)
    parser.add_argument('--epochs', type=int, default=3)
    parser.add_argument('--dropout', type=float, default=0.0)
    given = parse(parser, argv, layers=1, state_size=8, epochs=1)
    sizes = {'layers': given.layers, 'state_size': given.state_size, 'dropout': given.dropout}
    with new_run(given.file, given.modeltype, **sizes) as ms:
        print(f'machine: {machine()}, device {ms.device}')
        print(ms, flush=True)
        for _ in range(given.epochs):
            ms.trainmodel(print_every=0)
        print(ms.evaluate())
        print(f'{ms.history[-1]["seconds"]:.0f} s of training')
        print(repr(generatestring(ms, 300, temp=0.5, seed=1)))


if __name__ == '__main__':
    main()
