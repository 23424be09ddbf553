"""The words of a shell: next steps that are Python, written as what to type at a shell.

A call of a method that a command calls becomes the command, ``name=value`` becomes ``--name value``.  A step that only
Python has is named without its ModelState, and the prompt beside it; if a step has another way, it is left out.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from charrnn.models import IMPORT_IT
from charrnn.shell.options import PLACES, spelled

START = 'python -m charrnn'
CALL = re.compile(r'(?:\bms = )?(?:\b(?:ModelState|ms)\.)?\b([a-z]\w*)\(')
PAIR = re.compile(
    r"""\b([a-z]\w*)=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\.\.\.|[^\s,;()'"]*[^\s,;()'".:])"""
    r"""((?:(?:, | or )(?:'[\w.:-]*'|\.\.\.))*)"""
)
"""An argument and its value, with other values for it: ``level='char', 'byte' or 'word'``."""
ATTRIBUTE = re.compile(r'\b(?:ms|ModelState)\.(?=[a-z])')
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
UNLINK = re.compile(rf'Path\(({QUOTED.pattern})\)\.unlink\(\)')
WRITE = re.compile(rf"open\(({QUOTED.pattern}), 'w', encoding='utf-8'\)\.write\((ms\.generatestring\(\d*\))\)")
SEPARATOR = re.compile(r'; |,? or ')
LOAD_FIRST = re.compile(rf'ms = ModelState\.load\(({QUOTED.pattern})\), then ')
"""The load before a step of a run: a command loads its run itself."""
LEAVE = re.compile(r'\bleave (\w+) out\b')
BETWEEN = re.compile(r',(?= --\w)')
"""The comma between two arguments, which are two options."""
AT_THE_PROMPT = f'  (at the Python prompt: {START})'

Commands = Mapping[str, tuple[str, Callable[..., Any]]]
"""For the name of a method: the command that calls it, and the method."""


class Words:
    """A translation of messages into the words of a shell.

    Parameters
    ----------
    commands : mapping    of the names of methods to commands
    dir : str             the working directory that the present command was given
    modules : sequence    the modules that it was told to import
    """

    def __init__(self, commands: Commands, dir: str = 'DIR', modules: Sequence[str] = ()) -> None:
        self.commands, self.dir = commands, dir
        self.start = ' '.join([START, *(f'--import {quoted(module)}' for module in modules)])
        self.names = {name for _, method in commands.values() for name in inspect.signature(method).parameters}

    def step(self, text: str) -> str:
        """Return a next step in the words of a shell."""
        if text.startswith(IMPORT_IT):
            following = self.step(text.removeprefix(f'{IMPORT_IT}, then '))
            return f'{following.replace(self.start, f"{self.start} --import MODULE", 1)}, where MODULE registers it'
        if load := LOAD_FIRST.match(text):
            rest = text[load.end() :]
            there = Words(self.commands, ast.literal_eval(load[1]))
            there.start = self.start
            following = there.step(rest)
            return text + AT_THE_PROMPT if following.endswith(AT_THE_PROMPT) else following
        ways = [self._way(way) for way in ways_of(text)]
        kept = [way for way in ways if not way.endswith(AT_THE_PROMPT)]
        is_enough = kept and len(kept) < len(ways) and all('--' in way or START in way for way in kept)
        return ' or '.join(kept) if is_enough else self._way(text)

    def message(self, text: str) -> str:
        """Return a message with `name=value` as options, and what follows ``Next: `` as a step for a shell."""
        lines = []
        for line in text.split('\n'):
            what, following, step = line.partition('Next: ')
            if line.lstrip().startswith('│'):  # the text of a sample
                lines.append(line)
            else:
                lines.append(what + (following and following + self.step(step)))
        return '\n'.join(lines)

    def remark(self, text: str) -> str:
        """Return one line, as a warning has it, with `name=value` as options also before ``Next: ``."""
        what, following, step = text.partition('Next: ')
        return self.options(what) + (following and following + self.step(step))

    def options(self, text: str) -> str:
        """Return a text with each ``name=value`` of an argument as an option."""

        def option(pair: re.Match[str]) -> str:
            return self._option(pair[1], pair[2]) + pair[3].replace("'", '') if pair[1] in self.names else pair[0]

        text = LEAVE.sub(lambda leave: f'leave {self._name(leave[1])} out', text)
        return BETWEEN.sub('', PAIR.sub(option, text))

    def _name(self, name: str) -> str:
        return spelled(name) if name in self.names else name

    def _option(self, name: str, value: str) -> str:
        try:
            return option_of(name, ast.literal_eval(value))
        except (SyntaxError, ValueError):
            return option_of(name, value)

    def _way(self, text: str) -> str:
        """Return one way of a step; a way that only Python has ends with AT_THE_PROMPT."""
        if text == 'ms.newcheckpoint()':  # the process has ended, and what was not saved with it
            return f'{self.start} train {quoted(self.dir)}, which goes on from the newest checkpoint'
        text = UNLINK.sub(lambda call: f'rm {plain(call[1])}', text)
        text = WRITE.sub(lambda call: f'{call[2]} > {plain(call[1])}', text)
        parts, end, is_python = list[str](), 0, False
        for call, close in calls_in(text):
            between, python = text[end : call.start()], text[call.start(1) : close]
            command = self._command(call[1], python)
            is_python |= not command or bool(ATTRIBUTE.search(between))
            parts += [ATTRIBUTE.sub('', self.options(between)), command or ATTRIBUTE.sub('', python)]
            end = close
        rest = text[end:]
        is_python |= bool(ATTRIBUTE.search(rest))
        return ''.join([*parts, ATTRIBUTE.sub('', self.options(rest))]) + (AT_THE_PROMPT if is_python else '')

    def _command(self, name: str, call: str) -> str:
        """Return the command for a call, or nothing."""
        if name not in self.commands:
            return ''
        command, method = self.commands[name]
        tree = ast.parse(call, mode='eval').body
        if not isinstance(tree, ast.Call):
            return ''
        free = [p for p in inspect.signature(method).parameters.values() if p.kind is not p.VAR_KEYWORD]
        given = [node for node in tree.args if not (isinstance(node, ast.Name) and node.id == 'ms')]
        names = [p.name for p in free if p.name != 'ms']
        known = {name: value for name, value in zip(names, map(ast.unparse, given), strict=False) if value != '...'}
        known |= {k.arg: ast.unparse(k.value) for k in tree.keywords if k.arg}
        blanks = {p.name: PLACES.get(p.name) or quoted(self.dir) for p in free if p.default is p.empty}
        places = [plain(known.pop(name, '')) or blank for name, blank in blanks.items()]
        return ' '.join([self.start, command, *places, *(self._option(*pair) for pair in known.items())])


