"""A word-level LSTM beside the same model in a plain torch loop: perplexity, words/s and peak memory.

    python benchmarks/words.py DIR          a directory with train.txt and valid.txt

LSTM 2x200, tied, dropout 0.2, SGD from 20, gradient norm clipped at 0.25, rate divided by 4 when an epoch did not
improve validation, 20 lanes of 35 words.  Epochs of the two alternate, so that a busy machine slows both.  Both are
measured by this library's protocol: the weights of the plain model are copied into a model of ours for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch
from machine import in_new_process, machine, memory_mib, new_parser, new_run, parse
from torch import Tensor, nn

from charrnn import ModelState
from charrnn.evaluation.protocol import evaluate_split
from charrnn.models import build_model

LAYERS, LANES, BPTT, DROPOUT, RATE, CLIP = 2, 20, 35, 0.2, 20.0, 0.25
SETTINGS: dict[str, Any] = {
    'layers': LAYERS, 'tied': True, 'dropout': DROPOUT, 'seq_len': BPTT, 'optimizer': 'sgd', 'learnrate': RATE,
    'clipnorm': CLIP, 'anneal': 0.25, 'regcost': 0.0, 'level': 'word', 'device': 'cpu',
}  # fmt: skip


class PlainModel(nn.Module):
    """The usual model: embedding, nn.LSTM, linear, dropout around them, weights tied."""

    def __init__(self, vocab_size: int, H: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(DROPOUT)
        self.encoder = nn.Embedding(vocab_size, H)
        self.rnn = nn.LSTM(H, H, LAYERS, dropout=DROPOUT)
        self.decoder = nn.Linear(H, vocab_size)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        self.decoder.weight = self.encoder.weight

    def forward(self, ids: Tensor, hidden: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        outputs, hidden = self.rnn(self.drop(self.encoder(ids)), hidden)
        return self.decoder(self.drop(outputs)).flatten(0, 1), hidden


class PlainLoop:
    """The plain model and its training: an epoch is one pass over the text, cut into columns."""

    def __init__(self, ids: Tensor, vocab_size: int, H: int) -> None:
        torch.manual_seed(0)
        self.model, self.rate, self.best, self.H = PlainModel(vocab_size, H), RATE, math.inf, H
        self.columns = ids[: len(ids) // LANES * LANES].view(LANES, -1).t().contiguous()

    def train(self, windows: int = 0) -> int:
        """Train an epoch, or only its first windows; return the number of words."""
        self.model.train()
        hidden = (torch.zeros(LAYERS, LANES, self.H), torch.zeros(LAYERS, LANES, self.H))
        trained = 0
        for i in range(0, len(self.columns) - 1, BPTT):
            ids, targets = self.columns[i : i + BPTT], self.columns[i + 1 : i + 1 + BPTT]
            self.model.zero_grad()
            hidden = (hidden[0].detach(), hidden[1].detach())
            logits, hidden = self.model(ids[: len(targets)], hidden)
            loss = nn.functional.cross_entropy(logits, targets.reshape(-1))
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            with torch.no_grad():
                for p in self.model.parameters():
                    if p.grad is not None:
                        p.add_(p.grad, alpha=-self.rate)
            trained += targets.numel()
            if windows and i // BPTT + 1 == windows:
                break
        return trained

    def judge(self, nats: float) -> None:
        """Divide the rate by 4 if a validation did not improve."""
        if nats < self.best:
            self.best = nats
        else:
            self.rate /= 4

    def named_weights(self) -> dict[str, Tensor]:
        """Return the weights under the names that our model has for them."""
        named = {'readout_weight': self.model.encoder.weight, 'readout_bias': self.model.decoder.bias}
        for i in range(LAYERS):
            for theirs, ours in (('weight_ih', 'w_in'), ('weight_hh', 'w_h'), ('bias_ih', 'b_in'), ('bias_hh', 'b_h')):
                named[f'layers.{i}.{ours}'] = getattr(self.model.rnn, f'{theirs}_l{i}')
        return {name: tensor.detach() for name, tensor in named.items()}


def plain_nats(loop: PlainLoop, ms: ModelState) -> float:
    """Return the validation loss of the plain model by our protocol."""
    twin = build_model(ms.modeltype, len(ms.chars), ms.hyper, 0)
    parameters = dict(twin.named_parameters())
    with torch.no_grad():
        for name, tensor in loop.named_weights().items():
            parameters[name].copy_(tensor)
    found = evaluate_split(twin, ms.data.train, ms.data.valid, BPTT)
    assert found is not None, 'nothing stops it'
    return found.nats


@contextmanager
def begin(source: Path, state_size: int) -> Iterator[tuple[ModelState, PlainLoop]]:
    """Begin a run of ours and the plain loop on the same words."""
    with new_run(source, 'LSTM', state_size=state_size, **SETTINGS) as ms:
        yield ms, PlainLoop(torch.from_numpy(ms.data.train.astype('int64')), len(ms.chars), state_size)


def peak_mib(source: Path, state_size: int, whose: str) -> float:
    """Return the peak memory of this process in MiB, after 30 windows of one of the two, or of neither."""
    with begin(source, state_size) as (ms, loop):
        if whose == 'ours':
            ms.trainmodel(batchsize=LANES, train_len=30, valid_len=1, print_every=0)
        elif whose == 'plain':
            loop.train(windows=30)
        return memory_mib('VmHWM')


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('source', type=Path, help='a directory with train.txt and valid.txt, or a text')
    parser.add_argument('--epochs', type=int, default=6)
    parser.add_argument('--state-size', type=int, default=200)
    parser.set_defaults(measured=('ours', 'plain', 'neither'))
    given = parse(parser, argv, epochs=1, state_size=8, measured=('plain',))
    with begin(given.source, given.state_size) as (ms, loop):
        print(f'machine: {machine()}; {len(ms.chars):,} words in the vocabulary')
        print(ms, flush=True)
        ratios = []
        for epoch in range(1, given.epochs + 1):
            report = ms.trainmodel(batchsize=LANES, print_every=0)
            ours = report.symbols / report.seconds
            began = time.perf_counter()
            trained = loop.train()
            theirs = trained / (time.perf_counter() - began)
            nats = plain_nats(loop, ms)
            loop.judge(nats)
            ratios.append(ours / theirs)
            assert report.valid_nats is not None
            print(
                f'epoch {epoch}: validation perplexity ours {math.exp(report.valid_nats):.1f}, plain '
                f'{math.exp(nats):.1f}; words/s ours {ours:,.0f}, plain {theirs:,.0f}, ratio {ours / theirs:.2f}',
                flush=True,
            )
        print(f'median ratio of words/s: {median(ratios):.2f}')
        print(ms.evaluate())
    peaks = ((whose, in_new_process(peak_mib, given.source, given.state_size, whose)) for whose in given.measured)
    print(f'peak memory, MiB: {", ".join(f"{whose} {peak:.0f}" for whose, peak in peaks)}')


if __name__ == '__main__':
    main()
