"""Beginnings of runs: the call that begins another one, and texts that have changed since a run was begun."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.errors import shown
from charrnn.hyperparams import HyperParams
from charrnn.text.dataset import Dataset


def begin_again(source: str, usedir: str, options: Mapping[str, Any]) -> str:
    """Return the call that begins a run on `source`, in a free directory beside `usedir`.

    Parameters
    ----------
    options : mapping    arguments by name
    """
    free = next(name for number in itertools.count(2) if not Path(name := f'{usedir.rstrip("/")}-{number}').exists())
    given = ''.join(f', {name}={shown(value)}' for name, value in options.items())
    return f'ModelState.initfromsrcfile({source!r}, {free!r}{given})'


def unusual(modeltype: str, hyper: HyperParams) -> dict[str, Any]:
    """Return the model type and the settings that are not the defaults, by name."""
    found = {'modeltype': modeltype} if modeltype != 'GRUEncode' else {}
    usual = HyperParams().facts()
    return found | {name: value for name, value in hyper.facts().items() if value != usual[name]}


def changed_source(data: Dataset, usedir: str, options: Mapping[str, Any]) -> str:
    """Return one line about the first file of a source that has changed since its run began; '' if none has.

    Parameters
    ----------
    options : mapping    arguments other than those for reading the text with which the run was begun, by name
    """
    for file in data.files:
        if change := file.change():
            path = Path(file.path)
            source = path if path.name == Path(data.source).name else path.parent  # a file, or a directory
            step = begin_again(_nearby(source), usedir, {**data.options, **options})
            return (
                f'{_nearby(path)!r} has changed since this run began ({change}). The run goes on with its own copy of '
                f'the text.  Next: {step} begins a run on the new one'
            )
    return ''


def _nearby(path: Path) -> str:
    """Return a path, relative to the present directory if it is below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)
