"""The options of a command, made from the arguments of the method that it calls, and explained by its docstring."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

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


def add_options(parser: argparse.ArgumentParser, method: Callable[..., Any]) -> None:
    """Add to `parser` an option for each argument of `method` that has a default, and a place for each other one.

    An option that is not typed is not in the result, so that `method` can tell its default from the same value typed.
    """
    meaning = meanings(method)
    for p in inspect.signature(method).parameters.values():
        explained = meaning.get(p.name, '').replace('%', '%%')
        if p.default is p.empty:
            if p.name != 'ms' and p.kind is not p.VAR_KEYWORD:
                parser.add_argument(p.name, metavar=PLACES.get(p.name, 'DIR'), help=explained)
            continue
        if p.name in AT_THE_PROMPT or 'Mapping' in str(method.__annotations__.get(p.name, '')):
            continue  # no word of a shell is a mapping
        if p.default is not None:
            explained += f' (default: {p.default})'
        if isinstance(p.default, bool):
            parser.add_argument(
                spelled(p.name), action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=explained
            )
            continue
        kind = method.__annotations__.get(p.name, type(p.default).__name__)  # annotations are text here: 'int | None'
        is_text = kind.split(' ')[0] not in ('int', 'float')
        parser.add_argument(
            spelled(p.name),
            type=str if is_text else number,
            default=argparse.SUPPRESS,
            metavar='TEXT' if is_text else 'N',
            help=explained,
        )


AT_THE_PROMPT = ('background',)
"""Arguments that do nothing in a process that ends with its command."""
PLACES = {'srcfile': 'FILE', 'file': 'FILE'}
"""The name of an argument's place, where it is not a directory."""


def options_of(given: argparse.Namespace, method: Callable[..., Any]) -> dict[str, Any]:
    """Return the values of the arguments that ``add_options`` added for `method`."""
    return {name: value for name, value in vars(given).items() if name in inspect.signature(method).parameters}
