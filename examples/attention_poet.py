"""Verse from an LSTM with attention over its own earlier states, trained on random blocks of a text with AdamW.

    python examples/attention_poet.py [FILE] [--quick] [--plot PICTURE]

The script that this example replaces had no causal mask: every place of a block attended to all places, and so to the
symbol that it had to predict. Ours attends to earlier places only, and the end of the example measures what the loss
without a mask means. The run is in workspaces/attention_poet; each start of the example deletes it and begins again.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from story import labelled, picture, positive, tell, text_or_builtin

from charrnn import ModelState, generatestring


def main() -> None:
    """Train, generate verse, evaluate, then measure the effect of the mask."""
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
    parser.add_argument('--start', default='\n', help='prime of the verse (%(default)r)')
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
    print(f'\n== verse that continues {given.start!r}')
    print(generatestring(ms, 500, temp=0.8, prime=given.start, seed=1, errors='replace'))
    found = ms.evaluate()
    print(f'\n== {found.protocol}')
    print(f'{"":<24} {"nats/char":>9}')
    print(f'{"LSTM with attention":<24} {found.nats:>9.4f}')
    for rung, nats in labelled(found).items():
        print(f'{rung:<24} {nats:>9.4f}')
    print(f'{found.ladder["unigram"] - found.nats:.3f} nats below the unigram. checkcausal: {ms.checkcausal()}')
    compare_masks(ms, min(given.max_iters, 2000))
    if given.plot:
        ms.plot().figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


class Twin(torch.nn.Module):
    """An LSTM with attention over its outputs: over the whole block, or, with a mask, over earlier places alone."""

    def __init__(self, symbols: int, block: int, masked: bool, units: int = 64) -> None:
        super().__init__()
        self.embed, self.out = torch.nn.Embedding(symbols, units), torch.nn.Linear(units, symbols)
        self.lstm = torch.nn.LSTM(units, units, batch_first=True)
        self.look = torch.nn.MultiheadAttention(units, 1, batch_first=True)
        self.later = torch.ones(block, block, dtype=torch.bool).triu(1) if masked else None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, T, V) of the symbol after each of `ids` (B, T)."""
        states, _ = self.lstm(self.embed(ids))
        seen, _ = self.look(states, states, states, attn_mask=self.later, need_weights=False)
        logits: torch.Tensor = self.out(seen)
        return logits


def compare_masks(ms: ModelState, updates: int) -> None:
    """Train two small networks that differ in the mask alone, and print their losses."""
    print(f'\n== with and without the mask: {updates} updates of two small networks, in nats/char')
    print(f'{"":<24} {"all places":>11} {"last place of a block":>23}')
    for masked in (True, False):
        mean, last = losses_of_twin(ms, masked, updates)
        print(f'{"with the mask" if masked else "without it":<24} {mean:>11.4f} {last:>23.4f}')
    print('Without the mask each place attends to the next symbol, which it has to predict, and copies it, so the loss')
    print('over all places is not a loss of prediction. The last place of a block has no next symbol to copy, as in')
    print('generating: that column is the loss of the model when it generates.')


def losses_of_twin(ms: ModelState, masked: bool, updates: int) -> tuple[float, float]:
    """Train a network on random blocks; return its loss on held-out blocks, over all places and at the last place."""
    T, B, draws = ms.hyper.seq_len, 32, np.random.default_rng(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        twin = Twin(len(ms.chars), T, masked)
    optimizer = torch.optim.AdamW(twin.parameters(), lr=3e-3)

    def losses(split: np.ndarray) -> torch.Tensor:
        starts = draws.integers(len(split) - T, size=B)
        ids = torch.from_numpy(split[starts[:, None] + np.arange(T + 1)].astype(np.int64))
        return torch.nn.functional.cross_entropy(twin(ids[:, :-1]).transpose(1, 2), ids[:, 1:], reduction='none')

    for _ in range(updates):
        optimizer.zero_grad()
        losses(ms.data.train).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    # A validation split that is shorter than a block gives none.
    held_out = ms.data.valid if len(ms.data.valid) > T else ms.data.train
    with torch.no_grad():
        found = torch.cat([losses(held_out) for _ in range(20)])
    return float(found.mean()), float(found[:, -1].mean())


if __name__ == '__main__':
    tell(main)
