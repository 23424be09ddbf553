"""Decorators of the public functions: the signature in help(), and suggestions for unknown keywords."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

from charrnn.arguments import ARGUMENTS_OF, unknown_name
from charrnn.errors import CharRNNError, HyperParamsError
from charrnn.hyperparams import HyperParams

P = ParamSpec('P')
R = TypeVar('R')

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
    known = {name: f'{name}=...' for name in signature.parameters if name not in ('self', 'cls', 'ms')}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        for name in given:
            if name not in known and not takes_any:
                raise HyperParamsError(*unknown_name('argument', name, known, ELSEWHERE))
        try:
            return function(*args, **given)
        except CharRNNError as error:
            # The message says what to type next; the frames of this library would push it off the screen.
            raise error.with_traceback(None) from error.__cause__
        except KeyboardInterrupt as error:  # the frames of this library would not help
            raise error.with_traceback(None) from None

    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


def with_hyperparameters(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that takes **hyperparams: help() and completion then show each name and its default.

    HyperParams itself raises the error for an unknown one.
    """
    signature = bare_signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    hyper = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(HyperParams).parameters.values()]
    function.__signature__ = signature.replace(parameters=[*own, *hyper])  # type: ignore[attr-defined]
    return function
