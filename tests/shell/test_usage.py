"""A command line in the words of char-rnn, torch-rnn or textgenrnn gets a command that works."""

import shlex
from pathlib import Path

import pytest
from conftest import MakeRun

from charrnn.shell.commands import parse
from charrnn.shell.usage import Typed, UsageError, typed_words
from charrnn.shell.words import AT_THE_PROMPT

START = 'python -m charrnn '
LINES = [
    ('init poem.txt new -val_frac 0.05', '--trainfrac 0.95'),
    ('init poem.txt new --val-frac 0.2', '--trainfrac 0.8'),
    ('init poem.txt new -rnn_size 64 -num_layers 2', '--state-size 64 --layers 2'),
    ('init poem.txt new -gpuid -1', '--device cpu'),
    ('init poem.txt new --use-gpu', '--device auto'),
    ('init poem.txt new --lowercase', '--lower --level word'),
    ('init poem.txt new --level=word --lowercase', '--lower'),
    ('init poem.txt new --word-level False', '--level char'),
    ('init poem.txt new --model lstm', '--modeltype lstm'),
    ('init poem.txt new lstm', f'{START}init poem.txt new --modeltype LSTM'),
    ('init poem.txt new more', f'{START}init poem.txt new'),
    ('init poem.txt new --locked 0', f'{START}init poem.txt new --locked --dropout 0.2'),
    ('init poem.txt new --epochs 3', f'leave it out, then {START}train new --num-rounds 3'),
    ('init -input_txt poem.txt new', f'{START}init poem.txt new'),
    ('init new --data_dir old', f'{START}init old/input.txt new'),
    ('train -rnn_size 512 -num_layers 2', f'{START}init FILE DIR --state-size 512 --layers 2 (a new run)'),
    ('train -data_dir old -rnn_size 9', f'{START}init old/input.txt workspaces/input --state-size 9'),
    ('train poem.txt new -rnn_size 9', f'{START}init poem.txt new --state-size 9, then {START}train new'),
    ('train poem.txt new', f'{START}init poem.txt new, then {START}train new'),
    ('train poem.txt new --epochs 3', f'{START}init poem.txt new, then {START}train new --num-rounds 3'),
    ('train poem.txt ws', f'{START}train ws'),
    ('train -init_from ws', f'{START}train ws'),
    (
        'train ws --max-length 40',
        f'{START}init FILE DIR --seq-len 40 (a new run), or sethyperparams(seq_len=40){AT_THE_PROMPT}',
    ),
    (
        'train ws --save-every 100',
        'leave it out: a checkpoint comes with each round, and every 10 minutes in a long one',
    ),
    ('generate ws --progress', 'leave it out'),
    ('generate ws --batch-size 3', '--n 3'),
    ('generate ws --return-as-list', '--n 5'),
    ('generate ws --temperature', '--temp 0.5'),
    ('generate ws --temperature -1', '--temp 0.5'),
    ('generate ws --prompt', 'leave it out'),
    ('generate ws --prompt 12', '--prime 12'),
    ('generate ws o.txt', f'{START}generate ws > o.txt'),
    ('generate ws --destination-path o.txt', f'{START}generate ws --numchars 1000 > o.txt'),
    ('generate -checkpoint ws -length 9', f'{START}generate ws --numchars 9'),
    ('generate a b', f'quotes around a path with spaces; {START}generate --help'),
    ('sample ws', f'{START}generate ws'),
    ('sample -checkpoint ws -temperature 0.7', f'{START}generate ws --temp 0.7'),
    ('-checkpoint ws', f'{START}generate ws'),
    ('-temperature 1 -length 9', f'{START}generate ws --temp 1 --numchars 9'),
    ('-data_dir old -rnn_size 512', f'{START}init old/input.txt workspaces/input --state-size 512'),
    ('-rnn_size 64 -num_layers 2', f'{START}init FILE DIR --state-size 64 --layers 2'),
    ('status ws more', f'{START}status ws'),
    ('--qqq', f'{START}--help'),
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the shape of a run, which the words of a command never open, and texts."""
    root = tmp_path_factory.mktemp('shell')
    for name in ('old', 'a b', 'ws/checkpoints', 'ws/dataset'):
        (root / name).mkdir(parents=True)
    for name in ('poem.txt', 'old/input.txt'):
        (root / name).write_text('the cat sat on a mat.\n')
    return root


@pytest.mark.parametrize(('line', 'following'), LINES, ids=[line for line, _ in LINES])
def test_the_words_of_another_program(folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, following: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError) as caught:
        parse(shlex.split(line))
    _, step = caught.value.args
    assert step == following
    assert '...' not in step
    for command in step.split(', then '):  # each is understood as it stands
        words = command.removeprefix(START).partition(' (')[0].partition(' > ')[0]
        if command.startswith(START) and not words.endswith('--help'):
            parse(shlex.split(words))
    if step.startswith('--'):
        kept, _, _ = line.partition(' -')
        parse(shlex.split(f'{kept} {step.partition(" (")[0]}'))


def test_the_words_after_a_command_are_sorted() -> None:
    assert typed_words(['a', '-x', '1', '--y=2', '-z', '-w', '-3', '--', '-b']) == Typed(
        ['a', '-b'], [], [('-x', '1'), ('--y', '2'), ('-z', None), ('-w', '-3')]
    )


def test_a_run_can_be_generated_from_as_advised(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_run('ws').curdir.parent)
    with pytest.raises(UsageError, match='no command') as caught:
        parse(['sample', 'ws', '-length', '9'])
    assert parse(shlex.split(caught.value.args[1].removeprefix(START))).numchars == 9
