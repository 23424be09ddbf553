"""The parts that the examples share: a text, checks of the arguments before any work, an end without traceback.

To learn charrnn, read the examples; this file holds what would distract from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from charrnn import CharRNNError, Evaluation, TrainReport


def text_or_builtin(given: str | None, most: int | None = None) -> Path:
    """Return the path of a text: the given one, or a new file with Python's help pages; at most `most` characters."""
    if given:
        try:  # before an older run is deleted
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
    """Return a whole number from 1 on, for argparse."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def picture(name: str) -> str:
    """Return the file name of a picture, for argparse, so that an invalid one is refused before the training."""
    if not find_spec('matplotlib'):
        raise argparse.ArgumentTypeError('a picture needs matplotlib: pip install matplotlib')
    from matplotlib.figure import Figure

    kinds: dict[str, str] = Figure().canvas.get_supported_filetypes()
    if Path(name).suffix[1:] not in kinds:
        raise argparse.ArgumentTypeError(f'{name!r} does not end in one of .{", .".join(sorted(kinds))}')
    if not Path(name).parent.is_dir():
        raise argparse.ArgumentTypeError(f'there is no folder {str(Path(name).parent)!r}')
    return name


def finished(report: TrainReport) -> TrainReport:
    """Return the report of a finished training; after Ctrl-C, raise, as a table would take the run for a full one."""
    if report.interrupted:
        raise KeyboardInterrupt
    return report


def labelled(found: Evaluation) -> dict[str, float]:
    """Return the baselines beside an evaluation, each with its kind: an adaptive coder learns while it reads."""
    kinds = {rung: 'adaptive' if rung in found.adaptive else 'static' for rung in found.ladder}
    return {f'{rung} ({kinds[rung]})': nats for rung, nats in found.ladder.items()}


def tell(story: Callable[[], None]) -> None:
    """Run an example; end with the message of an error, without its traceback."""
    try:
        story()
    except KeyboardInterrupt:
        raise SystemExit('\nStopped. The runs so far are in workspaces/; ModelState.load opens one.') from None
    except (CharRNNError, OSError) as error:
        raise SystemExit(f'{type(error).__name__}: {error}') from None
