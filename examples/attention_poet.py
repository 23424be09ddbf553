"""A poet with attention: an LSTM that looks back at its own earlier states, on random blocks of a text, with AdamW.

    python examples/attention_poet.py [FILE] [--quick] [--plot PICTURE]

Its ancestor let every place of a block look at all places, also later ones: it saw what it had to predict. Ours looks
back only, and the end of the story measures what the ancestor's loss was worth.
"""

import argparse
import math
import shutil
from pathlib import Path

import numpy as np
import torch
from builtin_text import text_or_builtin

from charrnn import ModelState, generatestring


def main() -> None:
    """Train, write verse, then show the lie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    parser.add_argument('--block-size', type=int, default=64, help='symbols of a block')
    parser.add_argument('--batch-size', type=int, default=32, help='blocks at a time')
    parser.add_argument('--max-iters', type=int, default=3000, help='updates')
    parser.add_argument('--eval-interval', type=int, default=500, help='updates from report to report')
    parser.add_argument('--learning-rate', type=float, default=3e-4, help='of AdamW')
    parser.add_argument('--state-size', type=int, default=384, help='units')
    parser.add_argument('--start', default='\n', help='what the verse goes on from')
    parser.add_argument('--quick', action='store_true', help='a minute: 64 units, 1,000 updates')
    parser.add_argument('--plot', metavar='PICTURE', help='write the curves there (needs matplotlib)')
    given = parser.parse_args()
    if given.quick:
        given.state_size, given.max_iters, given.eval_interval = 64, min(given.max_iters, 1000), 250
        given.learning_rate = 3e-3
    home = Path('workspaces') / 'attention_poet'
    shutil.rmtree(home, ignore_errors=True)
    ms = ModelState.initfromsrcfile(
        text_or_builtin(given.file, 200_000 if given.quick else None),
        home,
        'LSTMAttention',
        layers=1,
        state_size=given.state_size,
        seq_len=given.block_size,
        sampling='random',
        optimizer='adamw',
        learnrate=given.learning_rate,
        regcost=0.01,
        clipnorm=1.0,
    )
    print(ms)
    ms.trainmodel(train_len=given.max_iters, batchsize=given.batch_size, print_every=given.eval_interval)
    print(f'\n== verse, going on from {given.start!r}')
    print(generatestring(ms, 500, temp=0.8, prime=given.start, seed=1, errors='replace'))
    found = ms.evaluate()
    print(f'\n== {found.protocol}')
    print(f'{"":<24} {"nats/char":>9}')
    print(f'{"LSTM with attention":<24} {found.nats:>9.4f}')
    for rung, nats in found.ladder.items():
        print(f'{rung:<24} {nats:>9.4f}')
    print(f'{found.ladder["unigram"] - found.nats:.3f} nats below the unigram. checkcausal: {ms.checkcausal()}')
    show_the_lie(ms, given.quick)
    if given.plot:
        ms.plot().figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


def show_the_lie(ms: ModelState, quick: bool) -> None:
    """What a model can reach that sees the symbol which it has to predict: a few updates suffice."""
    V, T, B = len(ms.chars), ms.hyper.seq_len, 32
    draws, train, valid = np.random.default_rng(0), ms.data.train, ms.data.valid
    with torch.random.fork_rng():
        torch.manual_seed(0)
        embed, out = torch.nn.Embedding(V, 64), torch.nn.Linear(64, V)
        look = torch.nn.MultiheadAttention(64, 1, batch_first=True)
        where = torch.nn.Embedding(T, 64)
        parts = torch.nn.ModuleList([embed, out, look, where])
    optimizer = torch.optim.AdamW(parts.parameters(), lr=3e-3)

    def loss(split: np.ndarray) -> torch.Tensor:
        starts = draws.integers(len(split) - T - 1, size=B)
        ids = torch.from_numpy(split[starts[:, None] + np.arange(T + 1)].astype(np.int64))
        x = embed(ids[:, :-1]) + where.weight
        seen, _ = look(x, x, x, need_weights=False)  # no mask: place t sees place t + 1, which it has to predict
        return torch.nn.functional.cross_entropy(out(seen).flatten(0, 1), ids[:, 1:].flatten())

    for _ in range(200 if quick else 2000):
        optimizer.zero_grad()
        nats = loss(train)
        nats.backward()
        optimizer.step()
    with torch.no_grad():
        seen = float(np.mean([loss(valid).item() for _ in range(20)])) if len(valid) > T + 1 else math.nan
    print(f'\n== without the mask: {seen:.4f} nats/char, and it is a lie')
    print('A toy of one attention layer, that may look at what it has to predict: it copies.')
    print('When it has to write, that symbol is not there yet, and what it learned is of no use.')


if __name__ == '__main__':
    main()
