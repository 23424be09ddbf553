"""A process with few file descriptors left: each call works or says so, and takes no good part of a run for damaged."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, moment, train
from torture import count

from charrnn import CharRNNError, ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status


@contextlib.contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    """Leave this process the given number of file descriptors in the block."""
    before, taken = resource.getrlimit(resource.RLIMIT_NOFILE), list[int]()
    first = os.open(os.devnull, os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first + 50, before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(number):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in [first, *taken]:
            os.close(descriptor)


MOST = 6
"""Descriptors with which every call works."""
CALLS: dict[str, Callable[[Path, ModelState], Any]] = {
    'status': lambda path, ms: status(path),
    'fsck': lambda path, ms: fsck(path),
    'load': lambda path, ms: ModelState.load(path, device='cpu'),
    'restore': lambda path, ms: ms.restore(),
    'checkpoints': lambda path, ms: ms.checkpoints(),
    'newcheckpoint': lambda path, ms: ms.newcheckpoint(),
    'train': lambda path, ms: train(ms, 1, quiet=True),
    'read': lambda path, ms: ms.read('the').save(path.with_name('state')),
    'begin': lambda path, ms: ModelState.initfromsrcfile(path.with_name('source.txt'), path.with_name('other')),
    'export': lambda path, ms: ms.exporthtml(path.with_name('page.html')),
    'evaluate': lambda path, ms: ms.evaluate(),
    'generate': lambda path, ms: ms.generatestring(3),
}


@pytest.mark.parametrize('name', CALLS)
def test_few_descriptors(make_run: MakeRun, name: str) -> None:
    ms = make_run()
    train(ms, 1)
    path = ms.curdir
    CALLS[name](path, ms)  # what is imported late is imported now
    done = refused = 0
    while done < 3:
        ms, number = ModelState.load(path, device='cpu'), refused + done
        before = moment(ms)
        shutil.rmtree(path.with_name('other'), ignore_errors=True)
        with warnings.catch_warnings(), descriptors_left(number):
            warnings.simplefilter('error')  # a warning would say that a part is damaged
            try:
                CALLS[name](path, ms)
                done += 1
            except CharRNNError as error:
                assert 'Too many open files' in error.what and error.next_step.startswith('close some files'), error
                assert not done and number < MOST
                refused += 1
                assert moment(ms) == before
    count('calls with too few file descriptors that said so', refused)
    assert fsck(path).status == 0
    train(ModelState.load(path, device='cpu'), 1)
