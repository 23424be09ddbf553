"""Decorators of the public functions: the signature in help(), and clear errors for calls that do not fit it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from charrnn.advice import again, own_text, own_text_in
from charrnn.errors import (
    CharRNNError,
    HyperParamsError,
    ShortageError,
    TrainingError,
    lacking,
    memory_explained,
    typed,
)
from charrnn.hyperparams import CHANGEABLE, HyperParams, meanings, valid, write
from charrnn.names import unknown_name
from charrnn.storage.nearby import load_or_begin, run_at_hand, text_at_hand, unused
from charrnn.text.dataset import Dataset
from charrnn.text.vocabulary import excerpt

P = ParamSpec('P')
R = TypeVar('R')

KEEP_FRAMES = 'CHARRNN_TRACEBACK'
"""The variable of the environment that, set to 1, keeps the library's frames in a traceback."""

SETTINGS = tuple(f.name for f in fields(HyperParams))
TAKERS = {
    name: verb
    for verb, names in {
        'trainmodel': 'num_rounds batchsize train_len valid_len print_every save_minutes minutes keep quiet',
        'generatestring': 'temp numchars prime n stop topk topp minp forbid pattern novel clamp stream',
        'temperatures': 'temps',
        'initfromsrcfile': 'trainfrac level modeltype encoding vocab_size punctuation mincount lower shuffle_lines '
        'recipe',
        'load': 'device dir',
    }.items()
    for name in names.split()
}
"""The verb that takes an argument, for arguments that users give to other verbs by mistake."""
OWNERS = {
    **dict.fromkeys(('initfromsrcfile', 'load'), 'ModelState.'),
    **dict.fromkeys(('save', 'blend'), 'state.'),
    **dict.fromkeys(('status', 'fsck'), ''),
    **dict.fromkeys(('register', 'sweep'), 'charrnn.'),
}
"""The name before a verb, where it is not that of a run."""
EXAMPLES: dict[str, object] = {
    'exporthtml.path': 'page.html',
    'export.dir': 'exported',
    'save.path': 'reader.state',
    'register.name': 'MGU',
    'findneurons.text': 'valid',
    'findneurons.feature': 'line',
    'showneuron.layer': 0,
    'showneuron.unit': 0,
}
"""A value for an argument that has no default and that nothing near at hand gives, by verb."""
ELSEWHERE = (*TAKERS, *SETTINGS)
"""The names of arguments that other verbs take."""


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
    takes = [name for name in named if name not in ('self', 'cls', 'ms')]
    known = {*takes, *(SETTINGS if takes_settings else ())}
    takes += SETTINGS if 'usedir' in takes else CHANGEABLE if takes_settings else ()

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        if function.__name__ == 'trainmodel' and (text := own_text_in(args[1:], given)) is not None:
            kept = {name: value for name, value in given.items() if name in known}
            raise own_text(text, {**dict(zip(['batchsize'], args[2:], strict=False)), **kept})
        for name, value in given.items():
            if name not in known:
                raise _unknown(function.__name__, name, value, takes, given, args[:1] if named[:1] == ['ms'] else ())
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


def _unknown(
    verb: str, name: str, value: object, takes: Sequence[str], given: Mapping[str, object], first: Sequence[object]
) -> HyperParamsError:
    """Return the error for an unknown keyword of a function.

    Parameters
    ----------
    takes : sequence      the names of its arguments
    given : mapping       those that the call has
    first : sequence      the ModelState of the call, if it has one
    """
    begins = 'usedir' in takes or 'dir' in takes  # then there is no ms yet
    trains = verb in ('trainmodel', 'sethyperparams')

    def typed_as(other: str, value: object) -> str:
        """Return the argument of this call, or the call that takes it."""
        if other in takes:
            more = f'; ms.temperatures(temps={typed(value)}) shows several' if isinstance(value, list | tuple) else ''
            return write(other, value, given if 'modeltype' in takes else {'modeltype': ..., 'level': ...}) + (
                more if other == 'temp' else ''
            )
        taker = TAKERS.get(other, 'sethyperparams' if other in CHANGEABLE else 'initfromsrcfile')
        if taker == 'load':
            return _loaded(other, value, first)
        is_useless = taker == 'trainmodel' and other != 'num_rounds' and not (begins or trains)
        if valid(other, value) is ... or is_useless or (taker == 'generatestring' and verb == 'write'):
            return 'leave it out'
        if taker == 'initfromsrcfile':
            return f'a new run: {again(first, other, value)}'
        return f'{"leave it out, then " if begins else ""}{written(taker)}({write(other, value)})'

    elsewhere = (*SETTINGS, *TAKERS) if trains else ELSEWHERE
    return HyperParamsError(*unknown_name('argument', name, value, takes, typed_as, elsewhere, meanings()))


