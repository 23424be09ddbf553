"""The options of a command, made from the arguments of the method that it calls, and explained by its docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from charrnn.hyperparams import HyperParams

ROW = re.compile(r'(\w+)(?: : .*?)?  +(\S.*)')
"""A row of a Parameters section, ``name : type    meaning``; lines that are indented go on with it."""


def meanings(function: Callable[..., Any]) -> dict[str, str]:
    """Return the meaning of each argument: from the Parameters section of a docstring, or of a hyperparameter."""
    found = {f.name: str(f.metadata['meaning']) for f in fields(HyperParams)}
    _, _, section = (inspect.getdoc(function) or '').partition('Parameters\n----------\n')
    name = ''
    for line in section.split('\n\n')[0].splitlines():
        if row := ROW.fullmatch(line):
            name = row[1]
            found[name] = row[2]
        elif name:
            found[name] += f' {line.strip()}'
    return found


def spelled(name: str) -> str:
    """Return the option for an argument: --num-rounds for num_rounds."""
    return f'--{name.replace("_", "-")}'


def number(text: str) -> int | float | str:
    """Return the number that a text spells; else the text, which the method itself refuses, with a next step."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def with_escapes(text: str) -> str:
    r"""Return a text with \n, \r and \t for what they stand for: in quotes, a shell hands on the two characters.

    >>> with_escapes('a\\nb')
    'a\nb'
    """
    return re.sub(r'\\([nrt])', lambda found: {'n': '\n', 'r': '\r', 't': '\t'}[found[1]], text)


def add_options(parser: argparse.ArgumentParser, method: Callable[..., Any]) -> None:
    """Add to `parser` an option for each argument of `method` that has a default, and a place for each other one.

    An option that is not typed is not in the result, so that `method` can tell its default from the same value typed.
    """
    meaning, kinds = meanings(method), get_type_hints(inspect.unwrap(method))
    for p in inspect.signature(method).parameters.values():
        explained = meaning.get(p.name, '').replace('%', '%%')
        if p.default is p.empty:
            if p.name != 'ms' and p.kind is not p.VAR_KEYWORD:
                several = '+' if p.kind is p.VAR_POSITIONAL else None
                parser.add_argument(p.name, metavar=PLACES.get(p.name, 'DIR'), help=explained, nargs=several)
            continue
        kind = members_of(kinds.get(p.name, type(p.default)))
        if p.name in AT_THE_PROMPT or Mapping in kind:
            continue  # no word of a shell is a mapping
        if p.default is not None:
            explained += f' (default: {p.default})'
        if isinstance(p.default, bool):
            parser.add_argument(
                spelled(p.name), action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=explained
            )
            continue
        is_text = not {int, float} & kind
        parser.add_argument(
            spelled(p.name),
            type=with_escapes if p.name in ESCAPED else str if is_text else number,
            default=argparse.SUPPRESS,
            metavar='TEXT' if is_text else 'N',
            help=explained,
        )


def members_of(kind: Any) -> set[Any]:
    """Return the types of an annotation: of a union its members, without their parameters.

    >>> members_of(int | None) == {int, type(None)}, members_of(Mapping[str, float]) == {Mapping}
    (True, True)
    """
    if get_origin(kind) in (Union, UnionType):
        return {member for each in get_args(kind) for member in members_of(each)}
    return {get_origin(kind) or kind}


AT_THE_PROMPT = ('background',)
"""Arguments that do nothing in a process that ends with its command."""
ESCAPED = ('joiner', 'stop')
"""Arguments that often hold a line break."""
PLACES = {'srcfile': 'FILE', 'file': 'FILE', 'text': 'FILE', 'folder': 'FOLDER'}
"""The name of an argument's place, where it is not a directory."""


def options_of(given: argparse.Namespace, method: Callable[..., Any]) -> dict[str, Any]:
    """Return the values of the arguments that ``add_options`` added for `method`."""
    return {name: value for name, value in vars(given).items() if name in inspect.signature(method).parameters}


def call(given: argparse.Namespace, method: Callable[..., Any], *first: object) -> Any:
    """Return what `method` returns for the values of its arguments, the places of a list one by one."""
    options = options_of(given, method)
    several = [p.name for p in inspect.signature(method).parameters.values() if p.kind is p.VAR_POSITIONAL]
    places = [place for name in several for place in options.pop(name)]
    return method(*first, *places, **options)
