"""Decorators of the public functions: the signature in help(), and clear errors for calls that do not fit it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

from charrnn.errors import (
    CharRNNError,
    HyperParamsError,
    ShortageError,
    TrainingError,
    lacking,
    memory_explained,
    shown,
)
from charrnn.hyperparams import CHANGEABLE, HyperParams, meanings
from charrnn.names import ATTRIBUTES, OTHER_NAMES, nearest, plain, unknown_name

P = ParamSpec('P')
R = TypeVar('R')

KEEP_FRAMES = 'CHARRNN_TRACEBACK'
"""The variable of the environment that, set to 1, keeps the library's frames in a traceback."""

SETTINGS = tuple(f.name for f in fields(HyperParams))
TAKERS = {
    name: verb
    for verb, names in {
        'trainmodel': 'num_rounds batchsize train_len valid_len print_every save_minutes minutes keep quiet',
        'generatestring': 'temp numchars prime',
        'initfromsrcfile': 'trainfrac level modeltype encoding vocab_size punctuation mincount shuffle_lines',
    }.items()
    for name in names.split()
}
"""The verb that takes an argument, for arguments that users give to other verbs by mistake."""
OWNERS = {'initfromsrcfile': 'ModelState', 'load': 'ModelState', 'register': 'charrnn'}
"""The name before a verb, where it is not that of a run."""
EXAMPLES = {
    'srcfile': "'text.txt'",
    'usedir': "'workspaces/text'",
    'dir': "'workspaces/text'",
    'path': "'page.html'",
    'text': "'some text'",
    'findneurons.text': "'valid'",
    'feature': "'line'",
    'layer': '0',
    'unit': '0',
    'name': "'samplefilter'",
    'register.name': "'MGU'",
    'ModelClass': 'MGU',
}
"""A value for each argument that has no default, for the call that an error suggests; with a verb where two differ."""


def bare_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature that help() shows: names and defaults, without annotations, which the docstring replaces."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


def known_names_only(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function so that a call that does not fit its signature raises an error with a call that does.

    A function that takes **hyperparams takes the names of all hyperparameters.
    """
    signature = bare_signature(function)
    takes_settings = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    named = [p.name for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    known = {name for name in named if name not in ('self', 'cls', 'ms')} | set(SETTINGS if takes_settings else ())

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        for name, value in given.items():
            if name not in known:
                raise _unknown(name, value, [*named, *(SETTINGS if takes_settings else ())])
        try:
            signature.bind(*args, **given)
        except TypeError:
            raise _does_not_fit(function.__name__, signature, args, given) from None
        try:
            with shortage_explained(function.__name__), memory_explained(lambda: _no_memory(function.__name__)):
                return function(*args, **given)
        except CharRNNError as error:
            if os.environ.get(KEEP_FRAMES) == '1':
                raise
            # The message says what to type next; the library's frames would only push that off the screen.
            error.__context__ = None  # its frames would keep alive what the call has made
            raise error.with_traceback(None) from error.__cause__
        except KeyboardInterrupt as error:  # its name says what happened
            if os.environ.get(KEEP_FRAMES) == '1':
                raise
            raise error.with_traceback(None) from None

    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


@contextlib.contextmanager
def shortage_explained(verb: str) -> Iterator[None]:
    """Turn an error of the system that comes from a shortage in this process into a ShortageError."""
    try:
        yield
    except OSError as error:
        if not (step := lacking(error)):
            raise
        raise ShortageError(f'{verb}: {error.strerror}.', f'{step}, then the same call again') from error


def _no_memory(verb: str) -> TrainingError:
    return TrainingError(
        f'{verb} needs more memory than is left.', 'free memory or ask for less, then the same call again'
    )


def _unknown(name: str, value: object, names: list[str]) -> HyperParamsError:
    """Return the error for an unknown keyword of a function that takes `names`."""
    typed = shown(value)
    known = {other: f'{other}={typed}' for other in names if other not in ('self', 'cls', 'ms')}
    elsewhere = {other: f'{written(verb)}({other}={typed})' for other, verb in TAKERS.items()}
    for other in SETTINGS:
        begin = f'a new run: {written("initfromsrcfile")}(..., {other}={typed})'
        elsewhere[other] = f'ms.sethyperparams({other}={typed})' if other in CHANGEABLE else begin
    return HyperParamsError(*unknown_name('argument', name, known, elsewhere, value, meanings()))


def written(verb: str) -> str:
    """Return a verb as a user types it."""
    return f'{OWNERS.get(verb, "ms")}.{verb}'


def _does_not_fit(
    verb: str, signature: inspect.Signature, args: tuple[Any, ...], given: Mapping[str, Any]
) -> HyperParamsError:
    """Return the error for a call in which an argument is missing, is given twice, or stands in no place."""
    first, *others = signature.parameters.values()
    bound = first.name in ('self', 'cls', 'ms')  # given by the dot
    places = [p for p in (first, *others) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    typed = [shown(value) for value in args[bound:]]
    missing = [p.name for p in places[len(args) :] if p.default is p.empty and p.name not in given]
    if first.name == 'ms' and not args:
        return HyperParamsError(f'{verb} needs a ModelState.', f'ms.{verb}()')
    if len(args) > len(places):
        free = [p.name for p in others if p.kind is p.KEYWORD_ONLY and p.name not in given]
        most = len(places) - bound
        extra, kept = typed[most:], typed[:most]
        by_name = [f'{name}={value}' for name, value in zip(free, extra, strict=False)]
        what = f'{verb} takes at most {most} values without a name, and {len(typed)} were given.'
        return HyperParamsError(what, f'{written(verb)}({", ".join([*kept, *by_name])})')
    named = [f'{name}={shown(value)}' for name, value in given.items()]
    if missing:
        call = [*typed, *(EXAMPLES.get(f'{verb}.{name}', EXAMPLES.get(name, '...')) for name in missing), *named]
        needs = ' and '.join(missing)
        return HyperParamsError(f'{verb} needs {needs}.', f'{written(verb)}({", ".join(call)})')
    twice = next(p.name for p in places[bound : len(args)] if p.name in given)
    call = [*typed, *(f'{name}={shown(value)}' for name, value in given.items() if name != twice)]
    return HyperParamsError(f'{twice} is given twice.', f'{written(verb)}({", ".join(call)})')


def no_attribute(ms: object, name: str) -> AttributeError:
    """Return the error for an unknown attribute of a ModelState, with what to type instead."""
    key = plain(name)
    known = {setting: f'ms.hyper.{setting}' for setting in SETTINGS} | {
        other: f'ms.{other}' for other in vars(type(ms))
    }
    meant = next((other for other in (key, *OTHER_NAMES.get(key, ())) if other in SETTINGS), None) or nearest(
        name, known
    )
    step = ATTRIBUTES.get(key) or (known[meant] if meant else '')
    # With `obj` and without `name`, Python adds no suggestion of its own.
    return AttributeError(f'a ModelState has no {name!r}.{f"  Next: {step}" if step else ""}', obj=ms)


def with_hyperparameters(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that takes **hyperparams: help() and completion then show each name and its default."""
    signature = bare_signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    hyper = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(HyperParams).parameters.values()]
    function.__signature__ = signature.replace(parameters=[*own, *hyper])  # type: ignore[attr-defined]
    return function
