"""A run in several processes that train it together, as torchrun would launch them: forks of this one."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from conftest import learner_of
from processes import child

from charrnn import ModelState

Body = Callable[[int, ModelState], Any]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return int(taken.getsockname()[1])


def together(size: int, dir: Path, body: Body) -> list[Any]:
    """Load the run in `size` processes; return what body(rank, ms) returned or raised in each; None: it was killed."""
    port, found = free_port(), list[Any]()

    def work(rank: int, pipe: int) -> None:
        os.environ |= {
            'RANK': str(rank), 'WORLD_SIZE': str(size), 'LOCAL_RANK': str(rank), 'LOCAL_WORLD_SIZE': str(size),
            'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
        }  # fmt: skip
        try:
            result = body(rank, ModelState.load(dir, device='cpu'))
        except BaseException as error:
            result = [type(error).__name__, str(error), time.time()]
        os.write(pipe, json.dumps(result).encode())

    with ExitStack() as stack:
        started = [stack.enter_context(child(partial(work, rank))) for rank in range(size)]
        for process, pipe in started:
            with os.fdopen(os.dup(pipe)) as file:
                text = file.read()
            os.waitpid(process, 0)
            found.append(json.loads(text) if text else None)
    return found


def trains(windows: int, lanes: int = 5, rounds: int = 1, **given: Any) -> Body:
    def body(rank: int, ms: ModelState) -> Any:
        report = ms.trainmodel(rounds, lanes, train_len=windows, print_every=2, **given)
        return [report.train_nats, report.valid_nats, ms.position, report.checkpoint, report.interrupted]

    return body


def at_window(number: int, act: Callable[[ModelState], object], rank: int) -> Body:
    """Train a long round, in which one rank does something before one of its windows."""

    def body(here: int, ms: ModelState) -> Any:
        learner = learner_of(ms)
        whole = learner.train_window

        def window(*given: Any) -> Any:
            if here == rank and learner.position == number * 8:
                act(ms)
            return whole(*given)

        vars(learner)['train_window'] = window
        return trains(2000)(here, ms)

    return body
