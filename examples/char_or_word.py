"""Characters or words, RNN or LSTM, by hand or with the engine: on the same text, in the same unit.

    python examples/char_or_word.py [FILE] [--quick] [--plot PICTURE]

Its ancestor wrote both networks by hand, on Jules Verne, and compared losses per character with losses per word, which
says nothing. Here everything is in bits per byte of the same held-out text; a word model pays for every word it does
not know. What is written by hand (charrnn/scratch) is trained beside the engine, with the same number of symbols read.
"""

import argparse
import math
import shutil
import time
from itertools import islice
from pathlib import Path

import numpy as np
from builtin_text import text_or_builtin

from charrnn import ModelState, compare, generatestring
from charrnn.scratch.gru import softmax_loss
from charrnn.scratch.language_model import HandModel
from charrnn.scratch.learning import adagrad
from charrnn.scratch.reading import Bytes, Words, windows

HOME = Path('workspaces') / 'char_or_word'
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
LANES, WINDOW = 16, 50


def by_hand(text: str, cell: str, level: str, symbols: int) -> dict[str, object]:
    """Train a model by hand on the first 90 %; samples on the way, its loss on the rest, per symbol."""
    reader = Bytes() if level == 'byte' else Words(text[: int(0.9 * len(text))], 1000)
    train, valid = reader.encode(text[: int(0.9 * len(text))]), reader.encode(text[int(0.9 * len(text)) :])
    model, memory, curve, began = HandModel(cell, len(reader), 128), dict[str, np.ndarray](), [], time.monotonic()
    state, updates = model.zero_state(LANES), max(5, symbols // (LANES * WINDOW))
    marks = {round(share * updates) for share in SHARES}
    for done, window in enumerate(islice(windows(train, LANES, WINDOW), updates), 1):
        nats, gradients, state = model.loss(window, state)
        adagrad(model.weights, gradients, memory, 0.1)
        if done % max(1, updates // 50) == 0:
            curve.append((done * LANES * WINDOW, nats))
        if done in marks:
            said = reader.decode(model.sample(int(train[0]), 60 if level == 'byte' else 15, temp=0.7))
            print(f'  {done / updates:4.0%}  {nats:.3f} nats/{level}  {said!r}')
    seconds = time.monotonic() - began
    states, _, _ = model.forward(valid[:-1, None], model.zero_state(1))
    logits = states[:, 0] @ model.weights['w_out'].T + model.weights['b_out']
    nats, _ = softmax_loss(logits, valid[1:])
    counts = np.bincount(train, minlength=len(reader)) + 1
    unigram = float(-np.log(counts / counts.sum())[valid].mean())
    size = len(text[int(0.9 * len(text)) :].encode())
    return {
        'nats': nats,
        'unigram': unigram,
        'bits_per_byte': nats * len(valid) / math.log(2) / size if level == 'byte' else None,
        'seconds': seconds,
        'speed': updates * LANES * WINDOW / seconds,
        'curve': curve,
    }


def with_the_engine(source: Path, cell: str, level: str, symbols: int) -> ModelState:
    """The same, with the engine; samples at the same shares of the run."""
    name = HOME / f'{cell}-{level}'
    shutil.rmtree(name, ignore_errors=True)
    more = {'vocab_size': 1000} if level == 'word' else {}
    rate = {'learnrate': 0.003, 'optimizer': 'adamw', 'regcost': 0.0}
    ms = ModelState.initfromsrcfile(source, name, cell, level=level, layers=1, seq_len=WINDOW, **rate, **more)
    updates = max(5, symbols // (LANES * WINDOW))
    for _ in SHARES:
        ms.trainmodel(train_len=max(1, updates // 5), batchsize=LANES, print_every=max(1, updates // 50), valid_len=20)
        print(f'  {generatestring(ms, 60 if level == "byte" else 15, temp=0.7, seed=1)!r}')
    return ms


def main() -> None:
    """Train all eight, then put them on one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    parser.add_argument('--epochs', type=float, default=2, help='how often each model reads the text')
    parser.add_argument('--quick', action='store_true', help='a minute: 100,000 characters, once')
    parser.add_argument('--plot', metavar='PICTURE', help='write the curves there (needs matplotlib)')
    given = parser.parse_args()
    source = text_or_builtin(given.file, 100_000 if given.quick else None)
    text, epochs = source.read_text(encoding='utf-8'), min(given.epochs, 1) if given.quick else given.epochs
    hand, states = {}, {}
    for level in ('byte', 'word'):
        size = int(0.9 * (len(text.encode()) if level == 'byte' else len(Words(text).encode(text))))
        for cell, engine_cell in (('rnn', 'RNN_TANH'), ('lstm', 'LSTM')):
            print(f'\n== {cell} by hand, {level} by {level}')
            hand[cell, level] = by_hand(text, cell, level, int(epochs * size))
            print(f'\n== {engine_cell} with the engine, {level} by {level}')
            states[cell, level] = with_the_engine(source, engine_cell, level, int(epochs * size))
    print('\n== by hand: nats per symbol of the held-out text, and how fast')
    heads = ('', 'level', 'nats', 'unigram', 'below', 'bits/byte', 'seconds', 'symbols/s')
    print('{:<10} {:<6} {:>8} {:>8} {:>7} {:>10} {:>8} {:>10}'.format(*heads))
    for (cell, level), found in hand.items():
        bits = f'{found["bits_per_byte"]:.4f}' if found['bits_per_byte'] else '-'
        print(
            f'{cell:<10} {level:<6} {found["nats"]:>8.4f} {found["unigram"]:>8.4f} '
            f'{found["unigram"] - found["nats"]:>7.4f} {bits:>10} {found["seconds"]:>8.1f} {found["speed"]:>10,.0f}'
        )
    print('(words by hand count the unknown as one more word: that number compares with nothing but its own unigram)')
    print('\n== with the engine: on equal text, in bits per byte')
    table = compare(*states.values())
    print(table)
    evaluated = states['lstm', 'byte'].evaluate()
    print(f'unigram of bytes  {evaluated.ladder["unigram"] / math.log(2):.4f} bits/byte')
    for (cell, level), ms in states.items():
        below = ms.evaluate().ladder['unigram'] - ms.evaluate().nats
        speed = ms.history.column('chars_per_second')[-1]
        print(f'  {cell} of {level}s: {below:.3f} nats/{level} below the unigram, {speed:,.0f} {level}s/s')
    if given.plot:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(1, 2, figsize=(10, 4), layout='constrained')
        for ax, level in zip(axes, ('byte', 'word'), strict=True):
            for cell in ('rnn', 'lstm'):
                ax.plot(*zip(*hand[cell, level]['curve'], strict=True), label=f'{cell} by hand', linewidth=1)
                rows = [row for row in states[cell, level].history if row['kind'] == 'report']
                read = [row['epoch'] * states[cell, level].data.train_size for row in rows]
                ax.plot(read, [row['train_nats'] for row in rows], label=f'{cell}, engine')
            ax.set(xlabel=f'{level}s read', ylabel=f'training loss, nats/{level}')
            ax.legend(fontsize=8)
        axes[0].figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


if __name__ == '__main__':
    main()
