"""The LSTM by hand (charrnn/scratch) beside nn.LSTM and beside lists of lists: characters per second in training.

    python benchmarks/scratch.py tinyshakespeare.txt --blocks 7

One layer of 128, 256 codes, windows of 50, Adagrad: forward, backward and update, for one lane and for 16.  All
alternate in short blocks of one run.  The lists of lists do only the forward pass, for one lane, so their rate is an
upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from machine import alternate, machine, median_ratio, new_parser, parse, seconds_of

from charrnn.scratch.corpus import Bytes, windows
from charrnn.scratch.language_model import HandModel
from charrnn.scratch.updates import adagrad

WINDOW, REPORTED = 50, 12
"""REPORTED is the rate, in characters/s, that is published for an LSTM written with lists of lists."""
Step = Callable[[Any], None]


def by_hand(lanes: int, units: int) -> Step:
    """Return a training step of ours."""
    model, memory = HandModel('lstm', 256, units), dict[str, Any]()
    state = model.zero_state(lanes)

    def step(window: Any) -> None:
        nonlocal state
        _, gradients, state = model.loss(window, state)
        adagrad(model.weights, gradients, memory, 0.05)

    return step


def with_torch(lanes: int, units: int) -> Step:
    """Return a training step as a user of torch would write it."""
    layer, out = torch.nn.LSTM(256, units), torch.nn.Linear(units, 256)
    parameters = [*layer.parameters(), *out.parameters()]
    optimizer = torch.optim.Adagrad(parameters, lr=0.05)
    state = (torch.zeros(1, lanes, units), torch.zeros(1, lanes, units))

    def step(window: Any) -> None:
        nonlocal state
        ids = torch.from_numpy(window)
        outputs, last = layer(torch.nn.functional.one_hot(ids[:-1], 256).float(), state)
        state = (last[0].detach(), last[1].detach())
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(out(outputs).flatten(0, 1), ids[1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_value_(parameters, 5.0)
        optimizer.step()

    return step


def with_lists(lanes: int, units: int) -> Step:
    """Return the forward pass of one lane, in which every product is a sum over Python lists."""
    assert lanes == 1
    weights = {name: w.tolist() for name, w in HandModel('lstm', 256, units).weights.items()}
    columns = list(zip(*weights['w_in'], strict=True))
    h, c = [0.0] * units, [0.0] * units

    def sigmoid(a: float) -> float:
        return 1 / (1 + math.exp(-a))

    def step(window: Any) -> None:
        nonlocal h, c
        loss, ids = 0.0, window[:, 0].tolist()
        for symbol, target in pairwise(ids):
            rows = zip(columns[symbol], weights['w_h'], weights['b_h'], strict=True)
            a = [product + bias + sum(w * x for w, x in zip(row, h, strict=True)) for product, row, bias in rows]
            i, f, g, o = (a[gate * units : (gate + 1) * units] for gate in range(4))
            c = [sigmoid(f[k]) * c[k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(units)]
            h = [sigmoid(o[k]) * math.tanh(c[k]) for k in range(units)]
            logits = [sum(w * x for w, x in zip(row, h, strict=True)) for row in weights['w_out']]
            loss += math.log(sum(math.exp(logit) for logit in logits)) - logits[target]

    return step


def rate(step: Step, text: Iterator[Any], lanes: int, count: int) -> float:
    """Return the characters per second of the next `count` windows."""

    def work() -> None:
        for window in islice(text, count):
            step(window)

    return count * lanes * WINDOW / seconds_of(work)


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path, help='any text in UTF-8')
    parser.add_argument('--blocks', type=int, default=7, help='blocks of a run (default 7)')
    parser.add_argument('--windows', type=int, default=40, help='windows of a block (default 40)')
    parser.add_argument('--units', type=int, default=128)
    given = parse(parser, argv, blocks=1, windows=2, units=8)
    ids = Bytes().encode(given.file.read_text(encoding='utf-8'))
    print(f'machine: {machine()}\n')
    print(f'| lanes | network | chars/s | beside nn.LSTM | beside {REPORTED} chars/s |')
    print('|---|---|---|---|---|')
    for lanes in (1, 16):
        makers = {'by hand, NumPy': by_hand, 'nn.LSTM, Adagrad': with_torch}
        if lanes == 1:
            makers['lists of lists, forward alone'] = with_lists
        counts = {name: 1 if name.startswith('lists') else given.windows for name in makers}
        work = {
            name: partial(rate, make(lanes, given.units), windows(ids, lanes, WINDOW), lanes, counts[name])
            for name, make in makers.items()
        }
        rates = alternate(given.blocks, work)
        for name, found in rates.items():
            beside, middle = median_ratio(found, rates['nn.LSTM, Adagrad']), median(found)
            print(f'| {lanes} | {name} | {middle:,.0f} | {beside:.2f} | {middle / REPORTED:,.0f} |', flush=True)


if __name__ == '__main__':
    main()
