"""The commands: ``python -m charrnn init FILE DIR``, ``train``, ``generate``, ...

Results go to the standard output, with ``--json`` as one line of JSON; progress, warnings and errors to the standard
error.  To a file or a pipe, ``generate`` writes the text that was drawn and nothing else: in UTF-8, or as the bytes
that a model of bytes has drawn, without a line end.  At a terminal, and with ``--n``, it shows the text for reading.

Exit status: 0; 1 after an error (fsck has its own statuses); 2 for a command that cannot be understood; 130 after
Ctrl-C; 141 if the reader of the output ended first, as a program has that SIGPIPE ends.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from charrnn.display.progress import Screen
from charrnn.errors import CharRNNError, RankError, fitting, printable
from charrnn.modelstate import ModelState
from charrnn.shell.options import add_options, call, options_of
from charrnn.shell.output import show_json
from charrnn.shell.usage import UsageError, does_not_fit, most_places, no_command, typed_words
from charrnn.shell.verbs import CALLED, INTERRUPTED, VERBS
from charrnn.shell.words import START, Words, quoted
from charrnn.storage.nearby import run_at_hand, text_at_hand, unused
from charrnn.training.launch import rank_here, ranks_started
from charrnn.version import __version__

EXIT_STATUS = """\
exit status: 0; 1 after an error (fsck: 1 damaged, 2 cannot be loaded); 2 for a command that cannot be understood;
130 after Ctrl-C (train saves first); 141 if the reader of the output has ended"""

CLOSED_PIPE = 128 + 13
"""The exit status of a program that SIGPIPE (13) ends."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors end with a next step."""

    example = 'train workspaces/text'

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(fitting(message), file)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError in the place of printing the usage."""
        following = f'{START} {self.example}, or {self.prog} --help'
        if missing := re.search(r'arguments are required: (.*)', message):
            following = f'{self.prog} {places_for(missing[1].split(", "), self.prog)}, or {self.prog} --help'
        if option := re.match(r'argument (--[\w-]+): expected one argument', message):
            following = f"{option[1]}=... (so joined, a value may begin with '-'), or {self.prog} --help"
        raise UsageError(f'{message}.', following)


def places_for(missing: Sequence[str], prog: str) -> str:
    """Return words for the places that a command lacks, and for those before them: of what there is, near at hand."""
    if not prog.endswith((' init', ' sweep')):
        file = text_at_hand() if prog.endswith((' compress', ' score')) else None
        return ' '.join([quoted(run_at_hand() or 'DIR'), *([quoted(file or 'FILE')] * ('FILE' in missing))])
    text = (text_at_hand() if 'FILE' in missing else None) or 'FILE'
    return f'{quoted(text)} {quoted(unused(str(Path("workspaces") / Path(text).stem.replace("FILE", "text"))))}'


def command_line() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of the command line, and of each command."""
    parser = Parser(prog=START, description='Without a command, this opens a Python prompt.', allow_abbrev=False)
    parser.add_argument('--version', action='version', version=f'charrnn {__version__}')
    parser.add_argument(
        '--import',
        dest='modules',
        action='append',
        default=[],
        metavar='MODULE',
        help='import a module of your own first, which registers a model type (charrnn.register)',
    )
    parser.add_argument(
        '--print-completion',
        metavar='SHELL',
        help='write the completion for bash, zsh, ..., for the file that your shell reads (needs the package shtab)',
    )
    commands = parser.add_subparsers(dest='command', required=False, metavar='COMMAND', parser_class=Parser)
    parsers = {}
    for name, verb in VERBS.items():
        each = parsers[name] = commands.add_parser(
            name,
            help=verb.purpose,
            description=f'{verb.purpose[0].upper()}{verb.purpose[1:]}.',
            epilog=EXIT_STATUS,
            allow_abbrev=False,
        )
        each.example = verb.example
        if verb.loads:
            add_options(each, ModelState.load)
        add_options(each, verb.function)
        each.add_argument('--json', action='store_true', help='write the result as JSON, for programs')
    return parser, parsers


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command and its options.

    Raises
    ------
    UsageError    an unknown command or option, or one that lacks its value
    """
    parser, parsers = command_line()
    start = 0
    while start < len(arguments) and arguments[start].partition('=')[0] == '--import':
        start += 1 if '=' in arguments[start] else 2
    words = arguments[start:]
    general = ('-h', '--help', '--version', '--print-completion')
    if words and words[0].partition('=')[0] not in (*parsers, *general):
        at_the_prompt = f'; {words[0]} is for the prompt of {START}' if words[0] in vars(ModelState) else ''
        raise UsageError(*no_command(words, parsers, at_the_prompt))
    if words and words[0] in parsers and not {'-h', '--help'} & {*words}:
        typed = typed_words(words[1:], parsers[words[0]])
        if typed.foreign or len(typed.places) > most_places(words[0]):
            raise UsageError(*does_not_fit(words[0], typed, parsers))
    given = parser.parse_args(arguments)
    if not (given.command or given.print_completion):
        parser.error('the following arguments are required: COMMAND')
    return given


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; return its exit status."""
    if sys.stdout is None:  # closed by the shell: >&-
        sys.stdout = io.StringIO()
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return CLOSED_PIPE
    except OSError as error:  # a full disk, ...: errors of the library are told where they occur
        _drop_output()
        _tell(f'{START}: cannot write the output: {error.strerror or error}.\n  Next: another place for it')
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except UsageError as error:
        what, following = error.args
        _tell(f'{START}: {what}\n  Next: {following}')
        return 2


