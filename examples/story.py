"""What the five stories share: a text, numbers and pictures that are checked before the work, an end without traceback.

Whoever wants to learn charrnn reads the stories; here is only what would distract from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from charrnn import CharRNNError, TrainReport


def text_or_builtin(given: str | None, most: int | None = None) -> Path:
    """The path of the text that was given, or of Python's help pages (their first `most` characters), written here."""
    if given:
        try:  # now, not after an older run was cleared away
            text = Path(given).read_text(encoding='utf-8')
        except (OSError, UnicodeError) as error:
            raise SystemExit(f"{error}\n  Next: a text file in UTF-8, or none for Python's help pages") from None
        if most is None:
            return Path(given)
        path = Path('workspaces') / f'{Path(given).stem}-{most}.txt'
    else:
        from pydoc_data.topics import topics

        text, path = '\n'.join(topics.values()), Path('workspaces') / 'help-pages.txt'
    path.parent.mkdir(exist_ok=True)
    path.write_text(text[:most], encoding='utf-8')
    return path


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def picture(name: str) -> str:
    """A picture's file name, for argparse: what cannot be drawn is refused before the training."""
    if not find_spec('matplotlib'):
        raise argparse.ArgumentTypeError('a picture needs matplotlib: pip install matplotlib')
    from matplotlib.figure import Figure

    kinds = Figure().canvas.get_supported_filetypes()
    if Path(name).suffix[1:] not in kinds:
        raise argparse.ArgumentTypeError(f'{name!r} does not end in one of .{", .".join(sorted(kinds))}')
    if not Path(name).parent.is_dir():
        raise argparse.ArgumentTypeError(f'there is no folder {str(Path(name).parent)!r}')
    return name


def finished(report: TrainReport) -> TrainReport:
    """The report of a training that was not interrupted: a table would take a short run for a full one."""
    if report.interrupted:
        raise KeyboardInterrupt
    return report


def tell(story: Callable[[], None]) -> None:
    """Run a story; what stops it is said without a traceback."""
    try:
        story()
    except KeyboardInterrupt:
        raise SystemExit('\nStopped. The runs so far are in workspaces/; ModelState.load opens one.') from None
    except (CharRNNError, OSError) as error:
        raise SystemExit(f'{type(error).__name__}: {error}') from None
