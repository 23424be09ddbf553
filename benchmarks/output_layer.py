"""The output layer's loss at a large vocabulary, ours against the plain way: peak memory and time on synthetic ids.

    python benchmarks/output_layer.py

Forward and backward of `readout_loss` against `cross_entropy(linear(...))`, each in processes of its own, alternating.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from statistics import median

import torch
from torch.nn.functional import cross_entropy, linear

from charrnn.models.readout import readout_loss


def child(whose: str, symbols: int, vocab_size: int, state_size: int) -> None:
    """Print the growth of the peak memory in MiB and the median seconds of a step."""
    draws = torch.Generator().manual_seed(0)
    outputs = torch.randn(symbols, state_size, generator=draws).requires_grad_()
    weight = torch.randn(vocab_size, state_size, generator=draws).mul_(0.05).requires_grad_()
    bias = torch.zeros(vocab_size, requires_grad=True)
    targets = torch.randint(vocab_size, (symbols,), generator=draws)
    before, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    for _ in range(7):
        began = time.perf_counter()
        if whose == 'ours':
            loss = readout_loss(outputs, weight, bias, targets)
        else:
            loss = cross_entropy(linear(outputs, weight, bias), targets)
        loss.backward()
        outputs.grad = weight.grad = bias.grad = None
        seconds.append(time.perf_counter() - began)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(growth / 1024, median(seconds[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--vocab-size', type=int, default=33_278)
    parser.add_argument('--state-size', type=int, default=200)
    parser.add_argument('--child', nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], int(given.child[1]), given.vocab_size, given.state_size)
        return
    sizes = f'V = {given.vocab_size:,}, H = {given.state_size}'
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads, {sizes}\n')
    print('| symbols of a window | ours, MiB | plain, MiB | ratio | ours, ms | plain, ms | plain / ours |')
    print('|---|---|---|---|---|---|---|')
    for symbols in (700, 2800):
        found: dict[str, list[list[float]]] = {'ours': [], 'plain': []}
        for _ in range(3):
            for whose, results in found.items():
                command = [sys.executable, __file__, '--child', whose, str(symbols)]
                command += ['--vocab-size', str(given.vocab_size), '--state-size', str(given.state_size)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                results.append([float(number) for number in done.stdout.split()])
        (our_mib, ours), (mib, plain) = ([median(column) for column in zip(*found[k], strict=True)] for k in found)
        print(f'| {symbols} | {our_mib:.0f} | {mib:.0f} | {mib / our_mib:.1f} | {ours * 1e3:.0f} | {plain * 1e3:.0f} '
              f'| {plain / ours:.2f} |', flush=True)  # fmt: skip


if __name__ == '__main__':
    main()
