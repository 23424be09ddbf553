"""LSTM with causal attention beside a plain LSTM of as many weights, on one text.

    python benchmarks/attention.py pushkin.txt --epochs 3

Both 90/10, AdamW, one layer; the plain LSTM is made wider until its weights are as many. Epochs of the two alternate.
The attention model's causality is tested before its loss is printed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from charrnn import HyperParams, ModelState, compare, generatestring
from charrnn.models import build_model

SETTINGS = {'layers': 1, 'optimizer': 'adamw', 'learnrate': 2e-3, 'clipnorm': 1.0, 'dropout': 0.2, 'regcost': 0.01}


def weights(modeltype: str, vocab_size: int, state_size: int) -> int:
    model = build_model(modeltype, vocab_size, HyperParams(layers=1, state_size=state_size), 0)
    return sum(p.numel() for p in model.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--state-size', type=int, default=384)
    parser.add_argument('--epochs', type=int, default=3)
    given = parser.parse_args()
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads')
    with tempfile.TemporaryDirectory() as folder:
        attention = ModelState.initfromsrcfile(
            given.file, Path(folder) / 'attention', 'LSTMAttention', state_size=given.state_size, **SETTINGS
        )
        V = len(attention.chars)
        wanted = weights('LSTMAttention', V, given.state_size)
        width = min(range(8, 4 * given.state_size, 8), key=lambda H: abs(weights('LSTM', V, H) - wanted))
        plain = ModelState.initfromsrcfile(given.file, Path(folder) / 'plain', 'LSTM', state_size=width, **SETTINGS)
        print(attention, plain, sep='\n', flush=True)
        for _ in range(given.epochs):
            for ms in (attention, plain):
                print(ms.modeltype, end='  ', flush=True)
                ms.trainmodel(batchsize=32, print_every=0)
        print(f'causal: {attention.checkcausal()}')
        print(attention.evaluate(), plain.evaluate(), compare(attention, plain), sep='\n\n')
        print(repr(generatestring(attention, 300, temp=0.5, seed=1)))


if __name__ == '__main__':
    main()
