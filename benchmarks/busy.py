"""Speed of training beside other programs that take a core each, by the way in which OpenMP's threads wait.

    python benchmarks/busy.py tinyshakespeare.txt

Trains a GRUEncode of 2 x 128 on 16 lanes of 100, each time in a new process, alone and beside programs that do nothing
but take a core: with threads that wait as charrnn sets it (a moment awake, then asleep), asleep at once, spinning
as OpenMP does by itself, and with one thread.  The processes take turns, so that a neighbour of another kind slows all.
chars/s is the median over the rounds of each process's mean; "of the best" compares with the fastest way beside as many
neighbours.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from machine import machine, new_parser, new_run, parse

WAYS = {
    'as charrnn sets it': {},
    'asleep': {'OMP_WAIT_POLICY': 'passive'},
    'spinning': {'GOMP_SPINCOUNT': '300000'},
    'one thread': {'OMP_NUM_THREADS': '1'},
}
"""The variables of the environment of each way."""


def measure(source: Path, size: int, lanes: int, seconds: float) -> float:
    """Return the symbols per second of a training, after a warm-up."""
    with new_run(source, state_size=size, layers=2, device='cpu') as ms:
        rates, end = list[float](), time.monotonic() + seconds
        ms.trainmodel(train_len=5, batchsize=lanes, print_every=0, valid_len=1, quiet=True)
        while not rates or time.monotonic() < end:
            report = ms.trainmodel(train_len=20, batchsize=lanes, print_every=0, valid_len=1, quiet=True)
            rates.append(report.symbols / report.seconds)
    return median(rates)


@contextlib.contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Run a number of programs that each keep a core busy, as long as the block lasts."""
    running = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(number)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def in_process(options: dict[str, object], way: str) -> float:
    """Return what ``measure`` returns in a new process with the environment of a way."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(('OMP_', 'GOMP_', 'KMP_'))}
    done = subprocess.run(
        [sys.executable, __file__, str(options['source']), '--measure', json.dumps(options)],
        env={**clean, **WAYS[way]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = new_parser(__doc__)
    parser.add_argument('source', type=Path)
    parser.add_argument('--neighbours', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--size', type=int, default=128)
    parser.add_argument('--lanes', type=int, default=16)
    parser.add_argument('--seconds', type=float, default=6.0)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--measure', help='the options of one process, which prints its symbols per second')
    parser.add_argument('--ways', nargs='+', choices=WAYS, default=list(WAYS))
    args = parse(parser, argv, size=8, lanes=2, seconds=0.0, rounds=1, neighbours=[1], ways=['one thread'])
    if args.measure:
        given = json.loads(args.measure)
        print(measure(Path(given['source']), given['size'], given['lanes'], given['seconds']))
        return
    print(f'machine: {machine()}\n')
    print('| neighbours | threads that wait | chars/s | of the best |\n|---|---|---|---|')
    options = {'source': str(args.source), 'size': args.size, 'lanes': args.lanes, 'seconds': args.seconds}
    for number in args.neighbours:
        with neighbours(number):
            rounds = [{way: in_process(options, way) for way in args.ways} for _ in range(args.rounds)]
        speeds = {way: median(each[way] for each in rounds) for way in args.ways}
        for way, speed in speeds.items():
            print(f'| {number} | {way} | {speed:,.0f} | {speed / max(speeds.values()):.2f} |')


if __name__ == '__main__':
    main()
