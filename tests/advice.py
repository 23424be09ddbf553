"""A user who does what messages advise: next steps are taken apart into acts and typed, at a prompt or a shell."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import os
import re
import shlex
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from conftest import words

import charrnn
from charrnn import ModelState
from charrnn.models import MODELTYPES
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell.commands import command_line, run_command
from charrnn.shell.words import QUOTED, START, closing, ways_of

CALL = re.compile(r'(?:\b[a-z]\w* = )?\b(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*\(')
PAIR = re.compile(r"""\b([a-z]\w*)=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\.\.\.|\{[^{}]*\}|\([^()]*\)|\[[^][]*\]|"""
                  r"""[^\s,;()'"]*[^\s,;()'".:])""")  # fmt: skip
LEAVE = re.compile(r'\bleave (?:out (\w+)|(\w+) out)\b')
LOOK = re.compile(r'\bms(?:\.[a-z]\w*)+\b(?![(=])')
FILLED = {
    'schedule': 'lambda now: 0.01',
    'onreport': 'lambda row: None',
    'samplefilter': 'lambda logits, text: logits',
    'prime': 'text',
}
"""The user's own values for `name=...` in advice."""
OWN = {'blend': 'state', 'decompress': 'ms.compress(text)', 'register': 'Mine', 'loadstate': "'kept.state'"}
"""The user's own argument of a verb; ms of the others."""
TEXTS: dict[str, bytes] = {
    'russian': ('Мельница и река, река и мельница.\n' * 20).encode(),
    'empty': b'',
    'one symbol again': b'a' * 200,
    'no white space': b'abcdefg' * 60,
    'white space': b' \n' * 150,
    '9 characters': b'the cat s',
    '50 characters': words(50).encode(),
    '115 characters': words(115).encode(),
    'not UTF-8': 'déjà vu, été, là-bas '.encode('latin-1') * 4000,
    'a byte order mark': b'\xef\xbb\xbf' + words(400).encode(),
}
"""Odd texts, by what is odd about them."""
WRITES = re.compile(r'initfromsrcfile|load|trainmodel|sethyper|attach|restore|checkpoint|save|register|write|unlink')
"""Lines after which another case needs a fresh copy of the folder."""

BEGINS = re.compile(r'ModelState\.')
"""Lines that the user types in the place of the one that failed."""

Act = tuple[str, str, str]
"""'call' and the line; 'pair', an argument and its value; 'leave' and an argument ('it'); 'look' and an attribute."""


def acts_of(way: str) -> list[Act]:
    """Return what one way of a next step tells a user to do, in order; prose has nothing."""
    found, place = list[Act](), 0
    way = way.replace("'text.txt', with the name of a text of your own", "'poem.txt'")
    while place < len(way):
        call, pair, leave, look, quoted = (form.match(way, place) for form in (CALL, PAIR, LEAVE, LOOK, QUOTED))
        if call and (end := call_end(way, place, call.end() - 1)):
            found.append(('call', way[place:end], ''))
            place = end
            continue
        if pair:
            found.append(('pair', pair[1], pair[2]))
        elif leave:
            found.append(('leave', leave[1] or leave[2], ''))
        elif look:
            found.append(('look', look[0], ''))
        word = pair or leave or look or quoted or re.compile(r'[\w.]+|\W').match(way, place)
        assert word, way
        place = word.end()
    return found


def call_end(text: str, start: int, opening: int) -> int:
    """Return the end of the call that begins at `start`, with the calls of its result; 0 if it is not Python."""
    end = closing(text, opening)
    chained = re.match(r'\.[a-z]\w*\(', text[end:]) if end else None
    return call_end(text, start, end + chained.end() - 1) if chained else end


def call_of(line: str) -> ast.Call:
    """Return the outermost call of a line."""
    return next(node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call))


def verb_of(line: str) -> str:
    """Return the name of the function that a line calls, without what stands before its last dot."""
    return ast.unparse(call_of(line).func).rpartition('.')[2]