def _loaded(name: str, value: object, first: Sequence[object]) -> str:
    """Return the call that loads a run from another directory, or for another device."""
    if name == 'dir':
        return f'leave it out; {load_or_begin(value)}'
    run = 'ms.curdir' if first else repr(run_at_hand() or ...)
    return f'ModelState.load({run}, {write(name, value)})'


def written(verb: str) -> str:
    """Return a verb as a user types it."""
    return f'{OWNERS.get(verb, "ms.")}{verb}'


def _does_not_fit(
    verb: str, signature: inspect.Signature, args: tuple[Any, ...], given: Mapping[str, Any]
) -> HyperParamsError:
    """Return the error for a call in which an argument is missing, is given twice, or stands in no place."""
    first, *others = signature.parameters.values()
    bound = first.name in ('self', 'cls', 'ms')  # given by the dot
    places = [p for p in (first, *others) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    values = [typed(value) for value in args[bound:]]
    missing = [p.name for p in places[len(args) :] if p.default is p.empty and p.name not in given]
    if first.name == 'ms' and not args:
        needed = ', '.join('...' for name in missing if name != 'ms')
        return HyperParamsError(f'{verb} needs a ModelState.', f'ms.{verb}({needed})')
    if len(args) > len(places):
        free = [p.name for p in others if p.kind is p.KEYWORD_ONLY and p.name not in given]
        most = len(places) - bound
        extra, kept = values[most:], values[:most]
        by_name = [f'{name}={value}' for name, value in zip(free, extra, strict=False)]
        what = f'{verb} takes at most {most} values without a name, and {len(values)} were given.'
        return HyperParamsError(what, f'{written(verb)}({", ".join([*kept, *by_name])})')
    named = [f'{name}={typed(value)}' for name, value in given.items()]
    if missing:
        call, is_named = values, False
        for place in places[len(args) :]:
            is_named |= place.name in given  # what comes after it has no place
            if place.name in missing:
                example = _example(verb, place.name, args, given.get('srcfile', args[1:] and args[1]))
                call.append(f'{place.name}={example}' if is_named else example)
        call += named
        needs = ' and '.join(missing)
        return HyperParamsError(f'{verb} needs {needs}.', f'{written(verb)}({", ".join(call)})')
    twice = next(p.name for p in places[bound : len(args)] if p.name in given)
    call = [*values, *(f'{name}={typed(value)}' for name, value in given.items() if name != twice)]
    return HyperParamsError(f'{twice} is given twice.', f'{written(verb)}({", ".join(call)})')


def _example(verb: str, name: str, args: tuple[Any, ...], srcfile: object) -> str:
    """Return a value for an argument that has no default, of what there is: a run, a text, an attached function.

    Parameters
    ----------
    args : tuple    the arguments that stand without a name, a ModelState first if there is one
    srcfile         the text that the call gives, if it gives one
    """
    found = EXAMPLES.get(f'{verb}.{name}')
    if name == 'srcfile':
        found = text_at_hand()
    elif name == 'usedir':
        path = srcfile if isinstance(srcfile, str | Path) else text_at_hand() or 'text'
        found = unused(str(Path('workspaces') / (Path(path).stem or 'text')))
    elif name == 'dir' and verb == 'sweep':
        found = unused('workspaces/sweep')
    elif name == 'dir':
        found = unused('workspaces/branch') if verb == 'branch' else run_at_hand()
    elif args and isinstance(data := getattr(args[0], 'data', None), Dataset) and found is None:
        found = {'text': excerpt(data.chars, data.train), 'name': next(iter(args[0].attached), None)}.get(name)
    return '...' if found is None else typed(found)


def with_hyperparameters(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that takes **hyperparams: help() and completion then show each name and its default."""
    signature = bare_signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    hyper = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(HyperParams).parameters.values()]
    function.__signature__ = signature.replace(parameters=[*own, *hyper])  # type: ignore[attr-defined]
    return function
