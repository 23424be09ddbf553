"""Train for about a minute on a text, show what it writes, and stay at the prompt with the model.

./demo runs this file; the same by hand is `python -i examples/demo.py [FILE]`. Without FILE the text is the prose of
Python's own help, which every Python has. The run is kept in workspaces/ below the current directory, and the next
demo of the same text continues it. The variable CHARRNN_DEMO_SECONDS sets the seconds of training, 60 by default.
"""

import ast
import hashlib
import io
import os
import re
import signal
import sys
import sysconfig
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

if __name__ == '__main__':  # until the imports are done, Ctrl-C ends the program without a traceback
    at_ctrl_c = signal.signal(signal.SIGINT, signal.SIG_DFL)
from charrnn import *  # noqa: F403  all public names, for the prompt at the end
from charrnn import CharRNNError, ModelState, SourceTextError, generatestring
from charrnn.display.standing import Standing, standing_of
from charrnn.session.overview import course_of
from charrnn.session.run import run_of

HOME = Path('workspaces')
SECONDS = float(os.environ.get('CHARRNN_DEMO_SECONDS', '60'))
QUICK_START: dict[str, Any] = {'recipe': 'small', 'cosine': 0.0, 'average': 0.998}
"""The recipe for small texts, for a training that may end at any time: an average of the weights in the place of a rate
that falls over a number of epochs."""
LANES, WINDOW, SMALL_WINDOW = 16, 64, 32
ROUND = 600_000
"""Characters of a round: about ten seconds on two cores."""
MOST_EPOCHS = 20
"""Epochs of a round, at most, so that a short text is validated before the model knows it by heart."""
QUICK = 2_000_000
"""Characters of a text up to which its whole last tenth is measured after each round."""
LOOKED_AT = 3_000_000
"""Characters of the training text in which the words of a sample are looked up."""


# ---- the text -----------------------------------------------------------------------------------------------


def help_texts() -> Iterator[str]:
    """Yield the docstrings of Python's standard library, and the topics of help()."""
    for path in sorted(Path(sysconfig.get_path('stdlib')).glob('*.py')):
        try:
            waiting: list[ast.AST] = [ast.parse(path.read_bytes())]
        except (OSError, SyntaxError, ValueError):
            continue
        for node in waiting:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ''
                waiting += node.body
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some packages of Python leave it out
        return
    yield from topics.values()


def prose(texts: Iterable[str]) -> str:
    """Return the paragraphs that are sentences, not code, lists or tables; each one once."""
    found: dict[str, None] = {}
    for text in texts:
        for block in re.split(r'\n\s*\n', text):
            paragraph = textwrap.dedent(block.strip('\n'))
            plain = sum(c.isalpha() or c == ' ' for c in paragraph)
            is_long = len(paragraph) >= 60 and plain >= 0.88 * len(paragraph)
            if is_long and paragraph[0].isupper() and paragraph[-1] in '.:' and '\n ' not in paragraph:
                found.setdefault(paragraph)
    return '\n\n'.join(found) + '\n'


def choose_text(arguments: list[str]) -> tuple[Path, Path]:
    """Return the text to read and the working directory of its run, whose name has a digest of the text's full path."""
    if arguments:
        source = Path(arguments[0]).resolve()
        digest = hashlib.sha256(os.fsencode(source)).hexdigest()
        return source, HOME / f'demo-{source.stem}-{digest[:8]}'
    source = HOME / 'help.txt'
    if not source.exists():
        print("Collecting the text, once: the prose of Python's own help ...")
        text = prose(help_texts())
        if len(text) < 100_000:
            raise SourceTextError('this Python comes without its help texts.', './demo FILE, with a text of yours')
        HOME.mkdir(exist_ok=True)
        partial = source.with_suffix('.part')
        partial.write_text(text, encoding='utf-8')
        partial.replace(source)  # so that a Ctrl-C leaves no half of it under the name
    return source, HOME / 'help'


# ---- the training -------------------------------------------------------------------------------------------


