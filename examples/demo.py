"""Train for about a minute on a text, print the loss and a sample, and stay at the prompt with the model.

./demo runs this file; the same by hand is `python -i examples/demo.py [FILE]`. Without FILE the text is Python's own
help pages, which every Python has. The run is kept in workspaces/ below the current directory, and the next demo of
the same text continues it. The variable CHARRNN_DEMO_SECONDS sets the seconds of training, 60 by default.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

from charrnn import *  # noqa: F403  all public names, for the prompt at the end
from charrnn import CharRNNError, ModelState, generatestring

HOME = Path('workspaces')
SECONDS = float(os.environ.get('CHARRNN_DEMO_SECONDS', '60'))


def choose_text(arguments: list[str]) -> tuple[Path, Path]:
    """Return the text to read and the working directory of its run, whose name has a digest of the text's full path."""
    if arguments:
        source = Path(arguments[0]).resolve()
        try:
            source.open('rb').close()
        except OSError as error:
            sys.exit(f'demo: cannot read {arguments[0]}: {error.strerror}')
        digest = hashlib.sha256(os.fsencode(source)).hexdigest()
        return source, HOME / f'demo-{source.stem}-{digest[:8]}'
    source = HOME / 'demo.txt'
    if not source.exists():
        from pydoc_data.topics import topics

        HOME.mkdir(exist_ok=True)
        source.write_text('\n'.join(topics.values()), encoding='utf-8')
    return source, HOME / 'demo'


def open_run(source: Path, usedir: Path) -> ModelState:
    """Return the run of an earlier demo, if there is one, else a new, untrained run."""
    if any((usedir / 'checkpoints').glob('0*')):
        print(f'Continuing the run in {usedir}')
        return ModelState.load(usedir)
    print(f'A new model for {source}')
    return ModelState.initfromsrcfile(source, usedir)


def train_for(ms: ModelState, seconds: float, valid_len: int) -> bool:
    """Train for about `seconds` seconds; return False after a Ctrl-C.

    A short first round measures the speed of this machine. It includes the warm-up, so the second round is sized for
    half of the time that is left, and the third, with the better measurement of the second, for all of it.
    """
    end = time.monotonic() + seconds
    train_len, print_every = 20, 0
    for share in (0.5, 1.0, 0.0):
        start = time.monotonic()
        report = ms.trainmodel(train_len=train_len, valid_len=valid_len, print_every=print_every)
        now = time.monotonic()
        if report.interrupted:
            return False
        train_len = int(share * (end - now) * train_len / (now - start))
        if train_len < 1:
            break
        print_every = max(train_len // 3, 1)
    return True


def tell(ms: ModelState, usedir: Path, finished: bool) -> None:
    """Print the loss, a sample, and what to type next."""
    if finished:
        print('\nMeasuring the loss on the validation split, which was not trained on ...')
        result = ms.evaluate()
        print(f'  validation {result.nats:.3f} ± {result.stderr:.3f} nats/char')
        print(f'  unigram    {result.ladder["unigram"]:.3f}, from the frequency of each character alone')
    unread = ms.chars.decode(ms.data.valid[:60])
    print(f'\nA sample that continues the first characters of the validation split, {unread!r}:\n')
    print(repr(generatestring(ms, 300, temp=0.5, prime=unread)))
    if sys.flags.interactive:
        print(
            '\nSome things to type:\n'
            '  ms                             # where the run stands\n'
            '  generatestring(ms, temp=0.8)   # a sample at a higher temperature\n'
            '  ms.trainmodel(num_rounds=1)    # one more epoch; Ctrl-C stops it, and the next call goes on from there\n'
            f'  ms = ModelState.load({str(usedir)!r})   # another day, in this directory'
        )


if __name__ == '__main__':
    source, usedir = choose_text(sys.argv[1:])
    # Validate on the whole split, as long as that is quick: 20 windows are a fraction of a big one.
    valid_len = 0 if source.stat().st_size < 2_000_000 else 20
    try:
        ms = open_run(source, usedir)
        print(f'Training for about {SECONDS:.0f} seconds ...')
        tell(ms, usedir, train_for(ms, SECONDS, valid_len))
    except CharRNNError as error:
        # No traceback: the message says what to type next, which is possible at the prompt (-i).
        print(f'demo: {type(error).__name__}: {error}', file=sys.stderr)
        if not sys.flags.interactive:
            sys.exit(1)
