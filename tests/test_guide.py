"""The guide: every block of docs/guide/ runs, from the first of a page to its last, in a folder with one text.

A block is one of three kinds. `python` with `>>>` is typed at a prompt, line by line; without, it is a file, whose name
stands in its first line. `sh` is run. `text` is what a screen shows, and the commands of other programs.
"""

from __future__ import annotations

import codeop
import re
import shlex
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from conftest import words

import charrnn
from charrnn.shell.commands import run_command

DOCS = Path(charrnn.__file__).parents[1] / 'docs'
PAGES = sorted((DOCS / 'guide').glob('*.md'))
FENCE = re.compile(r'^```([^\n]*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
TINY = (
    (r'\b(minutes[= ])[\d.]+', r'\g<1>0.002'),
    (r'\b(state[-_]size[= ])\d+', r'\g<1>16'),
    (r'\b(train_len[= ])\d{3,}', r'\g<1>5'),
    (r'\b(num_rounds[= ])\d{2,}', r'\g<1>3'),
    (r'40_000', '4_000'),
    (r'\[64, 128\]', '[4, 8]'),
    (r'\btrials=1\d', 'trials=5'),
)
"""The words of a page that take time, and what the test runs in their place."""


class Block(NamedTuple):
    """A block of a page: the language of its fence, its text, and its line."""

    language: str
    text: str
    line: int


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page."""
    return [Block(found[1], found[2], page.count('\n', 0, found.start()) + 2) for found in FENCE.finditer(page)]


def typed(text: str) -> Iterator[tuple[int, str]]:
    """Yield the statements of a block with `>>>`, each with its line in the block.

    >>> list(typed('>>> def f(x):\\n...     return x\\n>>> f(1)\\n'))
    [(0, 'def f(x):\\n    return x\\n'), (2, 'f(1)\\n')]
    """
    waiting: list[str] = []
    for number, line in enumerate([*text.splitlines(), '>>> ']):
        if line.startswith('>>> ') and waiting:
            yield number - len(waiting), '\n'.join(waiting) + '\n'
            waiting = []
        assert line[:4] in ('>>> ', '... ', '...'), f'{line!r} is neither typed nor in a block of its own'
        waiting.append(line[4:])


def run_block(block: Block, names: dict[str, Any], page: str) -> None:
    """Do what a reader does with a block of a page."""
    text = block.text
    for found, tiny in TINY:
        text = re.sub(found, tiny, text)
    if block.language == 'sh':
        for line in text.splitlines():
            command = shlex.split(line, comments=True)
            if command[:3] == ['python', '-m', 'charrnn']:  # in this process, because torch takes seconds to import
                assert run_command(command[3:]) == 0, line
            else:
                subprocess.run(line, shell=True, check=True, timeout=20)
    elif block.language == 'python' and not text.startswith('>>> '):
        name = re.match(r'# (\w+\.py)\n', text)
        assert name, f'{page}:{block.line}: a file begins with its name in a comment'
        Path(name[1]).write_text(text, encoding='utf-8')
    elif block.language == 'python':
        for number, statement in typed(text):
            where = f'{page}:{block.line + number}'
            code = codeop.compile_command(statement, where, 'single')
            assert code is not None, f'{where}: unfinished'
            exec(code, names)


@pytest.mark.filterwarnings('ignore:this run has .* attached')
@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_the_guide_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv('MPLBACKEND', 'agg')
    text = f'The {string.printable}{words(9000)}'.replace('.\n', '.\nTo the ')
    Path('shakespeare.txt').write_text(text, encoding='utf-8', newline='')
    before = set(sys.modules)
    names: dict[str, Any] = {'__name__': '__main__'}
    with torch.random.fork_rng(devices=[]):  # a reader's own modules of torch draw their weights
        for block in blocks_of(page.read_text(encoding='utf-8')):
            run_block(block, names, page.name)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], '__file__', '')).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize('page', [DOCS / 'README.md', *PAGES], ids=lambda page: page.stem)
def test_every_block_is_of_a_known_kind(page: Path) -> None:
    text = page.read_text(encoding='utf-8')
    assert {block.language for block in blocks_of(text)} <= {'python', 'sh', 'text'}
    assert text.count('```') == 2 * len(blocks_of(text)), 'a fence that no block ends'


def test_a_wrong_block_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for wrong in (
        '```python\n>>> 1 +\n```\n',
        '```python\n>>> nothing\n```\n',
        '```sh\nexit 3\n```\n',
        '```python\n1\n```\n',
    ):
        with pytest.raises((SyntaxError, NameError, AssertionError, subprocess.CalledProcessError)):
            run_block(blocks_of(wrong)[0], {}, 'page')
