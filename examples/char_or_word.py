"""Bytes or words, RNN or LSTM, by hand or with the engine: on the same text, in the same unit.

    python examples/char_or_word.py [FILE] [--quick] [--plot PICTURE]

A loss per character and a loss per word cannot be compared. Here each loss is in bits per byte of the same held-out
text; a word model pays for spelling every unknown word. The networks by hand (charrnn/scratch) are trained beside the
engine on the same symbols, but not in the same way: by hand with one-hot symbols and Adagrad, with the engine with an
embedding and RMSProp. The runs are in workspaces/char_or_word; each start of the example deletes them and begins again.
"""

import argparse
import contextlib
import io
import math
import shutil
import time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from story import finished, labelled, picture, tell, text_or_builtin

from charrnn import Evaluation, ModelState, generatestring
from charrnn.scratch import HandModel, adagrad, softmax_loss, windows

HOME = Path('workspaces') / 'char_or_word'
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
LANES, WINDOW, UNITS = 16, 50, 128
SAMPLE = {'byte': 80, 'word': 15}
NAMES = {'RNN_TANH': 'RNN', 'LSTM': 'LSTM'}


class Trained(NamedTuple):
    """The result of one training: held-out loss in nats per symbol, and the curve of training losses over epochs."""

    ms: ModelState
    found: Evaluation
    nats: float
    curve: list[tuple[float, float]]
    seconds: float

    def bits_per_byte(self, nats: float) -> float:
        """Convert a loss in nats per held-out symbol to bits per byte; the spelling of unknown words is added."""
        found, size = self.found, len(self.ms.data.text('valid'))
        return found.bits_per_byte + (nats - found.nats) * found.symbols / (math.log(2) * size)


def split_text(source: Path) -> Path:
    """Write the first 90 % as train.txt and the rest as valid.txt, cut at a line for all levels; return the folder."""
    text = source.read_text(encoding='utf-8')
    middle = int(0.9 * len(text))
    cut = text.find('\n', middle, len(text) - 1) + 1 or middle
    folder = HOME / 'text'
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (('train.txt', text[:cut]), ('valid.txt', text[cut:])):
        (folder / name).write_text(part, encoding='utf-8')
    return folder