def changed(line: str, places: Sequence[str], drop: str, pairs: dict[str, str]) -> str:
    """Return a line whose call has other arguments: one left out, and others given by name."""
    tree = ast.parse(line)
    node = next(node for node in ast.walk(tree) if isinstance(node, ast.Call))
    named = dict(zip(places, node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}
    named.pop(drop, None)
    named |= {name: ast.parse(value, mode='eval').body for name, value in pairs.items()}
    rest = node.args[len(places) :]  # of *states
    node.args = [] if not rest else node.args[: len(places)]
    for place in places:  # positional as long as no gap comes
        if rest or place not in named:
            break
        node.args.append(named.pop(place))
    node.args += rest
    node.keywords = [ast.keyword(name, value) for name, value in named.items()]
    return ast.unparse(tree)


def filled(call: str, own: str) -> str:
    """Return a call with the user's own arguments, as they are typed, in the place of `...`."""
    tree = ast.parse(call)
    for node in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        blanks = [isinstance(arg, ast.Constant) and arg.value is ... for arg in node.args]
        if any(blanks) and verb_of(call) == 'initfromsrcfile':
            mine, given = call_of(f'f({own})'), {k.arg for k in node.keywords}
            rest = [arg for arg, is_blank in zip(node.args, blanks, strict=True) if not is_blank]
            node.args = [*mine.args[: len(mine.args) - len(rest)], *rest]
            node.keywords += [keyword for keyword in mine.keywords if keyword.arg not in given]
        elif any(blanks):
            mine = call_of(f'f({OWN.get(verb_of(call), "ms")})')
            node.args = [mine.args[0] if is_blank else arg for arg, is_blank in zip(node.args, blanks, strict=True)]
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Constant) and keyword.value.value is ... and keyword.arg in FILLED:
                keyword.value = ast.parse(FILLED[keyword.arg], mode='eval').body
    return ast.unparse(tree)


class Desk:
    """A prompt and a shell in a folder with a text and, if the text allows, a run; a fresh copy when it has changed."""

    def __init__(self, root: Path, level: str, text: bytes, **more: str) -> None:
        self.root, self.level, self.text, self.copies = root, level, text, 0
        settings = {'level': repr(level), 'layers': '1', 'state_size': '4', 'device': "'cpu'", 'seq_len': '8', **more}
        self.own = "'poem.txt', 'new', " + ', '.join(f'{name}={value}' for name, value in settings.items())
        self.kept = root / 'kept'
        self.kept.mkdir()
        (self.kept / 'poem.txt').write_bytes(text)
        (self.kept / 'space.json').write_text('{"learnrate": [0.01]}')
        os.chdir(self.kept)
        self.names: dict[str, Any] = {'ModelState': ModelState}
        self.has_run = self.type(f'ms = ModelState.initfromsrcfile({self.own.replace("new", "ws")})') is None
        if self.has_run:
            self.type('ms.trainmodel(batchsize=2, train_len=3, print_every=2)')
            self.type("ms.read(ms.generatestring(8), errors='replace').save('kept.state')")
        self.sit_down()

    def sit_down(self) -> None:
        """Begin again in a fresh copy of the folder."""
        self.put_away()
        os.chdir(self.root)
        if self.copies:
            shutil.rmtree(self.root / f'{self.copies}', ignore_errors=True)
        self.copies += 1
        shutil.copytree(self.kept, self.root / f'{self.copies}')
        os.chdir(self.root / f'{self.copies}')
        text = self.text.decode('utf-8', 'replace')
        lines = text.splitlines()
        self.names |= {name: getattr(charrnn, name) for name in charrnn.__all__}
        self.names |= {
            'Path': Path,
            'np': np,
            'status': status,
            'fsck': fsck,
            'charrnn': charrnn,
            'Mine': type('Mine', (MODELTYPES['GRU'],), {}),
        }
        self.names |= {
            'text': text,
            'lines': lines,
            'texts': lines,
            'data': self.text,
            'n': 2,
            'file': Path('poem.txt').open('rb'),  # noqa: SIM115  put_away closes it
        }
        if self.has_run:
            ms = self.names['ms'] = ModelState.load('ws', device='cpu')
            ms.attach(onreport=lambda row: None)
            self.names |= {'state': ms.read(text[:8], errors='replace'), 'states': [ms, ms]}

    def put_away(self) -> None:
        """Forget the user's names, so that a run has no owner in this process."""
        if file := self.names.get('file'):
            file.close()
        self.names.clear()

    def type(self, line: str) -> Exception | None:
        """Type a line at the prompt; return its error."""
        before, sys.displayhook = sys.displayhook, lambda value: None if value is None else print(repr(value))
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            try:
                exec(compile(line, '<prompt>', 'single'), self.names)
            except Exception as error:
                return error
            finally:
                sys.displayhook = before
        return None

    def places_of(self, line: str) -> list[str]:
        """Return the names of the arguments of a line's call that may stand without a name."""
        node = call_of(line)
        try:
            parameters = list(inspect.signature(eval(ast.unparse(node.func), self.names)).parameters.values())
        except Exception:  # not a function of this library
            return []
        places = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
        return places[1:] if places[:1] == ['ms'] and ast.unparse(node.func).startswith('ms.') else places

    def lines_for(self, case: str, culprit: str, is_unknown: bool, acts: Sequence[Act]) -> list[str]:
        """Return what to type for the acts of a way: its calls, and the user's own call, as the way changes it."""
        places, verb = self.places_of(case), verb_of(case)
        pairs = {name: value for kind, name, value in acts if kind == 'pair'}
        left = [culprit if name == 'it' else name for kind, name, _ in acts if kind == 'leave']
        lines, redone, again, instead = list[str](), False, False, False
        for kind, text, _ in acts:
            if kind == 'look':
                lines.append(text)
            elif kind == 'call':
                call = filled(text, self.own)
                redone |= verb_of(call) == verb
                lines.append(call)
                again |= bool(WRITES.search(call))
                instead |= bool(BEGINS.match(call))
            elif not redone:  # the first argument to change
                line = changed(case, places, culprit if is_unknown else '', pairs)
                for name in left:
                    line = changed(line, places, name, {})
                lines.append(line)
                redone = True
        if (
            again and not instead and not redone and not is_unknown
        ):  # once something has changed, the user's own call works
            lines.append(case)
        return lines


