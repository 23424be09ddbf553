"""Every example runs, with a tiny budget."""

import os
import re
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from itertools import islice
from pathlib import Path

import demo
import pytest
from conftest import words
from story import picture

from charrnn.display.standing import Standing

EXAMPLES = Path(__file__).parents[1] / 'examples'
STORIES = {
    'first_session.py': ['text.txt', '--quick'],
    'word_model.py': ['--data', 'text.txt', '--quick', '--epochs', '1'],
    'attention_poet.py': ['text.txt', '--quick', '--max-iters', '20'],
    'tuning_study.py': ['text.txt', '--quick', '--updates', '4'],
    'char_or_word.py': ['text.txt', '--quick', '--epochs', '0.1'],
}


def begin(name: str, folder: Path, *arguments: str, seconds: int = 2) -> subprocess.Popen[str]:
    here = {**os.environ, 'CHARRNN_DEMO_SECONDS': str(seconds), 'MPLBACKEND': 'agg', 'PYTHONUNBUFFERED': '1'}
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder, env=here, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(name: str, folder: Path, *arguments: str, status: int = 0) -> str:
    """Run an example and return its output, or its error output if a failing status is expected."""
    process = begin(name, folder, *arguments)
    shown, complaint = process.communicate()
    assert process.returncode == status, complaint
    assert 'Traceback' not in complaint
    return complaint if status else shown


def split(folder: Path) -> None:
    """Write a text in three parts into a directory."""
    for part, seed in (('train', 0), ('valid', 1), ('test', 2)):
        (folder / f'{part}.txt').write_text(words(6_000 if part == 'train' else 1_000, seed))


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob('*.py')} == STORIES.keys() | {'demo.py', 'story.py', 'share_a_page.py'}


def test_the_demo(tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(20_000))
    for again in (False, True):
        shown = run('demo.py', tmp_path, 'text.txt')
        assert 'guessing by the frequency of letters alone costs' in shown
        assert re.search(r"after the beginning '(the|and|ran|cat|sat|on|mat|a) ':\n", shown)
        assert re.search(r'training (was enough|it began to learn)', shown), 'it says what that was enough for'
        assert ('Continuing' in shown) == again and 'The text is short' not in shown


def test_the_demo_takes_a_short_text(tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(857))
    shown = run('demo.py', tmp_path, 'text.txt')
    assert '857 characters): the model reads windows of 32 characters, not 64, in 6 lanes' in shown
    assert shown.count('nats/char') >= 2 and 'The model writes' in shown
    assert 'has 1 characters, of which 0 train' in run('demo.py', tmp_path, one(tmp_path), status=1)


def one(folder: Path) -> str:
    (folder / 'one.txt').write_text('x')
    return 'one.txt'


def test_a_window_fits_every_text() -> None:
    for size in range(2, 5000):
        lanes, window = demo.cut(size)
        assert 1 <= lanes * window <= max(1, int(0.9 * size)) and lanes <= 16
    assert demo.cut(5000) == demo.cut(10**9) == (16, 64)


def test_the_built_in_text_is_prose() -> None:
    text = 'Return the sum of all the numbers of a list, or zero\nif the list is empty.'
    code = 'Example of the use of the thing that was explained above:\n    >>> thing(1)\n    1'
    found = demo.prose([f'{text}\n\n  A short line.\n\n{code}', f'  {text}'.replace('\n', '\n  '), '=' * 80, ''])
    assert found == f'{text}\n', 'dedented, once, without code and rules'
    docs = list(islice(demo.help_texts(), 200))
    assert len(demo.prose(docs)) > 3000


def test_a_beginning_is_a_word_that_begins_lines() -> None:
    assert demo.beginning('The a\nOn it\n\nThe b\n    The c\nx = 1\nx = 1\nx = 1') == 'The '
    assert demo.beginning('\nこんにちは、世界。また明日会いましょう') == 'こんにちは、世界。ま'
    assert demo.beginning('\n\n') == '\n\n'


def test_the_demo_says_what_the_training_was_enough_for() -> None:
    good = Standing('learning', '', 'generatestring(ms, temp=0.5)')
    spelled, common, short = (demo.lesson(good, known, 50, 61.0) for known in (49, 35, 10))
    assert spelled.startswith('49 of its 50 different words occur in the text: a minute of training was enough to')
    assert 'Next: ' not in spelled and 'common words, not yet' in common and 'not yet for spelling' in short
    assert all(text.endswith('Next: ms.trainmodel(minutes=5)') for text in (common, short, demo.lesson(good, 0, 0, 9)))
    heart = Standing('memorising', 'the validation loss has risen since round 2', "ms.restore('best')")
    assert demo.lesson(heart, 50, 50, 150) == (
        'After 2 minutes of training it began to learn the text by heart, which is what a short text leads to, so\n'
        "this is the model of its best round: ms.restore('best'). A longer text helps most."
    )
    few = Standing('few', '18 updates are too few to learn from', 'ms.trainmodel(20)')
    assert demo.lesson(few, 9, 50, 7).startswith('After 7 s of training it is too early for words. 18 updates are too')


