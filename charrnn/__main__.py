"""Open a prompt with every public name (``python -m charrnn``), or run one command (``python -m charrnn train DIR``).

The options of a command are the arguments of the method that it calls, with the same names and defaults:
``--num-rounds`` is ``num_rounds``.  ``fsck DIR`` and ``status DIR`` only read.
"""

from __future__ import annotations

import argparse
import inspect
import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

import charrnn
from charrnn import *  # noqa: F403  the prompt offers these names
from charrnn import CharRNNError, ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status

BANNER = f"""charrnn {charrnn.__version__}
  ms = ModelState.initfromsrcfile('text.txt', 'workspaces/text')   begin a run
  ms.trainmodel(num_rounds=3)                                      train it; Ctrl-C stops and saves
  generatestring(ms, temp=0.5)                                     draw text from it
  ms = ModelState.load('workspaces/text')                          open it another day
  help(ModelState) lists everything else.
"""


def add_options(parser: argparse.ArgumentParser, method: Callable[..., Any]) -> None:
    """Add to `parser` one option for each argument of `method` that has a default."""
    for p in inspect.signature(method).parameters.values():
        if p.default is p.empty:
            continue
        option = f'--{p.name.replace("_", "-")}'
        if isinstance(p.default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=p.default)
            continue
        kind = method.__annotations__.get(p.name, type(p.default).__name__)  # annotations are text here: 'int | None'
        parse = {'int': int, 'float': float}.get(kind.split(' ')[0], str)
        parser.add_argument(option, type=parse, default=p.default, metavar='N' if parse is not str else 'TEXT')


def options_of(given: argparse.Namespace, method: Callable[..., Any]) -> dict[str, Any]:
    """Return the values of the options that ``add_options`` added for `method`."""
    return {name: value for name, value in vars(given).items() if name in inspect.signature(method).parameters}


def command_line() -> argparse.ArgumentParser:
    """Return the parser of ``python -m charrnn COMMAND``."""
    defaults = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(
        prog='python -m charrnn', description='Without a command, this opens a Python prompt.'
    )
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    begin = commands.add_parser('init', help='begin a run on a text file', formatter_class=defaults)
    begin.add_argument('srcfile', metavar='FILE')
    begin.add_argument('usedir', metavar='DIR')
    add_options(begin, ModelState.initfromsrcfile)
    train = commands.add_parser('train', help='train the run in a directory', formatter_class=defaults)
    train.add_argument('dir', metavar='DIR')
    add_options(train, ModelState.trainmodel)
    draw = commands.add_parser('generate', help='draw text from the run in a directory', formatter_class=defaults)
    draw.add_argument('dir', metavar='DIR')
    add_options(draw, ModelState.generatestring)
    for name, what in (('status', 'print one screen about a run'), ('fsck', 'verify every byte of a run')):
        look = commands.add_parser(name, help=f'{what}; reads only, and works while another process trains it')
        look.add_argument('dir', metavar='DIR')
    for command in (train, draw):
        command.add_argument('--device', default='auto', metavar='TEXT')
    return parser


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; return 0, 1 for a CharRNNError (fsck has its own statuses), or 130 after Ctrl-C."""
    given = command_line().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='backslashreplace')  # a terminal may lack characters of the text
    try:
        if given.command == 'init':
            print(ModelState.initfromsrcfile(**options_of(given, ModelState.initfromsrcfile)))
            return 0
        if given.command == 'status':
            print(status(given.dir))
            return 0
        if given.command == 'fsck':
            inspection = fsck(given.dir)
            print(inspection)
            return inspection.status
        ms = ModelState.load(given.dir, device=given.device)
        if given.command == 'train':
            return 130 if ms.trainmodel(**options_of(given, ModelState.trainmodel)).interrupted else 0
        found = ms.generatestring(**options_of(given, ModelState.generatestring))
        for text in [found] if isinstance(found, str) else found:
            print(text)
        return 0
    except CharRNNError as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def open_prompt(names: dict[str, Any]) -> None:
    """Open a prompt with `names`: IPython if it is installed, else Python's own with completion."""
    try:
        from IPython import start_ipython  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        import code

        try:
            import readline
            import rlcompleter

            readline.set_completer(rlcompleter.Completer(names).complete)
            readline.parse_and_bind('tab: complete')
        except ImportError:  # a Python built without readline
            pass
        code.interact(banner=BANNER, local=names, exitmsg='')
    else:
        print(BANNER)
        start_ipython(argv=['--no-banner', '--no-confirm-exit'], user_ns=names)


if __name__ == '__main__':
    if len(sys.argv) > 1:
        sys.exit(run_command(sys.argv[1:]))
    if sys.flags.inspect:  # python -i opens a prompt with the names of this file after it has run
        print(BANNER)
    else:
        open_prompt({name: getattr(charrnn, name) for name in charrnn.__all__})
