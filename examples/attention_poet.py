"""A poet with attention: an LSTM that looks back at its own earlier states, on random blocks of a text, with AdamW.

    python examples/attention_poet.py [FILE] [--quick] [--plot PICTURE]

Its ancestor let every place of a block look at all places, also later ones: it saw what it had to predict. Ours looks
back only, and the end of the story measures what the ancestor's loss was worth. The run is kept in
workspaces/attention_poet, and begun anew each time.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from story import picture, positive, tell, text_or_builtin

from charrnn import ModelState, generatestring


def main() -> None:
    """Train, write verse, then show the lie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    parser.add_argument('--block-size', type=positive, default=64, help='symbols of a block (%(default)s)')
    parser.add_argument('--batch-size', type=positive, default=32, help='blocks at a time (%(default)s)')
    parser.add_argument(
        '--max-iters', type=positive, default=3000, help='updates; at most 2,000 for each twin at the end (%(default)s)'
    )
    parser.add_argument(
        '--eval-interval', type=positive, default=500, help='updates from report to report (%(default)s)'
    )
    parser.add_argument('--learning-rate', type=float, default=3e-4, help='of AdamW (%(default)s)')
    parser.add_argument('--state-size', type=positive, default=384, help='units (%(default)s)')
    parser.add_argument('--start', default='\n', help='what the verse goes on from (%(default)r)')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='a minute: 200,000 characters, and other defaults: 64 units, rate 0.003, 1,000 updates',
    )
    parser.add_argument('--plot', type=picture, metavar='PICTURE', help='write the curves there (needs matplotlib)')
    if parser.parse_args().quick:
        parser.set_defaults(state_size=64, learning_rate=3e-3, max_iters=1000, eval_interval=250)
    given = parser.parse_args()
    source, home = text_or_builtin(given.file, 200_000 if given.quick else None), Path('workspaces') / 'attention_poet'
    shutil.rmtree(home, ignore_errors=True)
    ms = ModelState.initfromsrcfile(
        source,
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
    show_the_lie(ms, min(given.max_iters, 2000))
    if given.plot:
        ms.plot().figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


class Ancestor(torch.nn.Module):
    """An LSTM, and attention over its outputs: over all of the block, or with a mask over the earlier ones alone."""

    def __init__(self, symbols: int, block: int, masked: bool, units: int = 64) -> None:
        super().__init__()
        self.embed, self.out = torch.nn.Embedding(symbols, units), torch.nn.Linear(units, symbols)
        self.lstm = torch.nn.LSTM(units, units, batch_first=True)
        self.look = torch.nn.MultiheadAttention(units, 1, batch_first=True)
        self.later = torch.ones(block, block, dtype=torch.bool).triu(1) if masked else None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) of what follows each of `ids` (B, T)."""
        states, _ = self.lstm(self.embed(ids))
        seen, _ = self.look(states, states, states, attn_mask=self.later, need_weights=False)
        return self.out(seen)


def show_the_lie(ms: ModelState, updates: int) -> None:
    """The ancestor's network twice, small: with the mask and without. All that differs is who may look ahead."""
    print(f'\n== the mask removed: {updates} updates of a small twin, in nats/char')
    print(f'{"":<24} {"as reported":>11} {"where nothing is ahead":>23}')
    for masked in (True, False):
        mean, last = losses_of_a_twin(ms, masked, updates)
        print(f'{"with the mask" if masked else "without it":<24} {mean:>11.4f} {last:>23.4f}')
    print('Without the mask each place sees the symbol that it has to predict, one place on, and copies it: the number')
    print('looks like a triumph, and it is a lie. The last place of a block has nothing ahead to copy, and neither has')
    print('a writer: that is the loss the model would write with.')


def losses_of_a_twin(ms: ModelState, masked: bool, updates: int) -> tuple[float, float]:
    """Train a twin on random blocks; its loss on held-out ones: over all places, and at the last place alone."""
    T, B, draws = ms.hyper.seq_len, 32, np.random.default_rng(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        twin = Ancestor(len(ms.chars), T, masked)
    optimizer = torch.optim.AdamW(twin.parameters(), lr=3e-3)

    def losses(split: np.ndarray) -> torch.Tensor:
        starts = draws.integers(len(split) - T, size=B)
        ids = torch.from_numpy(split[starts[:, None] + np.arange(T + 1)].astype(np.int64))
        return torch.nn.functional.cross_entropy(twin(ids[:, :-1]).transpose(1, 2), ids[:, 1:], reduction='none')

    for _ in range(updates):
        optimizer.zero_grad()
        losses(ms.data.train).mean().backward()
        optimizer.step()
    held_out = ms.data.valid if len(ms.data.valid) > T else ms.data.train  # a text too short to spare a block
    with torch.no_grad():
        found = torch.cat([losses(held_out) for _ in range(20)])
    return float(found.mean()), float(found[:, -1].mean())


if __name__ == '__main__':
    tell(main)