def test_ctrl_c_ends_the_training_of_the_demo_and_keeps_it(tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(60_000))
    process = begin('demo.py', tmp_path, 'text.txt', seconds=600)
    shown, complaint = interrupt(process, 'Training for about 600 seconds', wait=1)
    assert process.returncode == 0 and not complaint
    assert 'Stopped after the current update; saved as checkpoint 2' in shown and 'The model writes' in shown


@pytest.mark.parametrize('name', STORIES)
def test_a_story(name: str, tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(6_000))
    shown = run(name, tmp_path, *STORIES[name], '--plot', 'curves.png')
    for rung in ('uniform', 'unigram', 'Kneser-Ney', 'xz'):
        assert re.search(rf'{rung} \((static|adaptive)\)( of bytes)? +\d+\.\d{{4}}', shown), (
            f'it ends beside the ladder, {rung} too'
        )
    assert 'below' in shown
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')
    if name == 'tuning_study.py':
        lines = (tmp_path / 'experiment_logs.csv').read_text().splitlines()
        assert len(lines) == 7 and 'directory,layers,state_size' in lines[0]
        assert '== what it comes to' in shown
    if name == 'attention_poet.py':
        assert 'checkcausal: True' in shown and 'without it' in shown
    assert 'usage: ' in run(name, tmp_path, '--help')


def test_a_page_to_share(tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(6_000))
    shown = run('share_a_page.py', tmp_path, 'text.txt', '--minutes', '0.02', '--page', 'page.html')
    assert 'stand in the training text' in shown and re.search(r'\d+% of a sample stood in the training text', shown)
    assert '<title>text' in (tmp_path / 'page.html').read_text()
    assert 'nowhere.txt' in run('share_a_page.py', tmp_path, 'nowhere.txt', status=1)


def test_a_text_that_every_python_has(tmp_path: Path) -> None:
    shown = run('word_model.py', tmp_path, '--quick', '--epochs', '1', '--nhid', '8')
    assert 'nats a word' in shown


def test_words_of_a_directory_are_measured_on_its_test_split(tmp_path: Path) -> None:
    split(tmp_path)
    shown = run('word_model.py', tmp_path, '--data', '.', '--quick', '--nhid', '8', '--emsize', '8', '--save', 'kept')
    assert '== test: ' in shown and 'best' in shown and '== what it writes' in shown
    complaint = run('word_model.py', tmp_path, '--data', '.', '--save', 'kept', status=1)
    assert 'already holds a run; it is never written over' in complaint


def interrupt(process: subprocess.Popen[str], after: str, wait: float = 0.0) -> tuple[str, str]:
    """Press Ctrl-C after a line, and return the output after that line and the error output."""
    with process:
        try:
            assert process.stdout is not None
            assert any(line.startswith(after) for line in process.stdout)
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            return process.communicate(timeout=100)
        finally:
            process.kill()


def test_ctrl_c_stops_the_training_and_not_the_story(tmp_path: Path) -> None:
    split(tmp_path)
    quick = ('--quick', '--nhid', '8', '--emsize', '8', '--epochs', '100000', '--log-interval', '1000000')
    process = begin('word_model.py', tmp_path, '--data', '.', *quick)
    shown, complaint = interrupt(process, 'round 3 ends')
    assert process.returncode == 0, complaint
    assert 'Training was stopped' in shown and '== test: ' in shown and '== what it writes' in shown


def test_ctrl_c_ends_a_study_whose_table_it_would_falsify(tmp_path: Path) -> None:
    (tmp_path / 'text.txt').write_text(words(6_000))
    process = begin('tuning_study.py', tmp_path, 'text.txt', '--default_train', '--updates', '1000000')
    shown, complaint = interrupt(process, '100 updates', wait=0.1)  # by then it has shown a sample, and trains
    assert process.returncode == 1 and 'Stopped.' in complaint and 'Traceback' not in complaint
    assert 'unigram' not in shown


@pytest.mark.parametrize('name', STORIES)
def test_bad_input_costs_nothing(name: str, tmp_path: Path) -> None:
    earlier = tmp_path / 'workspaces' / name.removesuffix('.py') / 'earlier'
    earlier.mkdir(parents=True)
    asked = ['--data', 'nowhere.txt'] if name == 'word_model.py' else ['nowhere.txt']
    assert 'nowhere.txt' in run(name, tmp_path, *asked, status=1)
    assert earlier.exists(), 'an older run is there'


def test_a_picture_that_cannot_be_drawn_is_refused_before_the_training(tmp_path: Path) -> None:
    good = str(tmp_path / 'a.svg')
    assert picture(good) == good
    for wrong, why in (('no/a.png', "no folder 'no'"), ('a.xyz', "'a.xyz' does not end in one of"), ('a', 'one of')):
        with pytest.raises(ArgumentTypeError, match=why):
            picture(wrong)
