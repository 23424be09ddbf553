"""The advice for a command line that does not fit: options of other programs, too many places, or no command.

The step is a whole command where the words typed stand for another one than the command that was named.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.hyperparams import CHANGEABLE, valid
from charrnn.models import modeltype_named
from charrnn.names import ATTRIBUTES, NEEDED, NO_ARGUMENT, is_false, plain, unknown_name
from charrnn.shell.options import number, spelled
from charrnn.shell.verbs import CALLED, VERBS
from charrnn.shell.words import AT_THE_PROMPT, START, Words, option_of, quoted
from charrnn.storage.nearby import is_run, run_at_hand, unused

Parsers = Mapping[str, argparse.ArgumentParser]
PLACE_NAMES = ('srcfile', 'usedir', 'dir')
ON_FILES = ('compress', 'decompress', 'score')
BEGINNING = ('init', 'sweep')
"""Commands that take a text and a new directory."""
QUOTES = 'quotes around a path with spaces'
CALLS = {'ms.generatestring()': 'generate', 'ms.trainmodel()': 'train'}
"""The commands for calls that ATTRIBUTES has for names of other libraries."""


class UsageError(Exception):
    """A command that cannot be understood: what is wrong, and what to type next."""


@dataclass(frozen=True)
class Typed:
    """The words after a command.

    Parameters
    ----------
    places : list     files and directories
    known : list      options that the command has, and their values
    foreign : list    options that it does not have, each with its value; None for an option without a value
    """

    places: list[str]
    known: list[str]
    foreign: list[tuple[str, str | None]]


@dataclass(frozen=True)
class Meant:
    """The argument that a foreign option means: the command that takes it, its name, and it as an option."""

    taker: str
    name: str
    text: str


def most_places(command: str) -> int:
    """Return the number of files and directories that a command takes."""
    return VERBS[command].places


def typed_words(words: Sequence[str], parser: argparse.ArgumentParser | None = None) -> Typed:
    """Sort the words after a command; a foreign option takes the word after it, if that is no option."""
    takes = {option: a.nargs != 0 for a in (parser._actions if parser else ()) for option in a.option_strings}
    found, rest = Typed([], [], []), list(words)
    while rest:
        word = rest.pop(0)
        name, is_joined, value = word.partition('=')
        if word == '--':
            found.places.extend(rest)
            break
        if not _is_option(word):
            found.places.append(word)
        elif name in takes:
            found.known.append(quoted(word))
            if takes[name] and not is_joined and rest:
                found.known.append(quoted(rest.pop(0)))
        else:
            has_value = bool(rest) and not _is_option(rest[0])
            found.foreign.append((name, value if is_joined else rest.pop(0) if has_value else None))
    return found


def _is_option(word: str) -> bool:
    return word.startswith('-') and len(word) > 1 and isinstance(number(word), str)


def no_command(words: Sequence[str], parsers: Parsers, remark: str = '') -> tuple[str, str]:
    """Return the message and the next step for words that do not begin with a command."""
    what = f'no command {words[0]!r}; there are {", ".join(parsers)}{remark}.'
    if _is_option(words[0]):
        what = f'there is no command before {words[0]}; there are {", ".join(parsers)}.'
        typed = typed_words(words)
        for command in ('init', 'generate', 'train'):
            first = meant_by(command, *typed.foreign[0], parsers)
            if isinstance(first, Meant):
                return what, step_for(first.taker, typed, parsers, whole=True)
        return what, f'{START} --help'
    command = CALLS.get(ATTRIBUTES.get(plain(words[0]), ''), '')
    if not command:
        return what, f'{START} --help'
    typed = typed_words(words[1:], parsers[command])
    return what, step_for(command, typed, parsers, whole=True)


def does_not_fit(command: str, typed: Typed, parsers: Parsers) -> tuple[str, str]:
    """Return the message and the next step for options that a command does not have, or too many places."""
    what = f'{command} has no option {typed.foreign[0][0]}.' if typed.foreign else ''
    if typed.foreign and typed.foreign[0][0] == '--import':
        places = ' '.join(map(quoted, typed.places))
        return (
            f'--import stands before {command}.',
            f'{START} --import {typed.foreign[0][1] or "MODULE"} {command} {places}',
        )
    files = [Path(place) for place in typed.places if Path(place).is_file()]
    if not typed.foreign and command in BEGINNING and len(files) > 1:
        pattern = quoted(str(files[0].parent / f'*{files[0].suffix}'))
        what = f'{command} takes one FILE, and a shell turns a pattern into several; a pattern in quotes stays one.'
        return what, f'{START} {command} {pattern} {quoted(unused(str(Path("workspaces") / files[0].stem)))}'
    what = what or f'{command} takes no {typed.places[most_places(command)]!r}.'
    return what, step_for(command, typed, parsers)


def meant_by(command: str, option: str, value: str | None, parsers: Parsers) -> Meant | str:
    """Return the argument that a foreign option means for a command; or the next step, if there is none."""
    first = 'generate' if command not in (*BEGINNING, 'train') else 'init'
    order = sorted(parsers, key=lambda name: (name != command, name != first, name != 'train'))
    actions: dict[str, tuple[str, Any]] = {}
    for name in order:
        for action in parsers[name]._actions:
            if action.option_strings and action.dest != 'help':
                actions.setdefault(action.dest, (name, action))
    places = {'dir': 'generate' if first == 'generate' or command == 'init' else 'train'}
    places = places | {'srcfile': 'init', 'usedir': 'init'} if first == 'init' else places
    known = [name for name, (taker, _) in actions.items() if taker == command]
    found = list[Meant]()

    def typed_as(name: str, its: object) -> str:
        """Keep the argument, and return it as an option."""
        if name in places:
            its = valid(name, value) if value else ...
            found.append(Meant(places[name], name, 'FILE' if its is ... else quoted(str(its))))
            return found[-1].text
        taker, action = actions[name]
        if action.nargs == 0:
            its = not is_false(its)
        elif value is not None and action.type is str and its == number(value):
            its = value
        its = valid(name, its)
        text = 'leave it out' if its is ... else option_of(name, its)
        found.append(Meant(taker if its is not ... else '', name, text))
        return text

    key, given = plain(option.lstrip('-')), ... if value is None else number(value)
    elsewhere = [*places, *actions] if key in ('checkpoint_dir', 'save_dir') else [*actions, *places]
    _, step = unknown_name('option', key, given, known, typed_as, elsewhere)
    if len(found) == 1 and found[0].taker:
        return found[0]
    if found and all(each.taker != command for each in found):
        return 'leave it out'
    return f'{START} {command} --help' if step.startswith('one of ') else step


def step_for(command: str, typed: Typed, parsers: Parsers, whole: bool = False) -> str:
    """Return what to type in the place of a command that does not fit.

    Parameters
    ----------
    whole : bool    True for a whole command, also if options alone would do
    """
    meant = list[Meant]()
    for option, value in typed.foreign:
        found = meant_by(command, option, value, parsers)
        if isinstance(found, Meant):
            meant.append(found)
        elif not meant and not whole:
            return _in_words(found, command, typed)
    if typed.foreign and not meant:
        return f'{START} {command} --help'
    options: dict[str, list[str]] = {}
    for each in meant:
        options.setdefault(each.taker, []).extend([] if each.name in PLACE_NAMES else [each.text])
    for name in BEGINNING:
        if name in (command, *options):
            texts = options.get(name, [])
            options[name] = [*texts, *needed_by([*(typed.known if command == name else ()), *texts])]
    given = {each.name: each.text for each in meant if each.name in PLACE_NAMES}
    own = [*typed.known, *options.get(command, ())]
    others = [each for each in meant if each.taker != command]
    if others and 'sweep' in (command, *(each.taker for each in others)):  # no other command leads there or on
        return 'leave it out'
    if not others and not given and len(typed.places) > most_places(command):
        return _too_many(command, typed.places, own)
    if not others and not given and not whole:
        return ' '.join(options[command])
    target = others[0].taker if others else command
    if target == 'init':
        return _begin(command, typed.places, given, options.get('init', []), own, meant)
    place = given.get('dir') or next(iter(map(quoted, typed.places[1:] if command == 'init' else typed.places)), '')
    if target == 'train' and command not in ('init', 'train') and others and others[0].name != 'num_rounds':
        return 'leave it out'
    before = 'leave it out, then ' if command == 'init' and 'dir' not in given else ''
    texts = own if target == command else options.get(target, [])
    file = (
        (quoted(typed.places[1]) if target == command and typed.places[1:] else 'FILE',) if target in ON_FILES else ()
    )
    return ' '.join([f'{before}{START}', target, place or quoted(run_at_hand() or 'DIR'), *file, *texts])


def needed_by(options: Sequence[str]) -> list[str]:
    """Return the options without which some of these do nothing, and which are not among them."""
    words = ' '.join(options).replace('=', ' ')
    needed = dict.fromkeys(other for name, other in NEEDED.items() if spelled(name) in words)
    # A word is needed as it is; a share such as 0.2 stands for any.
    return [
        option_of(*other)
        for other in needed
        if (option_of(*other) if type(other[1]) is str else spelled(other[0])) not in words
    ]


def _in_words(step: str, command: str, typed: Typed) -> str:
    """Return a step in the words of a shell, if it is one in Python's."""
    if step not in NO_ARGUMENT.values() and 'ms.' not in step:
        return step
    place = typed.places[1 if command == 'init' else 0 :][:1]
    return Words(CALLED, place[0] if place else 'DIR').step(step)