def cut(characters: int) -> tuple[int, int]:
    """Return the number of lanes and the window for a text: LANES and WINDOW, or less for a short one."""
    train = int(0.9 * characters)
    window = WINDOW if train >= 4 * LANES * WINDOW else SMALL_WINDOW
    return max(1, min(LANES, train // (4 * window))), max(1, min(window, train))


def open_run(source: Path, usedir: Path) -> ModelState:
    """Return the run of an earlier demo, if there is one, else a new, untrained run."""
    if any((usedir / 'checkpoints').glob('0*')):
        print(f'Continuing the run in {usedir}.')
        return ModelState.load(usedir)
    print(f'A new model for the text {source}.')
    is_short = source.is_file() and source.stat().st_size < 20 * LANES * WINDOW
    characters = len(source.read_bytes().decode('utf-8', 'replace')) if is_short else sys.maxsize
    lanes, window = cut(characters)
    ms = ModelState.initfromsrcfile(source, usedir, seq_len=window, **QUICK_START)
    if (lanes, window) != (LANES, WINDOW):
        print(
            f'The text is short ({characters:,} characters): the model reads windows of {window} characters, not '
            f'{WINDOW}, in {lanes} lane{"s" * (lanes > 1)}\n(places of the text, read side by side), not {LANES}.'
        )
    return ms


def train_for(ms: ModelState, seconds: float) -> Standing:
    """Train for about `seconds` seconds, less if the model begins to learn the text by heart or Ctrl-C ends it.

    Return where the run stands then.
    """
    end, train = time.monotonic() + seconds, len(ms.data.train)
    lanes, _ = cut(train + len(ms.data.valid))
    windows = max(1, min(ROUND, MOST_EPOCHS * train) // (lanes * ms.hyper.seq_len))
    valid_len = 0 if train < QUICK else 20
    print(f'Training for about {seconds:.0f} seconds. Ctrl-C ends it earlier, and keeps what was learned.')
    while (left := end - time.monotonic()) > 0:
        report = ms.trainmodel(
            2, lanes, minutes=left / 60, train_len=windows, valid_len=valid_len, print_every=windows // 2
        )
        found = standing_of(course_of(run_of(ms)))
        if report.interrupted or found.finding in ('memorising', 'diverged'):
            return found
    return standing_of(course_of(run_of(ms)))


# ---- what it has learned ------------------------------------------------------------------------------------


def beginning(text: str) -> str:
    """Return a beginning for samples: the word that most often begins a line, else the first characters."""
    words = Counter(re.findall(r'^[^\W\d_]{2,}(?= )', text, re.MULTILINE)).most_common(1)
    return f'{words[0][0]} ' if words else text.strip()[:10] or text[:10]


def words_of(text: str) -> set[str]:
    """Return the different words of a text."""
    return set(re.findall(r'[^\W\d_]+', text))


def lesson(standing: Standing, known: int, words: int, seconds: float) -> str:
    """Return in plain words what the training was enough for.

    Parameters
    ----------
    standing : Standing    where the run stands
    known, words : int     different words of the sample that occur in the text, and all that it has; 0 if the text
                           is written without spaces
    seconds : float        spent training, over all demos of this text
    """
    spent = 'a minute' if 50 <= seconds < 90 else f'{seconds / 60:.0f} minutes' if seconds >= 90 else f'{seconds:.0f} s'
    found = standing.words[:1].upper() + standing.words[1:]
    following = f'{found}.\nNext: {standing.next_step}'
    if standing.finding in ('few', 'guessing'):
        return f'After {spent} of training it is too early for words. {following}'
    if standing.finding == 'memorising':
        return (
            f'After {spent} of training it began to learn the text by heart, which is what a short text leads to, so\n'
            "this is the model of its best round: ms.restore('best'). A longer text helps most."
        )
    if standing.finding == 'diverged':
        return f'The training went wrong. {following}'
    longer = '\nNext: ms.trainmodel(minutes=5)'
    if not words:
        return f'After {spent} of training it knows which characters follow each other.{longer}'
    count = f'{known} of its {words} different words occur in the text'
    if known >= 0.9 * words:
        return (
            f'{count}: {spent} of training was enough to learn how words are spelled,\n'
            'and which often stand together. It is not enough for sentences that make sense.'
        )
    if known >= 0.6 * words:
        return f'{count}: {spent} of training was enough for the common words, not yet for the others.{longer}'
    return f'{count}: {spent} of training was enough for short words, not yet for spelling.{longer}'


def tell(ms: ModelState, usedir: Path, ended: Standing, seconds: float) -> None:
    """Print the loss, a sample, what was learned, and what to type next.

    Parameters
    ----------
    ended : Standing    where the training ended
    seconds : float     spent training, over all demos of this text
    """
    course, text = course_of(run_of(ms)), ms.chars.decode(ms.data.train[:LOOKED_AT])
    if course.valid_nats and course.unigram is not None:
        print(
            f'\nThe last tenth of the text is kept from the model, to test it. A character there costs the model '
            f'{course.valid_nats[-1][1]:.2f} nats\n(a unit of surprise: less is better); guessing by the frequency of '
            f'letters alone costs {course.unigram:.2f}.'
        )
    prime = beginning(text)
    sample = generatestring(ms, 300, temp=0.5, prime=prime, seed=0)
    print(f'\nThe model writes, after the beginning {prime!r}:\n')
    print(textwrap.indent(repr(type(sample)(prime + sample)), '  │ ', lambda line: True))
    has_spaces = text.count(' ') > len(text) / 25
    words = words_of(re.sub(r'\w+$', '', prime + sample)) if has_spaces else set()  # the last one may be cut off
    known = len(words & words_of(text))
    print(f'\n{lesson(ended, known, len(words), seconds)}')
    if sys.flags.interactive:
        print(
            '\nThis is a Python prompt, and the model is called ms. Some things to type (Ctrl-D ends):\n'
            f'  generatestring(ms, 300, prime={prime!r}, seed=1)   # another text; temp=0.8 is bolder, temp=0.3 safer\n'
            '  ms                             # where the run stands\n'
            '  ms.plot()                      # draw the losses\n'
            '  ms.trainmodel(minutes=1)       # train on; Ctrl-C stops and saves\n'
            f'  ms = ModelState.load({str(usedir)!r})   # another day, in this directory; or ./demo again'
        )
    else:
        print(f'The run is in {usedir}; ./demo again trains it for another minute.')


if __name__ == '__main__':
    signal.signal(signal.SIGINT, at_ctrl_c)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='backslashreplace')  # a text may have characters that the terminal lacks
    try:
        source, usedir = choose_text(sys.argv[1:])
        ms = open_run(source, usedir)
        ended = train_for(ms, SECONDS)
        spent = ms.history[-1]['seconds']
        if ended.finding == 'memorising':
            ms.restore('best')
        tell(ms, usedir, ended, spent)
    except CharRNNError as error:
        # No traceback: the message says what to type next, which is possible at the prompt (-i).
        print(f'demo: {type(error).__name__}: {error}', file=sys.stderr)
        if not sys.flags.interactive:
            sys.exit(1)
    except KeyboardInterrupt:
        has_model = 'ms' in globals()
        print(
            '\nStopped.  Next: ms.trainmodel(minutes=1)' if has_model else '\nStopped.  Next: ./demo', file=sys.stderr
        )
        if not (sys.flags.interactive and has_model):
            os._exit(130)  # an exit would only lead to the prompt
