"""A run with everything that fsck and status look at."""

from pathlib import Path

import pytest
from conftest import MakeRun, train


@pytest.fixture
def curdir(make_run: MakeRun) -> Path:
    """Return the directory of a run with three checkpoints, a history, a ladder and no writer."""
    ms = make_run()
    train(ms, 2, valid_len=0, print_every=1)
    train(ms, 2)
    ms.evaluate()
    return ms.curdir
