"""Time, memory and disk that a text of any size takes: to begin a run on it, to load it, to train a little, to measure.

    python benchmarks/long_text.py tinyshakespeare.txt --megabytes 1 100 1000

Repeats the text up to each size, in a temporary folder.  GRUEncode 1x16, so that what is measured is the text and not
the model.  Each step runs in a new process; growth is the peak of its anonymous memory less that before.

    init         ModelState.initfromsrcfile: encoding, sealing, the untrained loss, a checkpoint
    load         ModelState.load: every byte is verified
    training     20 windows of 16 lanes of 100, and the checkpoint, without a validation
    validation   one more window, with the validation of a round
    ladder       the baselines of the validation split, once for a text
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from encoding import MB, measure, write_text
from machine import machine, new_parser, parse

from charrnn import ModelState
from charrnn.display.progress import Screen
from charrnn.session.run import run_of


def quietly(work: Callable[[], object]) -> None:
    """Call a function without its output."""
    with contextlib.redirect_stdout(io.StringIO()):
        work()


def begin(text: Path, run: Path) -> None:
    """Begin a run."""
    ModelState.initfromsrcfile(text, run, layers=1, state_size=16, device='cpu')


def load(run: Path) -> None:
    """Load a run."""
    ModelState.load(run, device='cpu')


def train(run: Path, windows: int, valid_len: int) -> None:
    """Train some windows."""
    ModelState.load(run, device='cpu').trainmodel(train_len=windows, valid_len=valid_len, print_every=0, quiet=True)


def climb(run: Path) -> None:
    """Measure the ladder."""
    run_of(ModelState.load(run, device='cpu')).measurements.ladder('valid', Screen(quiet=True))


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--megabytes', type=float, nargs='+', default=[1, 100, 1000])
    given = parse(parser, argv, megabytes=[0.1])
    print(f'machine: {machine()}\n')
    print('| text | step | seconds | seconds per GB | memory growth, MB | on the disk, MB |', flush=True)
    print('|---|---|---|---|---|---|', flush=True)
    for megabytes in given.megabytes:
        with tempfile.TemporaryDirectory() as name:
            text, run = Path(name) / 'text.txt', Path(name) / 'run'
            size = write_text(text, given.file.read_bytes(), int(megabytes * MB))
            loading = 0.0
            for step, work in (
                ('init', partial(begin, text, run)),
                ('load', partial(load, run)),
                ('training', partial(train, run, 20, 1)),
                ('validation', partial(train, run, 1, 0)),
                ('ladder', partial(climb, run)),
            ):
                seconds, growth = measure(partial(quietly, work))
                loading = seconds if step == 'load' else loading
                own = seconds if step in ('init', 'load') else max(0.0, seconds - loading)
                cells = f'{own:.1f} | {own / size * 1e9:.1f} | {growth / MB:.0f} | {size_of(run) / MB:.0f}'
                print(f'| {size / MB:.0f} MB | {step} | {cells} |', flush=True)


if __name__ == '__main__':
    main()
