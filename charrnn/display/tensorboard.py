"""Curves in TensorBoard: the function that ``ms.attach(onreport=tensorboard('logs'))`` attaches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charrnn.errors import AttachedError, fitted

SCALARS = {
    'train_nats': 'loss/train',
    'valid_nats': 'loss/valid',
    'learnrate': 'training/learnrate',
    'grad_norm': 'training/gradient_norm',
    **{f'{level}s_per_second': f'training/{level}s_per_second' for level in ('char', 'byte', 'word')},
}
"""The columns of the history that are drawn, and the names of the curves."""


@fitted
class TensorBoard:
    """A function of a row of the history, which writes it to a folder that TensorBoard shows.

    Parameters
    ----------
    dir : str    the folder of the event files
    """

    def __init__(self, dir: str) -> None:
        self.dir = dir
        self._writer: Any = None
        self._last = -1  # the position of the newest row

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Write the numbers and the sample of a row, at the position of lane 0."""
        place = row['position']
        if self._writer is None or place < self._last:  # after a restore: what was drawn from here on is superseded
            self._writer = _writer_class()(self.dir, purge_step=place)
        self._last = place
        for column, name in SCALARS.items():
            if row.get(column) is not None:
                self._writer.add_scalar(name, row[column], place)
        if sample := row.get('sample'):
            self._writer.add_text('sample', '\n'.join(f'    {line}' for line in sample.split('\n')), place)
        for name, (before, after) in row.get('changed', {}).items():
            self._writer.add_text('changed', f'{name}: {before} to {after}', place)
        self._writer.flush()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the folder, not the open file."""
        return {'dir': self.dir, '_writer': None, '_last': -1}

    def __repr__(self) -> str:
        return f'tensorboard({self.dir!r})'


def tensorboard(dir: str | Path) -> TensorBoard:
    """Return a function for ms.attach(onreport=...) that writes each row.

    TensorBoard draws the losses, the rate, the norm of the gradient and
    the speed over the position of lane 0, and shows the samples:
    tensorboard --logdir DIR at a shell opens it.

    Parameters
    ----------
    dir : path    the folder of the event files; a folder of its own for
                  each run

    Raises AttachedError (the package tensorboard is not installed).
    """
    _writer_class()
    return TensorBoard(str(dir))


def _writer_class() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        what = 'curves in TensorBoard need its package, which is not installed.'
        raise AttachedError(what, 'at a shell: pip install tensorboard') from None
    return SummaryWriter
