"""A sweep over a tiny text."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from charrnn import sweep
from charrnn.experiments.results import Trials

pytest.importorskip('optuna')
SPACE: dict[str, Any] = {'layers': [1, 2], 'learnrate': (1e-3, 1e-1, 'log')}
TINY: dict[str, Any] = {'rounds': 2, 'train_len': 5, 'batchsize': 3, 'state_size': 4, 'seq_len': 8, 'device': 'cpu'}


Sweep = Callable[..., Trials]


@pytest.fixture
def swept(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """Return a function that sweeps over a tiny text in silence: swept(space=SPACE, dir='sweep', **arguments).

    Nothing is forced to the disk, and no picture is drawn.
    """
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    monkeypatch.setattr('charrnn.experiments.sweep.write_pictures', lambda *given: None)

    def call(space: Any = SPACE, dir: str = 'sweep', **given: Any) -> Trials:
        return sweep(source, tmp_path / dir, space, **{**TINY, 'trials': 3, 'quiet': True, **given})

    return call
