"""The gain of each trick of training: the same model, text and epochs with one setting after another.

    OMP_NUM_THREADS=1 python benchmarks/tricks.py tinyshakespeare.txt

GRUEncode 2x128, 16 lanes of 64, 3 epochs, a norm of at most 1, one seed.  The last 10 % of the text are not seen, so
that they can judge a choice that was made here: of the rest the first 90 % train and the last 10 % validate, every
character scored once, the carry running on.  Seconds are those of the training windows.
"""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import machine, new_parser, new_run, parse

ADAMW = {'optimizer': 'adamw', 'learnrate': 0.005}
MUON = {'optimizer': 'muon', 'learnrate': 0.007}
TRICKS: tuple[tuple[dict[str, Any], bool, dict[str, Any]], ...] = (
    (ADAMW, False, {}),
    (MUON, False, {}),
    (MUON, False, {'average': 0.998}),
    (ADAMW, True, {}),
    (MUON, True, {}),
    (MUON, True, {'average': 0.99}),
    (MUON, True, {'dropout': 0.1}),
    (MUON, True, {'dropout': 0.1, 'locked': True}),
    (MUON, True, {'weightdrop': 0.1}),
)
"""Optimizer; whether its rate falls along half a cosine over the epochs; what comes on top."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--epochs', type=int, default=3)
    parser.add_argument('--state-size', type=int, default=128)
    given = parse(parser, argv, epochs=1, state_size=8)
    print(f'machine: {machine()}\n')
    print('| optimizer | rate along the training | with | nats/char | seconds |\n|---|---|---|---|---|', flush=True)
    text = given.file.read_text(encoding='utf-8')
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / given.file.name
        seen.write_text(text[: len(text) * 9 // 10], encoding='utf-8')
        for optimizer, falls, extra in TRICKS:
            settings = {**optimizer, **extra, **({'cosine': given.epochs} if falls else {})}
            loss, seconds = train(seen, given.epochs, given.state_size, settings)
            name = f'{optimizer["optimizer"]} {optimizer["learnrate"]}'
            rate = 'half a cosine' if falls else 'constant'
            on_top = ', '.join(f'{key}={value}' for key, value in extra.items())
            print(f'| {name} | {rate} | {on_top} | {loss:.4f} | {seconds:.0f} |', flush=True)


def train(source: Path, epochs: int, state_size: int, settings: dict[str, Any]) -> tuple[float, float]:
    """Return the validation loss after the epochs, nats per character, and the seconds of training."""
    fixed: dict[str, Any] = {'layers': 2, 'seq_len': 64, 'clip': 0.0, 'clipnorm': 1.0, 'regcost': 0.0}
    with new_run(source, device='cpu', state_size=state_size, **fixed, **settings) as ms:
        seconds, loss = 0.0, math.nan
        for _ in range(epochs):
            with contextlib.redirect_stdout(io.StringIO()):
                report = ms.trainmodel(batchsize=16, print_every=0)
            if report.valid_nats is None:
                raise SystemExit('\nStopped before a validation.')
            seconds, loss = seconds + report.seconds, report.valid_nats
        return loss, seconds


if __name__ == '__main__':
    main()
