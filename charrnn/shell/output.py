"""The output of a command: its result for people, or as JSON for programs (--json)."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.display.text import fitting
from charrnn.experiments.results import Trials
from charrnn.modelstate import ModelState
from charrnn.sampling.sample import Sample, Samples
from charrnn.session.comparison import Comparison
from charrnn.session.overview import Overview, status_of
from charrnn.session.pieces import Pieces
from charrnn.session.run import run_of
from charrnn.training.loop import TrainReport


def show_value(found: object, words: Callable[[str], str] = str) -> None:
    """Write a value as the prompt shows it."""
    print(fitting(words(str(found))))


def show_sample(found: Any, words: Callable[[str], str] = str) -> None:
    """Write a sample: as it is to a file or a pipe, for reading at a terminal; several ones for reading."""
    if sys.stdout.isatty() or not hasattr(sys.stdout, 'buffer'):
        print(repr(found))
        return
    data = found.bytes if isinstance(found, Sample) else f'{Samples(found).numbered()}\n'.encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def show_report(found: TrainReport, words: Callable[[str], str] = str) -> None:
    """Write the result of a training as one line."""
    losses = {'train': found.train_nats, 'valid': found.valid_nats}
    shown = [f'{name} {nats:.4f} nats' for name, nats in losses.items() if nats is not None]
    print(', '.join([f'epoch {found.epoch:.2f}', *shown, f'checkpoint {found.checkpoint}, {found.seconds:.1f} s']))


def show_json(found: object) -> None:
    """Write a value as one line of JSON."""
    print(json.dumps(plain(found)))


def plain(value: Any) -> Any:
    """Return a value made of dict, list, str, numbers and None; a number that is not finite is None.

    >>> plain({'loss': math.nan, 'rows': (1, np.float64(0.5))})
    {'loss': None, 'rows': [1, 0.5]}
    """
    if isinstance(value, ModelState):
        return plain(status_of(run_of(value)))
    if isinstance(value, Sample):
        return {'text': str.__str__(value), 'nats': plain(value.nats)}
    if isinstance(value, Pieces):
        for _ in value:  # draws all of them
            pass
        return plain(value.sample)
    if isinstance(value, Overview):
        return plain(value.facts)
    if isinstance(value, Comparison):
        return {'models': [plain(row) for row in value], **plain(vars(value))}
    if isinstance(value, Trials):
        return {'trials': [plain(row) for row in value], 'interrupted': value.interrupted}
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
