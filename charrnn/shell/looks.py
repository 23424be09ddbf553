"""The commands score, compare and export: their functions take files and directories in the place of values."""

from __future__ import annotations

import sys
from pathlib import Path

from charrnn.arguments import path_of
from charrnn.errors import SourceTextError
from charrnn.export.bundle import Exported
from charrnn.modelstate import ModelState
from charrnn.session import comparison
from charrnn.session.comparison import Comparison
from charrnn.session.scores import Score
from charrnn.signatures import known_names_only
from charrnn.storage.durable import cannot_read, explained
from charrnn.text.selection import STDIN


@known_names_only
def score(
    ms: ModelState, file: str | Path, *, prime: str | None = None, errors: str = 'strict', adapt: bool = False
) -> Score:
    """Measure the cost of each symbol of a file.

    Parameters
    ----------
    file : path      a text as UTF-8, or '-': the standard input
    prime : str      read first, and not scored; without it a line break
    errors : str     'strict', or 'replace': symbols that the model does not know are read as U+FFFD or <unk>
    adapt : bool     a copy of the model learns from each symbol after it was scored
    """
    return ms.score(text_of(ms, file), prime=prime, errors=errors, adapt=adapt)


@known_names_only
def compare(*dirs: str | Path) -> Comparison:
    """Compare runs of any level on the common end of their validation splits.

    Parameters
    ----------
    dirs : paths    the working directory of each run
    """
    return comparison.compare(*(ModelState.load(path_of('dir', each)) for each in dirs))


@known_names_only
def export(ms: ModelState, folder: str | Path, *, licence: str | None = None, onnx: bool = False) -> Exported:
    """Write the model as a folder for others, in the convention of model hubs.

    Parameters
    ----------
    folder : path    a new folder
    licence : str    the terms of the weights, such as 'mit' or 'cc-by-4.0', for the model card
    onnx : bool      write model.onnx, too: one step, ids and states in, logits and states out (needs the package onnx)
    """
    return ms.export(path_of('folder', folder), licence=licence, onnx=onnx)


def text_of(ms: ModelState, file: str | Path) -> str | bytes:
    """Return the text in a file, or that of the standard input; for a model of bytes its bytes.

    Raises
    ------
    SourceTextError    it is not UTF-8
    """
    if str(file) == STDIN:
        data = sys.stdin.buffer.read()
    else:
        path = path_of('file', file)
        with explained(path, cannot_read):
            data = path.read_bytes()
    if ms.chars.level == 'byte':
        return data
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise SourceTextError(
            f'{str(file)!r} is not UTF-8: byte 0x{data[error.start]:02X} at offset {error.start:,}.',
            'a text file as UTF-8, or a run with level=byte',
        ) from None
