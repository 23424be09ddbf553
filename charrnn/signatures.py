"""Decorators of the public functions: the signature in help(), and suggestions for unknown keywords."""

from __future__ import annotations

import difflib
import functools
import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

from charrnn.arguments import ARGUMENTS_OF, unknown_name
from charrnn.errors import CharRNNError, HyperParamsError
from charrnn.hyperparams import HyperParams

P = ParamSpec('P')
R = TypeVar('R')

KEEP_FRAMES = 'CHARRNN_TRACEBACK'
"""The variable of the environment that, set to 1, keeps the library's frames in a traceback."""

ELSEWHERE = ARGUMENTS_OF | {
    f.name: f'it is a hyperparameter of the run: ModelState.initfromsrcfile(..., {f.name}=...)'
    for f in fields(HyperParams)
}


def bare_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature that help() shows: names and defaults, without annotations, which the docstring replaces."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


def known_names_only(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function so that an unknown keyword raises an error that suggests the right name."""
    signature = bare_signature(function)
    parameters = signature.parameters.values()
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    known = {name: f'{name}=...' for name in named if name not in ('self', 'cls', 'ms')}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        for name in given:
            if name not in known and (not takes_any or _is_near(name, known)):
                raise HyperParamsError(*unknown_name('argument', name, known, ELSEWHERE))
        try:
            return function(*args, **given)
        except CharRNNError as error:
            if os.environ.get(KEEP_FRAMES) == '1':
                raise
            # The message says what to type next; the library's frames would only push that off the screen.
            raise error.with_traceback(None) from error.__cause__
        except KeyboardInterrupt as error:  # its name says what happened
            if os.environ.get(KEEP_FRAMES) == '1':
                raise
            raise error.with_traceback(None) from None

    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


def _is_near(name: str, known: Iterable[str]) -> bool:
    """Return True if a name that is no hyperparameter resembles one of `known` more than any hyperparameter."""
    settings = HyperParams.__dataclass_fields__
    close = difflib.get_close_matches(name, [*settings, *known], n=1)
    return name not in settings and bool(close) and close[0] not in settings


def with_hyperparameters(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that takes **hyperparams: help() and completion then show each name and its default.

    HyperParams itself raises the error for an unknown one.
    """
    signature = bare_signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    hyper = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(HyperParams).parameters.values()]
    function.__signature__ = signature.replace(parameters=[*own, *hyper])  # type: ignore[attr-defined]
    return function