def _drop_output() -> None:
    """Send what is still to be written nowhere, so that the interpreter can end in silence."""
    with contextlib.suppress(Exception):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # closed by its reader: there is no other place for it
            print(fitting(printable(text), sys.stderr.encoding), file=sys.stderr)


def _warn(text: str) -> None:
    if rank_here() == 0:
        _tell(f'Warning: {text}')


@contextlib.contextmanager
def _in_the_words_of_a_shell(words: Words) -> Iterator[None]:
    """Put next steps, on the screen of a training and in warnings, into the words of a shell while the block runs."""
    before, Screen.to_stderr = Screen.words, True
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *place: _warn(words.remark(str(message)))
        Screen.words = staticmethod(words.message)
        try:
            yield
        finally:
            Screen.words, Screen.to_stderr = staticmethod(before), False


def print_completion(shell: str) -> int:
    """Write the completion of the command line for a shell.

    Raises
    ------
    UsageError    another shell, or shtab is not there
    """
    try:
        shtab = importlib.import_module('shtab')
    except ImportError:
        raise UsageError('--print-completion needs the package shtab.', 'pip install shtab') from None
    if shell not in (known := shtab.SUPPORTED_SHELLS):
        raise UsageError(f'no completion for {shell}.', ' or '.join(f'--print-completion {name}' for name in known))
    parser, _ = command_line()
    parser.prog = 'charrnn'
    print(shtab.complete(parser, shell))
    return 0


def import_modules(names: Sequence[str]) -> None:
    """Import the modules of the user's own that the command line names.

    Raises
    ------
    UsageError    there is no such module
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name.partition('.')[0] and error.name != name:
                raise  # the module is there, and imports one that is not
            meant = name.removesuffix('.py')
            step = f'--import {meant}' if meant != name else 'the folder of the module in PYTHONPATH'
            raise UsageError(f'--import {name}: there is no such module.', step) from None


def _run(arguments: Sequence[str]) -> int:
    given = parse(arguments)
    if given.print_completion:
        return print_completion(given.print_completion)
    words = Words(CALLED, given.dir if 'dir' in given else getattr(given, 'usedir', 'DIR'), given.modules)
    try:
        import_modules(given.modules)
        with _in_the_words_of_a_shell(words):
            return _call(given, words)
    except CharRNNError as error:
        following = f'\n  Next: {words.step(error.next_step)}' if error.next_step else ''
        if not (rank_here() and isinstance(error, RankError)):  # the first rank tells what another one has told
            _tell(f'{type(error).__name__}: {words.options(error.what)}{following}')
        return 1


def _call(given: argparse.Namespace, words: Words) -> int:
    verb = VERBS[given.command]
    if ranks_started() > 1 and not verb.ranks:
        raise UsageError(f'{given.command} is work for one process.', f'{START} {given.command} ..., without torchrun')
    first = [ModelState.load(**options_of(given, ModelState.load))] if verb.loads else []
    found = call(given, verb.function, *first)
    if rank_here() == 0 and given.json:
        show_json(found)
    elif rank_here() == 0 and not getattr(given, 'quiet', False):
        verb.show(found, words.message)
    return verb.status(found)