def option_of(name: str, value: object) -> str:
    """Return an argument and its value as an option: ``--temp 0.5``, ``--no-quiet``; ``run as DIR`` for a place."""
    if name in ('srcfile', 'usedir', 'dir', 'file'):
        return f'{quoted("..." if value is ... else str(value))} as {PLACES.get(name, "DIR")}'
    if isinstance(value, bool):
        return spelled(name) if value else f'--no-{name.replace("_", "-")}'
    return f'{spelled(name)} {quoted("..." if value is ... else str(value))}'


def plain(value: str) -> str:
    """Return a value of Python as a word of a shell."""
    try:
        return quoted(str(ast.literal_eval(value))) if value else ''
    except (SyntaxError, ValueError):
        return quoted(value)


def quoted(word: str) -> str:
    """Return a word as a shell reads it, line breaks and other control characters spelled out."""
    if word.isprintable():
        return word if word == '...' else shlex.quote(word)
    return f"$'{word.encode('unicode_escape').decode()}'"


def calls_in(text: str) -> list[tuple[re.Match[str], int]]:
    """Return the calls in a text that are Python, each with its end; calls inside other calls are left out."""
    found: list[tuple[re.Match[str], int]] = []
    for call in CALL.finditer(text):
        if (not found or call.start() >= found[-1][1]) and (close := closing(text, call.end() - 1)):
            found.append((call, close))
    return found


def ways_of(text: str) -> list[str]:
    """Return the alternatives of a step, which ';' or 'or' separates outside calls and quotes."""
    spans = [(call.start(), close) for call, close in calls_in(text)] + [m.span() for m in QUOTED.finditer(text)]
    ways, start = [], 0
    for separator in SEPARATOR.finditer(text):
        if not any(begin < separator.end() and separator.start() < end for begin, end in spans):
            ways.append(text[start : separator.start()])
            start = separator.end()
    return [*ways, text[start:]]


def closing(text: str, start: int) -> int:
    """Return the place after the parenthesis that closes the one at `start`; 0 if the call is not Python."""
    for end in (m.end() for m in re.finditer(r'\)', text[start:])):
        try:
            ast.parse(f'f{text[start : start + end]}', mode='eval')
        except (SyntaxError, ValueError):
            continue
        return start + end
    return 0