SHELL_NAMES = {'FILE': 'poem.txt', 'DIR': 'ws', 'MODULE': 'string'}


def shell(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command in this process; return its exit status and what it wrote to the terminal."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        try:
            return run_command(arguments), err.getvalue()
        except SystemExit as error:
            return int(error.code or 0), err.getvalue()


def flags_of(parsers: Mapping[str, Any]) -> set[str]:
    """Return the options of all commands that take no value."""
    return {option for each in parsers.values() for a in each._actions if a.nargs == 0 for option in a.option_strings}


def shell_lines(step: str, typed: Sequence[str], culprit: str) -> list[list[list[str]]]:
    """Return the commands that each way of a next step at a shell gives: whole ones, and the typed one, changed."""
    flags, found = flags_of(command_line()[1]), list[list[list[str]]]()
    for way in ways_of(step):
        before, start, after = way.partition(START)
        if 'at the Python prompt' in way or '...' in way:
            continue
        place = re.match(r'(\S+) as (FILE|DIR)\b', way)
        own = list(typed)
        if place:
            own[1 if (place[2] == 'FILE') == (own[0] in ('init', 'sweep')) else 2] = place[1]
        leaves = re.search(r'\bleave \S+ out', before)
        before = re.sub(r'\bleave \S+ out', '', before)
        options = [] if start else options_in(split(before), flags)
        if culprit in own and (options or leaves):
            at = own.index(culprit)
            del own[at : at + (1 if culprit in flags else 2)]
        lines = [[*own, *options]] if options or leaves or place else []
        if start:
            words = split(after)
            size = 1 + (2 if words[0] in ('init', 'sweep', 'compress', 'decompress') else 1)
            rest = words[size:]
            end = next((at for at, word in enumerate(rest) if re.match(r'\(\w', word)), len(rest))
            names = SHELL_NAMES | ({'DIR': 'new'} if words[0] in ('init', 'sweep') else {})
            lines.append([*(names.get(word, word) for word in words[:size]), *options_in(rest[:end], flags)])
        found += [lines] if lines else []
    return found


def split(text: str) -> list[str]:
    """Return the words of a shell in a text, $'...' among them."""
    escaped = re.compile(r"\$'((?:[^'\\]|\\.)*)'")
    return shlex.split(escaped.sub(lambda word: shlex.quote(word[1].encode().decode('unicode_escape')), text))


def options_in(words: Sequence[str], flags: set[str]) -> list[str]:
    """Return the options among words, each with its value."""
    found, at = list[str](), 0
    while at < len(words):
        size = 2 if words[at].startswith('--') and words[at] not in flags else 1
        found += words[at : at + size] if words[at].startswith('--') else []
        at += size
    return found
