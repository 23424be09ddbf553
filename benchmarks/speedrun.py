"""Seconds of wall clock on a CPU to a validation loss on tiny-shakespeare, with our settings for a laptop.

    python benchmarks/speedrun.py tinyshakespeare.txt 1.88
    python benchmarks/speedrun.py tinyshakespeare.txt 1.4697

First 90 % trains; the loss is over the whole last 10 %, every character scored once, the carry running on.  The clock
runs from the first window on, through the validations too, until a validation is below the target.  Both recipes were
chosen on the training part alone (its first 90 % trained, its last 10 % validated).

The two targets are what nanoGPT publishes for about three minutes on a CPU and on an A100.  Its protocol is another
one: the loss of random blocks of 64 or 256 characters that begin with nothing read.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine, new_parser, new_run, parse


@dataclass(frozen=True)
class Recipe:
    """Settings for a target.

    Parameters
    ----------
    lanes : int
    parts : int        validations, evenly spaced over the epochs
    epochs : float     the length of the cosine, and of the training
    settings : dict    the other arguments of ModelState.initfromsrcfile
    """

    lanes: int
    parts: int
    epochs: float
    settings: dict[str, Any]


MUON = {'optimizer': 'muon', 'clip': 0.0, 'clipnorm': 1.0, 'regcost': 0.0}
RECIPES = {
    1.88: Recipe(16, 1, 0.28, {
        'layers': 1, 'state_size': 160, 'seq_len': 64, 'learnrate': 0.02, 'warmup': 0.02, **MUON,
    }),
    1.4697: Recipe(32, 1, 2.0, {
        'layers': 2, 'state_size': 256, 'seq_len': 64, 'learnrate': 0.006, **MUON,
    }),
}  # fmt: skip
"""Recipes by target, the largest target first."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('target', type=float, nargs='?', default=1.88)
    parser.add_argument('--seed', type=int, default=0)
    parser.set_defaults(tiny={})
    given = parse(parser, argv, tiny={'state_size': 8})
    recipe = next((r for least, r in RECIPES.items() if given.target >= least), RECIPES[1.4697])
    lanes, parts = recipe.lanes, recipe.parts
    settings = {**recipe.settings, 'cosine': recipe.epochs, **given.tiny}
    print(f'machine: {machine()}')
    print('settings:', ', '.join(f'{name}={value}' for name, value in {**settings, 'batchsize': lanes}.items()))
    with new_run(given.file, device='cpu', init_checkpoint=False, seed=given.seed, **settings) as ms:
        print(f'engine: {ms.engine!r}\n\n| epoch | train | validation | seconds |\n|---|---|---|---|', flush=True)
        windows = round(recipe.epochs * ms.data.train_size / (lanes * ms.hyper.seq_len * parts))
        began, reached = time.perf_counter(), None
        for _ in range(parts):
            with contextlib.redirect_stdout(io.StringIO()):
                report = ms.trainmodel(train_len=windows, batchsize=lanes, print_every=0)
            seconds = time.perf_counter() - began
            if report.train_nats is None or report.valid_nats is None:
                raise SystemExit('\nStopped before a validation.')
            print(
                f'| {report.epoch:.2f} | {report.train_nats:.4f} | {report.valid_nats:.4f} | {seconds:.1f} |',
                flush=True,
            )
            if report.valid_nats <= given.target:
                reached = seconds
                break
        print(f'\n{given.target} reached after {reached:.1f} s' if reached else f'\n{given.target} was not reached')


if __name__ == '__main__':
    main()
