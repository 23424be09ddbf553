"""Peak memory and time of the loss of the output layer at a large vocabulary, beside the plain way, on synthetic ids.

    python benchmarks/output_layer.py

Forward and backward of `readout_loss` against `cross_entropy(linear(...))`, each in new processes, which alternate.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from statistics import median

import torch
from machine import alternate, in_new_process, machine, new_parser, parse, seconds_of, with_peak_growth
from torch.nn.functional import cross_entropy, linear

from charrnn.models import readout_loss


def measure(whose: str, symbols: int, vocab_size: int, state_size: int) -> tuple[float, float]:
    """Return the growth of the peak memory of this process in MiB, and the median seconds of a step."""
    draws = torch.Generator().manual_seed(0)
    outputs = torch.randn(symbols, state_size, generator=draws).requires_grad_()
    weight = torch.randn(vocab_size, state_size, generator=draws).mul_(0.05).requires_grad_()
    bias = torch.zeros(vocab_size, requires_grad=True)
    targets = torch.randint(vocab_size, (symbols,), generator=draws)

    def step() -> None:
        if whose == 'ours':
            loss = readout_loss(outputs, weight, bias, targets)
        else:
            loss = cross_entropy(linear(outputs, weight, bias), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        outputs.grad = weight.grad = bias.grad = None

    seconds, growth = with_peak_growth(lambda: [seconds_of(step) for _ in range(7)])
    return growth, median(seconds[1:])


def row(symbols: int, given: argparse.Namespace) -> str:
    """Return the row of the table for windows of `symbols` symbols."""
    sizes = (symbols, given.vocab_size, given.state_size)
    found = alternate(
        given.blocks, {whose: partial(in_new_process, measure, whose, *sizes) for whose in ('ours', 'plain')}
    )
    (our_mib, ours), (mib, plain) = ([median(column) for column in zip(*found[k], strict=True)] for k in found)
    return (
        f'| {symbols} | {our_mib:.0f} | {mib:.0f} | {mib / max(our_mib, 0.1):.1f} | {ours * 1e3:.0f} '
        f'| {plain * 1e3:.0f} | {plain / ours:.2f} |'
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('--vocab-size', type=int, default=33_278)
    parser.add_argument('--state-size', type=int, default=200)
    parser.add_argument('--symbols', type=int, nargs='+', default=[700, 2800], help='symbols of a window')
    parser.add_argument('--blocks', type=int, default=3)
    given = parse(parser, argv, vocab_size=100, state_size=4, symbols=[10], blocks=1)
    print(f'machine: {machine()}; V = {given.vocab_size:,}, H = {given.state_size}\n')
    print('| symbols of a window | ours, MiB | plain, MiB | ratio | ours, ms | plain, ms | plain / ours |')
    print('|---|---|---|---|---|---|---|')
    for symbols in given.symbols:
        print(row(symbols, given), flush=True)


if __name__ == '__main__':
    main()