def with_the_engine(folder: Path, cell: str, level: str, epochs: float) -> Trained:
    """Train with the engine, in five parts with a sample after each."""
    more: dict[str, Any] = {'vocab_size': 1000} if level == 'word' else {}
    shape: dict[str, Any] = {'layers': 1, 'state_size': UNITS, 'seq_len': WINDOW, 'learnrate': 0.002, 'regcost': 0.0}
    ms = ModelState.initfromsrcfile(folder, HOME / f'{cell}-{level}', cell, level=level, **shape, **more)
    updates = updates_of(ms, epochs)
    for share in SHARES:
        with contextlib.redirect_stdout(io.StringIO()):  # the fifty reports are in the history
            finished(
                ms.trainmodel(train_len=updates // 5, batchsize=LANES, print_every=max(1, updates // 50), valid_len=1)
            )
        curve = [(row['epoch'], row['train_nats']) for row in ms.history if row['kind'] == 'report']
        said = generatestring(ms, SAMPLE[level], temp=0.7, seed=1)
        print(f'  {share:4.0%}  {curve[-1][1]:.3f} nats/{level}  {str(said)!r}')
    found = ms.evaluate()
    return Trained(ms, found, found.nats, curve, ms.history['seconds'][-1])


def by_hand(engine: Trained, cell: str, epochs: float) -> Trained:
    """Train a model by hand on the symbols of an engine's run, with a sample after each fifth of the updates."""
    ms = engine.ms
    level, train = ms.chars.level, ms.data.train
    model, memory, curve = HandModel(NAMES[cell].lower(), len(ms.chars), UNITS), dict[str, np.ndarray](), []
    state, updates, since, seconds = model.zero_state(LANES), updates_of(ms, epochs), [], 0.0
    for done, window in enumerate(islice(windows(train.astype(np.int64), LANES, WINDOW), updates), 1):
        began = time.perf_counter()
        nats, gradients, state = model.loss(window, state)
        adagrad(model.weights, gradients, memory, 0.05)
        seconds += time.perf_counter() - began
        since.append(nats)
        if done % max(1, updates // 50) == 0:
            curve.append((done * LANES * WINDOW / len(train), float(np.mean(since))))
            since = []
        if done % (updates // 5) == 0:
            said = ms.chars.decode(model.sample(int(train[0]), SAMPLE[level], temp=0.7, seed=1))
            print(f'  {done / updates:4.0%}  {curve[-1][1]:.3f} nats/{level}  {said!r}')
    return Trained(ms, engine.found, held_out(model, train, ms.data.valid), curve, seconds)


def held_out(model: HandModel, train: np.ndarray, valid: np.ndarray) -> float:
    """Return the loss of a model by hand on the held-out symbols in nats per symbol; training text warms it up."""
    ids = np.concatenate([train[-WINDOW:], valid]).astype(np.int64)
    _, _, state = model.forward(ids[: WINDOW - 1, None], model.zero_state(1))
    nats = 0.0
    for start in range(WINDOW - 1, len(ids) - 1, 1000):
        piece = ids[start : start + 1001]
        states, _, state = model.forward(piece[:-1, None], state)
        logits = states[:, 0] @ model.weights['w_out'].T + model.weights['b_out']
        nats += softmax_loss(logits, piece[1:])[0] * (len(piece) - 1)
    return nats / len(valid)


def updates_of(ms: ModelState, epochs: float) -> int:
    """Return the number of updates of `epochs` epochs, a multiple of five."""
    return max(1, round(epochs * len(ms.data.train) / (LANES * WINDOW * 5))) * 5


def show_table(runs: dict[tuple[str, str, str], Trained], epochs: float) -> None:
    """Print all runs and the baselines, best first."""
    lines = []
    for (name, level, how), run in runs.items():
        bits, unigram = run.bits_per_byte(run.nats), run.bits_per_byte(run.found.ladder['unigram'])
        speed = updates_of(run.ms, epochs) * LANES * WINDOW / run.seconds
        row = f'{run.nats:>11.4f} {unigram - bits:>14.4f} {run.seconds:>8.1f} {speed:>10,.0f}'
        lines.append((bits, f'{name} of {level}s, {how}', row))
    for level in ('byte', 'word'):
        run = runs['LSTM', level, 'engine']
        for rung, nats in labelled(run.found).items():
            if level == 'byte' or rung == 'unigram (static)':
                lines.append((run.bits_per_byte(nats), f'{rung} of {level}s', f'{nats:>11.4f}'))
    print(f'\n== on the same {len(run.ms.data.text("valid")):,} held-out bytes')
    print(f'{"":<28} {"bits/byte":>9} {"nats/symbol":>11} {"below unigram":>14} {"seconds":>8} {"symbols/s":>10}')
    for bits, name, row in sorted(lines):
        print(f'{name:<28} {bits:>9.4f} {row}')
    print("(below unigram: bits per byte below the unigram of the run's own level; seconds: of the updates alone)")


def main() -> None:
    """Train all eight, then print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    parser.add_argument('--epochs', type=float, default=2, help='passes over the text, for each model (%(default)s)')
    parser.add_argument('--quick', action='store_true', help='a minute: 300,000 characters')
    parser.add_argument('--plot', type=picture, metavar='PICTURE', help='write the curves there (needs matplotlib)')
    given = parser.parse_args()
    source = text_or_builtin(given.file, 300_000 if given.quick else None)
    shutil.rmtree(HOME, ignore_errors=True)
    folder = split_text(source)
    runs = {}
    for level in ('byte', 'word'):
        for cell, name in NAMES.items():
            print(f'\n== {name} with the engine, {level} by {level}')
            found = runs[name, level, 'engine'] = with_the_engine(folder, cell, level, given.epochs)
            print(f'\n== {name} by hand, {level} by {level}')
            runs[name, level, 'by hand'] = by_hand(found, cell, given.epochs)
    show_table(runs, given.epochs)
    if given.plot:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(1, 2, figsize=(10, 4), layout='constrained')
        for ax, level in zip(axes, ('byte', 'word'), strict=True):
            for (name, of_level, how), run in runs.items():
                if of_level == level:
                    ax.plot(*zip(*run.curve, strict=True), label=f'{name} {how}', linewidth=1)
            unigram = runs['LSTM', level, 'engine'].found.ladder['unigram']
            ax.axhline(unigram, color='grey', linestyle=':', label='unigram')
            ax.set(xlabel='epochs', ylabel=f'training loss, nats/{level}')
            ax.legend(fontsize=8)
        axes[0].figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


if __name__ == '__main__':
    tell(main)