def _begin(
    command: str,
    places: Sequence[str],
    given: Mapping[str, str],
    options: Sequence[str],
    own: Sequence[str],
    meant: Sequence[Meant],
) -> str:
    """Return the command that begins a run, and the one that was typed, if that can follow."""
    places = places[:1] if command in ON_FILES else places
    words, file, folder = [quoted(place) for place in places], given.get('srcfile'), given.get('usedir')
    if len(words) > 1 or (words and not file and (command == 'init' or Path(places[0]).is_file())):
        first = words.pop(0)
        file = file or first
    folder = folder or (words.pop(0) if words else None)
    if command != 'init' and folder and is_run(Path(folder)):
        folder = None
    if file and not folder and file != 'FILE':
        folder = quoted(unused(str(Path('workspaces') / Path(file).stem)))
    options = own if command == 'init' else options
    begun = ' '.join([START, 'init', file or 'FILE', folder or 'DIR', *options])
    if command == 'train' and len(places) > 1:
        return f'{begun}, then {" ".join([START, "train", folder or "DIR", *own])}'
    first = meant[0].name
    here = f', or sethyperparams({meant[0].text[2:].replace("-", "_").replace(" ", "=")}){AT_THE_PROMPT}'
    is_new = command != 'init' and not file
    return (
        begun + (' (a new run)' if is_new else '') + (here if is_new and first in CHANGEABLE and not meant[1:] else '')
    )


def _too_many(command: str, places: Sequence[str], options: Sequence[str]) -> str:
    """Return what to type for a command with more places than it takes."""
    words = [quoted(place) for place in places]
    options = [*options, *needed_by(options)] if command == 'init' else options
    first = ' '.join([START, command, *words[: most_places(command)], *options])
    if any(Path(' '.join(places[:end])).exists() for end in range(2, len(places) + 1)):
        return f'{QUOTES}; {START} {command} --help'
    if command == 'train' and len(places) == 2:
        if is_run(Path(places[1])):
            return ' '.join([START, 'train', words[1], *options])
        if Path(places[0]).is_file():
            return f'{START} init {" ".join(words)}, then {" ".join([START, "train", words[1], *options])}'
    if command == 'generate' and len(places) == 2:
        return f'{first} > {words[1]}'
    if command == 'init' and len(places) == 3 and Path(places[0]).exists():
        try:
            return f'{first} --modeltype {modeltype_named(places[2])}'
        except ValueError:
            return first
    return first if len(places) == 2 else f'{QUOTES}; {START} {command} --help'
