"""Next steps in Python become what is typed at a shell."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.shell.commands import command_line
from charrnn.shell.verbs import CALLED
from charrnn.shell.words import AT_THE_PROMPT, Words, calls_in, quoted

WORDS = Words(CALLED, 'ws')
PARSER, _ = command_line()


@pytest.mark.parametrize(
    ('python', 'shell'),
    [
        ('ms.trainmodel()', 'python -m charrnn train ws'),
        ('ms.newcheckpoint()', 'python -m charrnn train ws, which goes on from the newest checkpoint'),
        ('ms.trainmodel(20)', 'python -m charrnn train ws --num-rounds 20'),
        ('ms.trainmodel() goes on from here', 'python -m charrnn train ws goes on from here'),
        ('ms.trainmodel(clear_state=True)', 'python -m charrnn train ws --clear-state'),
        ('ms.trainmodel(clear_state=False)', 'python -m charrnn train ws --no-clear-state'),
        ("generatestring(ms, 20, prime='a b')", "python -m charrnn generate ws --numchars 20 --prime 'a b'"),
        ('generatestring(ms, temp=0.5)', 'python -m charrnn generate ws --temp 0.5'),
        ('generatestring(ms, temp=...)', 'python -m charrnn generate ws --temp ...'),
        ("ms = ModelState.load('my run')", "python -m charrnn train 'my run'"),
        ("ModelState.load('r', device='cpu') here", 'python -m charrnn train r --device cpu here'),
        ("ModelState.initfromsrcfile('a b.txt', 'r', seq_len=9)", "python -m charrnn init 'a b.txt' r --seq-len 9"),
        ('ModelState.initfromsrcfile(..., layers=3)', 'python -m charrnn init FILE ws --layers 3'),
        ("errors='replace' reads it as <unk>.", '--errors replace reads it as <unk>.'),
        ("ms.chars shows them; errors='replace' reads it as <unk>.", '--errors replace reads it as <unk>.'),
        ('batchsize=1, or sethyperparams(seq_len=2)', '--batchsize 1'),
        ("ModelState.load('a or b'), or ms.restore()", "python -m charrnn train 'a or b'"),
        ("ms.trainmodel() with valid_len=0, or ms.restore('last')", 'python -m charrnn train ws with --valid-len 0'),
        ("level='char', 'byte' or 'word'", '--level char, byte or word'),
        ("encoding='utf-8', 'cp1251', ...; level='byte'", '--encoding utf-8, cp1251, ...; --level byte'),
        ("ModelState.initfromsrcfile(..., 'r') begins it", 'python -m charrnn init FILE r begins it'),
        (
            "ms.restore() or ms.restore('best'), then a smaller learnrate or clip in a new run",
            f"restore() or restore('best'), then a smaller learnrate or clip in a new run{AT_THE_PROMPT}",
        ),
        ("compare(ModelState.load('a'), ms)", f"compare(load('a'), ms){AT_THE_PROMPT}"),
        ('check the path or its permissions; another disk', 'check the path or its permissions; another disk'),
        ("ms.restore() or ms.restore('best')", f"restore() or restore('best'){AT_THE_PROMPT}"),
        ('ms.attached, then ms.reattach()', f'attached, then reattach(){AT_THE_PROMPT}'),
        ("prime='\\n', or leave it out", "--prime $'\\n', or leave it out"),
        ('learnrate=0.001 (RMSProp step size, now 0.001)', '--learnrate 0.001 (RMSProp step size, now 0.001)'),
        ('num_rounds=3.', '--num-rounds 3.'),
        ('learnrate=...', '--learnrate ...'),
        ('make room, or check the permissions', 'make room, or check the permissions'),
        ('generatestring(ms, prime=", unfinished', 'generatestring(ms, prime=", unfinished'),
        ("encoding='utf-16' (it begins so)", '--encoding utf-16 (it begins so)'),
    ],
)
def test_steps(python: str, shell: str) -> None:
    assert WORDS.step(python) == shell


def test_only_what_follows_next_is_a_step_and_samples_stay_as_they_are() -> None:
    text = 'saved  x=1 ms.y  Next: ms.trainmodel()\n  │ Next: ms.trainmodel() temp=1\n1 │ Next: ms.x\nseed=3'
    assert WORDS.message(text) == text.replace('Next: ms.trainmodel()\n', 'Next: python -m charrnn train ws\n').replace(
        'Next: ms.x', f'Next: x{AT_THE_PROMPT}'
    )


@given(st.text(), st.floats(0, 1e6), st.booleans())
def test_a_command_is_parsed_to_the_values_of_the_call(prime: str, temp: float, clear: bool) -> None:
    line = WORDS.step(f'generatestring(ms, prime={prime!r}, temp={temp!r})').removeprefix('python -m charrnn ')
    if prime.isprintable() and not prime.startswith('-'):
        given = PARSER.parse_args(shlex.split(line))
        assert (given.prime, given.temp, given.dir) == (prime, temp, 'ws')
    line = WORDS.step(f'ms.trainmodel(clear_state={clear})').removeprefix('python -m charrnn ')
    assert PARSER.parse_args(line.split()).clear_state is clear


def steps_of_the_package() -> Iterator[str]:
    """Yield each next step that the package's source has, with X in the place of each value."""
    for path in Path(charrnn.__file__).parent.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith('Error') and len(node.args) == 2:
                values = getattr(node.args[1], 'values', [node.args[1]])
                yield ''.join(str(v.value) if isinstance(v, ast.Constant) else "'X'" for v in values)


def test_no_step_of_the_package_needs_a_model_state_at_a_shell() -> None:
    steps = list(steps_of_the_package())
    assert len(steps) > 60
    for step in steps:
        shown = WORDS.step(step)
        assert not re.search(r'\b(ms|ModelState)\.[a-z]', shown), step
        python = ' '.join(step[call.start() : close] for call, close in calls_in(step))
        for name, value in re.findall(r"\b([a-z_]+)=('[^']*'|\w+)", step):
            assert name not in WORDS.names or f'{name}={value}' in python or f'{name}={value}' not in shown, step


@given(st.text())
def test_any_text_is_translated(text: str) -> None:
    assert isinstance(WORDS.message(f'Next: {text}ms.trainmodel({text}'), str) and isinstance(quoted(text), str)
