"""Beginnings of runs: a source is encoded, and told about; and the call that begins another run on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.display.progress import Screen
from charrnn.display.text import count
from charrnn.errors import warn
from charrnn.evaluation.ladder import unigram_shift
from charrnn.hyperparams import HyperParams
from charrnn.models import without_effect
from charrnn.storage.durable import cannot_write, explained
from charrnn.storage.nearby import begin_again, from_here
from charrnn.storage.sealed import new_folder
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.text.decoding import CHUNK_BYTES, counted
from charrnn.text.encoder import write_dataset
from charrnn.text.remarks import Remark, remarks
from charrnn.text.sources import Source
from charrnn.text.vocabulary import count_symbols

LEAST_LINES = 10
"""Line breaks in a training text from which on it may be a list."""
SLOW_BYTES = 100_000_000
"""A text from this size on takes so long to read that it is announced."""


def read_source(workspace: Workspace, source: Source, seq_len: int, seed: int) -> None:
    """Encode a source into a directory in which a run begins.

    Raises
    ------
    SourceTextError, HyperParamsError, TrainingError (too short a text), WorkspaceError (it cannot be written)
    """
    screen, passes = Screen(level='byte', quiet=source.bytes <= SLOW_BYTES), 3 if source.level == 'word' else 2
    screen.say(f'reading {count(source.bytes)} bytes, {passes} times ...')
    with (
        new_folder(workspace.dataset) as folder,
        screen.bar('reading', passes * -(-source.bytes // CHUNK_BYTES), CHUNK_BYTES),
        counted(screen.advance),
    ):
        write_dataset(folder, source, seq_len, seed)
    with explained(workspace.history, cannot_write):
        workspace.history.unlink(missing_ok=True)


def tell_remarks(source: Source, data: Dataset, usedir: str, options: Mapping[str, Any]) -> None:
    """Warn of what a run that begins now does not read, or reads otherwise than its user may think.

    Parameters
    ----------
    usedir : str         the working directory of the run
    options : mapping    arguments other than the defaults, besides those for reading the text, by name
    """
    for remark in [*remarks(source), *shifted_end(source, data)]:
        steps = [remark.first] if remark.first else []
        if steps or remark.changes:
            call = begin_again(source.typed, usedir, {**data.options, **options, **remark.changes})
            steps.append(f'{call} {remark.effect}'.rstrip())
        warn(f'{remark.what}  Next: {", then ".join(steps)}' if steps else remark.what)


def shifted_end(source: Source, data: Dataset) -> list[Remark]:
    """Return a remark if the held-out end of one file is another population of symbols than the rest."""
    is_split = not source.files and source.path.is_dir()
    if data.chars.level == 'word' or source.shuffle_lines or is_split or not len(data.valid):
        return []
    found = unigram_shift(data.train_counts, count_symbols(data.valid, len(data.chars)))
    if not found:
        return []
    level = data.chars.level
    what = (
        f'the end of {str(source.path)!r}, held out to validate, is unlike the text before it: by the {level} '
        f'frequencies of the training text it has {found[1]:.2f} nats/{level}, the training text itself {found[0]:.2f}.'
    )
    lines = data.train_counts[data.chars.encode('\n')[0]] if '\n' in data.chars.symbols else 0
    if lines < LEAST_LINES:
        return [Remark(what)]
    return [Remark(what, {'shuffle_lines': True}, effect='is for a list, whose lines stand each for itself')]


def half_again(data: Dataset, usedir: str, options: Mapping[str, Any]) -> str:
    """Return the call that begins a run which trains on half of a run's text; see ``begun_again``."""
    share = data.options.get('trainfrac', 1)
    return begun_again(data, usedir, {**options, 'trainfrac': 0.5 if share > 0.5 else share / 2})


def begun_again(data: Dataset, usedir: str, options: Mapping[str, Any]) -> str:
    """Return the call that begins another run on the text of a run; '' if its file is gone.

    Parameters
    ----------
    usedir, options    as for ``begin_again``; `options` come before those with which the text was read.  With a
                       trainfrac, which a directory does not take, the call is for its first file alone
    """
    if not data.files or not (path := Path(data.files[0].path)).is_file():
        return ''
    if data.srcfile:
        return begin_again(srcfile_here(data), usedir, {**data.options, **options})
    is_one = path.name == Path(data.source).name or 'trainfrac' in options
    return begin_again(from_here(path if is_one else path.parent), usedir, {**data.options, **options})


def srcfile_here(data: Dataset) -> str | list[str]:
    """Return the argument that named the files of a text, with paths from the present folder."""
    named = data.srcfile
    return from_here(Path(named)) if isinstance(named, str) else [from_here(Path(name)) for name in named]


def unusual(modeltype: str, hyper: HyperParams, seed: int) -> dict[str, Any]:
    """Return the model type, the seed and the settings that are not the defaults and do something, by name."""
    usual = {'modeltype': 'GRUEncode', 'seed': 0, **HyperParams().facts()}
    settings = {name: value for name, value in hyper.facts().items() if not without_effect(modeltype, hyper, name)}
    given = {'modeltype': modeltype, 'seed': seed, **settings}
    return {name: value for name, value in given.items() if value != usual[name]}


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
            named = srcfile_here(data) if data.srcfile else from_here(source)
            step = begin_again(named, usedir, {**data.options, **options})
            return (
                f'{from_here(path)!r} has changed since this run began ({change}). The run goes on with its own copy '
                f'of the text.  Next: {step} begins a run on the new one'
            )
    return ''
