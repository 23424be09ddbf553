"""An LSTM with causal attention beside a plain LSTM with as many weights, on one text.

    python benchmarks/attention.py pushkin.txt --epochs 3

Both have one layer and are trained with AdamW on the first 90 % of the text; the width of the plain LSTM is the one
that comes nearest in the number of weights.  Epochs of the two alternate.  The causality of the attention model is
tested before its loss is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import machine, new_parser, new_run, parse

from charrnn import HyperParams, compare, generatestring
from charrnn.models import build_model

SETTINGS: dict[str, Any] = {
    'layers': 1,
    'optimizer': 'adamw',
    'learnrate': 2e-3,
    'clipnorm': 1.0,
    'dropout': 0.2,
    'regcost': 0.01,
}


def weights(modeltype: str, vocab_size: int, state_size: int) -> int:
    """Return the number of weights of a model with one layer."""
    model = build_model(modeltype, vocab_size, HyperParams(layers=1, state_size=state_size), None)
    return sum(p.numel() for p in model.parameters())


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--state-size', type=int, default=384)
    parser.add_argument('--epochs', type=int, default=3)
    given = parse(parser, argv, state_size=8, epochs=1)
    print(f'machine: {machine()}')
    sizes = {'state_size': given.state_size, **SETTINGS}
    with new_run(given.file, 'LSTMAttention', name='attention', **sizes) as attention:
        V = len(attention.chars)
        wanted = weights('LSTMAttention', V, given.state_size)
        width = min(range(8, 4 * given.state_size, 8), key=lambda H: abs(weights('LSTM', V, H) - wanted))
        with new_run(given.file, 'LSTM', name='plain', **{**sizes, 'state_size': width}) as plain:
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
