"""A word-level LSTM beside the same model in a plain torch loop: perplexity, words/s and peak memory.

    python benchmarks/words.py DIR          a directory with train.txt and valid.txt

LSTM 2x200, tied, dropout 0.2, SGD from 20, gradient norm clipped at 0.25, rate divided by 4 when an epoch did not
improve validation, 20 lanes of 35 words.  Epochs of the two alternate, so that a busy machine slows both.  Both are
measured by this library's protocol: the plain loop's weights are copied into a model of ours for it.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from charrnn import ModelState
from charrnn.evaluation.protocol import evaluate_split

H, LAYERS, LANES, BPTT, DROPOUT, RATE, CLIP = 200, 2, 20, 35, 0.2, 20.0, 0.25
SETTINGS = {
    'layers': LAYERS, 'state_size': H, 'tied': True, 'dropout': DROPOUT, 'seq_len': BPTT, 'optimizer': 'sgd',
    'learnrate': RATE, 'clipnorm': CLIP, 'anneal': 0.25, 'regcost': 0.0,
}  # fmt: skip


class PlainModel(nn.Module):
    """What everybody writes: embedding, nn.LSTM, linear, dropout around them, weights tied."""

    def __init__(self, vocab_size: int) -> None:
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
    """The plain model and its training: one pass over the text, cut into columns, an epoch."""

    def __init__(self, ids: Tensor, vocab_size: int) -> None:
        torch.manual_seed(0)
        self.model, self.rate, self.best = PlainModel(vocab_size), RATE, math.inf
        self.columns = ids[: len(ids) // LANES * LANES].view(LANES, -1).t().contiguous()

    def train(self, windows: int = 0) -> int:
        self.model.train()
        hidden = (torch.zeros(LAYERS, LANES, H), torch.zeros(LAYERS, LANES, H))
        trained = 0
        for i in range(0, len(self.columns) - 1, BPTT):
            ids, targets = self.columns[i : i + BPTT], self.columns[i + 1 : i + 1 + BPTT]
            self.model.zero_grad()
            hidden = (hidden[0].detach(), hidden[1].detach())
            logits, hidden = self.model(ids[: len(targets)], hidden)
            loss = nn.functional.cross_entropy(logits, targets.reshape(-1))
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            with torch.no_grad():
                for p in self.model.parameters():
                    p.add_(p.grad, alpha=-self.rate)
            trained += targets.numel()
            if windows and i // BPTT + 1 == windows:
                break
        return trained

    def judge(self, nats: float) -> None:
        if nats < self.best:
            self.best = nats
        else:
            self.rate /= 4

    def weights_for(self, ms: ModelState) -> dict[str, Tensor]:
        """Its weights under our names."""
        named = {'readout_weight': self.model.encoder.weight, 'readout_bias': self.model.decoder.bias}
        for i in range(LAYERS):
            for theirs, ours in (('weight_ih', 'w_in'), ('weight_hh', 'w_h'), ('bias_ih', 'b_in'), ('bias_hh', 'b_h')):
                named[f'layers.{i}.{ours}'] = getattr(self.model.rnn, f'{theirs}_l{i}')
        return {name: tensor.detach() for name, tensor in named.items()}


def plain_nats(loop: PlainLoop, ms: ModelState) -> float:
    """The plain model's validation loss by our protocol."""
    twin = ModelState.load(ms.curdir)  # only read from, and gone again
    with torch.no_grad():
        parameters = dict(twin._run.learner.model.named_parameters())
        for name, tensor in loop.weights_for(ms).items():
            parameters[name].copy_(tensor)
    found = evaluate_split(twin._run.learner.model, ms.data.train, ms.data.valid, BPTT, ms.device)
    assert found is not None
    return found[0]


def begin(source: Path, folder: str) -> tuple[ModelState, PlainLoop]:
    ms = ModelState.initfromsrcfile(source, Path(folder) / 'run', 'LSTM', level='word', device='cpu', **SETTINGS)
    return ms, PlainLoop(torch.from_numpy(ms.data.train.astype('int64')), len(ms.chars))


def peak_mib(source: Path, whose: str) -> float:
    """The most memory a process of its own took that trained some windows, in MiB."""
    command = [sys.executable, __file__, str(source), '--only', whose]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path)
    parser.add_argument('--epochs', type=int, default=6)
    parser.add_argument('--only', choices=['ours', 'plain', 'neither'], help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ms, loop = begin(given.source, folder)
        if given.only:
            if given.only == 'ours':
                ms.trainmodel(batchsize=LANES, train_len=30, valid_len=1, print_every=0)
            elif given.only == 'plain':
                loop.train(windows=30)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        print(
            f'torch {torch.__version__}, {torch.get_num_threads()} threads; {len(ms.chars):,} words in the vocabulary'
        )
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
    print(f'peak memory, MiB: ours {peak_mib(given.source, "ours"):.0f}, plain {peak_mib(given.source, "plain"):.0f}, '
          f'before any training {peak_mib(given.source, "neither"):.0f}')  # fmt: skip


if __name__ == '__main__':
    main()
