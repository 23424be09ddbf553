"""The parts that the benchmarks share: the machine's name, tiny sizes, runs, clocks, alternating blocks, processes."""

from __future__ import annotations

import charrnn.environment  # noqa: F401  # isort: skip  before torch is imported, as at the prompt

import argparse
import ctypes
import gc
import math
import multiprocessing
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path
from statistics import median
from typing import Any, TypeVar
from unittest import mock

import numpy as np
import torch

from charrnn import ModelState
from charrnn.models.engines.choice import VARIABLE

K = TypeVar('K')
T = TypeVar('T')

QUIET_LOAD = 0.5
"""The highest load average (programs that wait for a core, over a minute) of a machine that counts as quiet."""


def machine() -> str:
    """Return one line: the processor, its cores, the versions, torch's threads, and the commit of this checkout.

    A machine that is busy with other work is marked, because its numbers are no measurements.
    """
    about = Path('/proc/cpuinfo')
    found = re.search(r'model name\s*: (.*)', about.read_text()) if about.exists() else None
    name = found[1] if found else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    versions = f'Python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}'
    return f'{name}, {cores} cores, {versions}, {torch.get_num_threads()} threads, commit {commit()}{busy()}'


def busy() -> str:
    """Return a mark for a machine on which other programs have worked in the last minute; empty for a quiet one."""
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0.0
    return f', BUSY: load average {load:.1f} before the run' if load > QUIET_LOAD else ''


def commit() -> str:
    """Return the commit of this checkout, with '-dirty' if a file was changed since; 'unknown' outside of git."""
    try:
        done = subprocess.run(
            ['git', 'describe', '--always', '--dirty', '--exclude=*'],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return done.stdout.strip()


# ---- the command line -----------------------------------------------------------------------------------------------


def new_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of a benchmark's command line; its help is the docstring of the benchmark."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None, **quick: Any) -> argparse.Namespace:
    """Parse a command line; with --quick, the values of `quick` replace the defaults of the other options."""
    parser.add_argument('--quick', action='store_true', help='tiny sizes, for a test: the numbers mean nothing')
    if parser.parse_args(argv).quick:
        parser.set_defaults(**quick)
    return parser.parse_args(argv)


# ---- runs, clocks and blocks ----------------------------------------------------------------------------------------


@contextmanager
def new_run(
    source: Path, modeltype: str = 'GRUEncode', *, name: str = 'run', engine: str = '', **settings: Any
) -> Iterator[ModelState]:
    """Begin a run in a temporary folder that lasts as long as the block.

    Parameters
    ----------
    name : str      of the working directory
    engine : str    'native' or 'torch'; '' leaves the choice to the library
    settings        arguments of ModelState.initfromsrcfile
    """
    chosen = {VARIABLE: engine} if engine else {}
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch.dict(os.environ, chosen):  # the engine is chosen when the model is built
            ms = ModelState.initfromsrcfile(source, Path(folder) / name, modeltype, **settings)
        yield ms


def wait(device: torch.device) -> None:
    """Wait until the device has finished all work that was queued."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: torch.device | None = None) -> float:
    """Return the seconds that `work` takes, until the device has finished it."""
    if device:
        wait(device)
    began = time.perf_counter()
    work()
    if device:
        wait(device)
    return time.perf_counter() - began


def alternate(blocks: int, work: Mapping[K, Callable[[], T]]) -> dict[K, list[T]]:
    """Call each function once in each block, so that a busy machine slows all; return the results of the blocks.

    One more block comes first, as a warm-up, and is not in the results.
    """
    found: dict[K, list[T]] = {name: [] for name in work}
    for block in range(blocks + 1):
        for name, function in work.items():
            result = function()
            if block:
                found[name].append(result)
    return found


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Return the median of the ratios, block by block."""
    return median(a / b for a, b in zip(numerators, denominators, strict=True))


# ---- processes and memory -------------------------------------------------------------------------------------------


def processes() -> BaseContext:
    """Return a context of multiprocessing whose processes share no memory with this one.

    Where it exists, this is a fork server that has imported torch, because importing takes seconds.
    """
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['torch'])
    return context


def in_new_process(function: Callable[..., T], *arguments: Any) -> T:
    """Return the result of a function of a module, called in a new process."""
    with ProcessPoolExecutor(1, mp_context=processes()) as pool:
        return pool.submit(function, *arguments).result()


def memory_mib(name: str, process: int | str = 'self') -> float:
    """Return a size of a process in MiB, by its name in Linux's /proc, such as 'VmHWM'.

    It is nan on another system, and of a process that has ended.
    """
    try:
        return int(Path(f'/proc/{process}/status').read_text().split(f'{name}:')[1].split()[0]) / 1024
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return math.nan


def with_peak_growth(work: Callable[[], T]) -> tuple[T, float]:
    """Call a function; return its result, and the growth of the peak memory of this process in MiB.

    Meant for a new process: memory that this process has freed before could be used again unseen.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None) if os.name == 'posix' else None
    if trim:
        trim(0)
    peak = Path('/proc/self/clear_refs')
    if peak.exists():
        peak.write_text('5')  # the kernel forgets the peak so far
    before = memory_mib('VmRSS')
    result = work()
    return result, memory_mib('VmHWM') - before
