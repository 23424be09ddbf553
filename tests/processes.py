"""Processes for tests that need hundreds of them: forks of this one, which has imported torch already."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NEEDS_FORK = [
    pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork'),
    pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning'),
]


@contextlib.contextmanager
def child(body: Callable[[int], object]) -> Iterator[tuple[int, int]]:
    """Yield the number of a process that runs body(pipe), and the end of the pipe to read from."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            with Path(os.devnull).open('w') as sys.stdout:
                body(writing)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    try:
        yield process, reading
    finally:
        os.close(reading)


def is_killed(process: int) -> bool:
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status in (0, -signal.SIGKILL), f'the child ended with {status}'
    return status != 0
