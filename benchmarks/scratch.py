"""The LSTM by hand (charrnn/scratch) beside nn.LSTM and beside lists of lists: characters per second in training.

    python benchmarks/scratch.py FILE [--blocks 7]

One layer of 128, 256 codes, windows of 50, Adagrad: forward, backward and update, for one lane and for 16. All
alternate in short blocks of one run. The lists of lists do the forward pass alone, of one lane: they cannot be faster.
"""

from __future__ import annotations

import argparse
import math
import platform
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from charrnn.scratch.corpus import Bytes, windows
from charrnn.scratch.language_model import HandModel
from charrnn.scratch.updates import adagrad

UNITS, WINDOW, REPORTED = 128, 50, 12
"""REPORTED is the rate, in characters/s, that an LSTM written with lists of lists is published with."""
Step = Callable[[Any], None]


def by_hand(lanes: int) -> Step:
    """A step of ours."""
    model, memory = HandModel('lstm', 256, UNITS), dict[str, Any]()
    state = model.zero_state(lanes)

    def step(window: Any) -> None:
        nonlocal state
        _, gradients, state = model.loss(window, state)
        adagrad(model.weights, gradients, memory, 0.05)

    return step


def with_torch(lanes: int) -> Step:
    """A step as a user of torch would write it."""
    layer, out = torch.nn.LSTM(256, UNITS), torch.nn.Linear(UNITS, 256)
    parameters = [*layer.parameters(), *out.parameters()]
    optimizer = torch.optim.Adagrad(parameters, lr=0.05)
    state = (torch.zeros(1, lanes, UNITS), torch.zeros(1, lanes, UNITS))

    def step(window: Any) -> None:
        nonlocal state
        ids = torch.from_numpy(window)
        outputs, last = layer(torch.nn.functional.one_hot(ids[:-1], 256).float(), state)
        state = (last[0].detach(), last[1].detach())
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(out(outputs).flatten(0, 1), ids[1:].flatten()).backward()
        torch.nn.utils.clip_grad_value_(parameters, 5.0)
        optimizer.step()

    return step


def with_lists(lanes: int) -> Step:
    """The forward pass of one lane, every product a sum over Python lists."""
    assert lanes == 1
    weights = {name: w.tolist() for name, w in HandModel('lstm', 256, UNITS).weights.items()}
    columns = list(zip(*weights['w_in'], strict=True))
    h, c = [0.0] * UNITS, [0.0] * UNITS

    def sigmoid(a: float) -> float:
        return 1 / (1 + math.exp(-a))

    def step(window: Any) -> None:
        nonlocal h, c
        loss, ids = 0.0, window[:, 0].tolist()
        for symbol, target in pairwise(ids):
            rows = zip(columns[symbol], weights['w_h'], weights['b_h'], strict=True)
            a = [product + bias + sum(w * x for w, x in zip(row, h, strict=True)) for product, row, bias in rows]
            i, f, g, o = (a[gate * UNITS : (gate + 1) * UNITS] for gate in range(4))
            c = [sigmoid(f[k]) * c[k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(UNITS)]
            h = [sigmoid(o[k]) * math.tanh(c[k]) for k in range(UNITS)]
            logits = [sum(w * x for w, x in zip(row, h, strict=True)) for row in weights['w_out']]
            loss += math.log(sum(math.exp(logit) for logit in logits)) - logits[target]

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', help='any text in UTF-8')
    parser.add_argument('--blocks', type=int, default=7, help='how often all alternate')
    given = parser.parse_args()
    ids = Bytes().encode(Path(given.file).read_text(encoding='utf-8'))
    versions = f'Python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}'
    print(f'{platform.machine()}, {versions}, {torch.get_num_threads()} threads\n')
    print(f'| lanes | who | chars/s | beside nn.LSTM | beside {REPORTED} chars/s |')
    print('|---|---|---|---|---|')
    for lanes in (1, 16):
        makers = {'by hand, NumPy': by_hand, 'nn.LSTM, Adagrad': with_torch}
        if lanes == 1:
            makers['lists of lists, forward alone'] = with_lists
        steps = {who: make(lanes) for who, make in makers.items()}
        texts: dict[str, Iterator[Any]] = {who: windows(ids, lanes, WINDOW) for who in steps}
        rates: dict[str, list[float]] = {who: [] for who in steps}
        for block in range(given.blocks + 1):
            for who, step in steps.items():
                count, began = 1 if who.startswith('lists') else 40, time.perf_counter()
                for window in islice(texts[who], count):
                    step(window)
                if block:  # the first one warms up
                    rates[who].append(count * lanes * WINDOW / (time.perf_counter() - began))
        for who, found in rates.items():
            beside = median(a / b for a, b in zip(found, rates['nn.LSTM, Adagrad'], strict=True))
            rate = median(found)
            print(f'| {lanes} | {who} | {rate:,.0f} | {beside:.2f} | {rate / REPORTED:,.0f} |', flush=True)


if __name__ == '__main__':
    main()
