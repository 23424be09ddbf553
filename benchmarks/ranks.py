"""Speed of one run that several processes train, beside one process; and a prediction for a slower link.

    python benchmarks/ranks.py tinyshakespeare.txt --ranks 2 --blocks 3

Each process has one thread.  Blocks of one and of several processes alternate; each is a torchrun of its own that
trains some windows first and then times as many more, without a validation, a checkpoint or a sample.  Figures are
medians over the blocks.  "gain" is the speed beside one process.

The link to another machine is simulated: each rank sleeps before a window's message is sent.  The prediction adds that
delay, and nothing else, to the measured time without one; where a machine has fewer cores than ranks, the processes
wait for cores instead, and the delay is partly hidden behind that.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from machine import alternate, machine, new_parser, new_run, parse

WORK = """
import json, sys, time
from charrnn import ModelState
from charrnn.session.run import run_of
from charrnn.training.launch import together
from charrnn.training.ranks import Ranks
from charrnn.training.requests import Requests
from types import SimpleNamespace

folder, lanes, windows, delay = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
learner = run_of(ModelState.load(folder, device='cpu')).learner
plain = Ranks.sum_gradients

def slow(self, *given, **named):
    time.sleep(delay)
    return plain(self, *given, **named)

Ranks.sum_gradients = slow
with together(learner.device) as team, learner.laid(lanes, clear_state=False, team=team):
    asked = Requests(SimpleNamespace(requested=False), team=team)
    seconds = []
    for _ in range(2):
        asked.after_all()
        began = time.perf_counter()
        for _ in range(windows):
            learner.train_window(asks=asked.here)
        asked.after_all()
        seconds.append(time.perf_counter() - began)
    if team.rank == 0:
        print(json.dumps(seconds[1] / windows), flush=True)
"""


def seconds_of_a_window(folder: Path, ranks: int, lanes: int, windows: int, delay: float) -> float:
    """Return the seconds of a window of all lanes, by that many processes of one thread."""
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        port = taken.getsockname()[1]
    here = Path(__file__).parents[1]
    env = {**os.environ, 'PYTHONPATH': str(here), 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
    env |= {
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
        'WORLD_SIZE': str(ranks),
        'LOCAL_WORLD_SIZE': str(ranks),
    }
    command = [sys.executable, '-c', WORK, str(folder), str(lanes), str(windows), str(delay)]
    running = [
        subprocess.Popen(command, env={**env, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}, stdout=subprocess.PIPE)
        for rank in range(ranks)
    ]
    outputs = [each.communicate()[0] for each in running]
    if any(each.returncode for each in running):
        raise SystemExit('\nA process has failed.')
    return float(json.loads(outputs[0]))


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--ranks', type=int, nargs='+', default=[2, 4])
    parser.add_argument('--state-size', type=int, default=512)
    parser.add_argument('--lanes', type=int, default=64)
    parser.add_argument('--windows', type=int, default=6)
    parser.add_argument('--blocks', type=int, default=3)
    parser.add_argument('--delays', type=float, nargs='+', default=[0.0, 0.1, 0.5])
    quick: dict[str, Any] = {'ranks': [2], 'state_size': 8, 'lanes': 4, 'windows': 1, 'blocks': 1, 'delays': [0.0]}
    given = parse(parser, argv, **quick)
    print(f'machine: {machine()}\n')
    print('| lanes x T, L x H | ranks | delay, ms | ms a window | gain | predicted, ms | measured / predicted |')
    print('|---|---|---|---|---|---|---|', flush=True)
    with new_run(given.file, layers=2, state_size=given.state_size, device='cpu') as ms:
        folder = ms.curdir

        shape = f'{given.lanes}x100, 2x{given.state_size}'
        ways = [(1, 0.0), *((ranks, delay) for ranks in given.ranks for delay in given.delays)]
        work = {way: partial(seconds_of_a_window, folder, way[0], given.lanes, given.windows, way[1]) for way in ways}
        found = {way: median(times) for way, times in alternate(given.blocks, work).items()}
        for (ranks, delay), seconds in found.items():
            due = found[ranks, 0.0] + delay
            gain = found[1, 0.0] / seconds
            row = f'| {shape} | {ranks} | {1000 * delay:.0f} | {1000 * seconds:.0f} | {gain:.2f} |'
            print(f'{row} {1000 * due:.0f} | {seconds / due:.2f} |' if delay else f'{row} | |', flush=True)
        print('\n| lanes of one rank | ms a window | ms a lane |\n|---|---|---|', flush=True)
        lanes = given.lanes
        while lanes:
            seconds = seconds_of_a_window(folder, 1, lanes, given.windows, 0.0)
            print(f'| {lanes} | {1000 * seconds:.0f} | {1000 * seconds / lanes:.1f} |', flush=True)
            lanes //= 4


if __name__ == '__main__':
    main()
