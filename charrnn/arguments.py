"""Checks of the arguments that a user types, and suggestions for misspelt or unknown names."""

from __future__ import annotations

import contextlib
import difflib
import math
import numbers
import os
from collections.abc import Mapping
from typing import Any, Protocol, cast

from charrnn.errors import HyperParamsError


class Check(Protocol):
    """A function that returns a valid value as a plain Python one, and raises HyperParamsError for an invalid value.

    It gets the name of the value, for the message, and the value.  The error suggests the number that a string or a
    float stands for, if that number is valid, else `default`.
    """

    def __call__(self, name: str, value: Any, default: Any = None) -> Any: ...


LARGEST = 2**53 - 1
"""The largest whole number that every kind of number holds exactly, and so the largest that a run may store."""
LARGEST_REAL = 3e38
"""A real argument beyond this would overflow in float32."""


def memory_bytes() -> int:
    """Return the physical memory of this machine; where the system does not tell, a bound that no machine reaches."""
    try:
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (AttributeError, ValueError, OSError):
        return 2**46


def whole(least: int) -> Check:
    """Return a check for whole numbers of at least `least`; the check returns a plain int."""

    def check(name: str, value: object, default: Any = None) -> int:
        if not isinstance(value, bool) and isinstance(value, numbers.Integral) and int(value) >= least:
            if int(value) > LARGEST:
                raise HyperParamsError(f'{name} is larger than {LARGEST:,}.', f'{name}={default or max(least, 1)}')
            return int(value)
        spelled = _spelled(value)
        is_valid = spelled >= least and spelled == int(spelled)
        suggested = int(spelled) if is_valid else max(least, 1) if default is None else default
        raise HyperParamsError(f'{name}={value!r} must be a whole number, {least} or more.', f'{name}={suggested}')

    return check


def real(low: float, high: float = LARGEST_REAL, *, open_low: bool = False, open_high: bool = False) -> Check:
    """Return a check for finite real numbers between `low` and `high`; the check returns a plain float."""
    bounds = f'more than {low:g}' if open_low else f'{low:g} or more'
    bounds += f' and {"less than" if open_high else "at most"} {high:g}' if high < LARGEST_REAL else ''

    def is_inside(number: float) -> bool:
        return (number > low if open_low else number >= low) and (number < high if open_high else number <= high)

    def check(name: str, value: object, default: Any = None) -> float:
        if type(value) is not bool and isinstance(value, numbers.Real):
            with contextlib.suppress(OverflowError):  # an int beyond the largest float
                number = float(cast(float, value))
                if math.isfinite(number) and is_inside(number):
                    return number
        spelled = _spelled(value)
        suggested = spelled if is_inside(spelled) else 0.5 if default is None else default
        raise HyperParamsError(f'{name}={value!r} must be a finite number, {bounds}.', f'{name}={suggested:g}')

    return check


def truth(name: str, value: object, default: Any = None) -> bool:
    """Return `value` if it is True or False; raise HyperParamsError for anything else (a ``Check``)."""
    if not isinstance(value, bool):
        raise HyperParamsError(f'{name}={value!r} is neither True nor False.', f'{name}=True')
    return value


def choice(*known: str) -> Check:
    """Return a check for one of the names `known`."""

    def check(name: str, value: object, default: Any = None) -> str:
        if value not in known:
            raise HyperParamsError(f'no {name} {value!r}.', ' or '.join(f'{name}={k!r}' for k in known))
        return str(value)

    return check


def _spelled(value: object) -> float:
    """Return the finite number that a float or a string stands for, or -inf, which no check accepts."""
    try:
        number = float(value) if isinstance(value, str | float) else -math.inf
    except ValueError:
        return -math.inf
    return number if math.isfinite(number) else -math.inf


OTHER_NAMES = {
    'alpha': 'decay',
    'batch': 'batchsize',
    'batch_size': 'batchsize',
    'block_size': 'seq_len',
    'bptt': 'seq_len',
    'emb_size': 'emsize',
    'embedding_dim': 'emsize',
    'embedding_size': 'emsize',
    'tie_weights': 'tied',
    'max_norm': 'clipnorm',
    'clip_grad_norm': 'clipnorm',
    'opt': 'optimizer',
    'checkpoint_every': 'save_minutes',
    'context_length': 'seq_len',
    'depth': 'layers',
    'drop': 'dropout',
    'dropout_rate': 'dropout',
    'epochs': 'num_rounds',
    'grad_clip': 'clip',
    'hidden': 'state_size',
    'hidden_dim': 'state_size',
    'hidden_size': 'state_size',
    'hsize': 'state_size',
    'l2': 'regcost',
    'learn_rate': 'learnrate',
    'learning_rate': 'learnrate',
    'length': 'numchars',
    'log_interval': 'print_every',
    'lr': 'learnrate',
    'max_new_tokens': 'numchars',
    'model': 'modeltype',
    'n_epochs': 'num_rounds',
    'n_hidden': 'state_size',
    'n_layer': 'layers',
    'n_layers': 'layers',
    'nhid': 'state_size',
    'nlayers': 'layers',
    'num_epochs': 'num_rounds',
    'num_layers': 'layers',
    'rho': 'decay',
    'rnn_size': 'state_size',
    'sequence_length': 'seq_len',
    'seq_length': 'seq_len',
    'temperature': 'temp',
    'units': 'state_size',
    'wd': 'regcost',
    'weight_decay': 'regcost',
}
"""Names of other libraries, in lower case, and the names here."""

ARGUMENTS_OF = {
    **{
        name: f'ms.trainmodel({name}=...)'
        for name in (
            'num_rounds',
            'batchsize',
            'train_len',
            'valid_len',
            'print_every',
            'save_minutes',
            'minutes',
            'keep',
            'quiet',
        )
    },
    **{name: f'generatestring(ms, {name}=...)' for name in ('temp', 'numchars', 'prime')},
}
"""The call that takes an argument, for arguments that users give to other calls by mistake."""


def unknown_name(
    kind: str, name: str, known: Mapping[str, str], elsewhere: Mapping[str, str] = ARGUMENTS_OF
) -> tuple[str, str]:
    """Return the message and the next step for an unknown `name`: the name meant, or a list of all names.

    Names of other libraries are translated; a misspelt name becomes the closest one.  `known` and `elsewhere` give
    for each name of this call and of other calls the text to type.

    >>> unknown_name('hyperparameter', 'lr', {'learnrate': 'learnrate=0.001', 'layers': 'layers=2'})
    ("no hyperparameter 'lr'.", 'learnrate=0.001')
    """
    meant = OTHER_NAMES.get(name.lower(), name)
    if meant not in known and meant in elsewhere:
        return f'no {kind} {name!r} here.', elsewhere[meant]
    close = [meant] if meant in known else difflib.get_close_matches(name, known, n=1)
    others = f'one of {", ".join(known)}' if known else 'leave it out'
    return f'no {kind} {name!r}.', known[close[0]] if close else others
