"""The hyperparameters: the default, the meaning and the valid values of each.

| name here  | name in the literature  | name in torch                 | note                                      |
|------------|-------------------------|-------------------------------|-------------------------------------------|
| state_size | hidden size H           | hidden_size                   | cost grows with about H²                  |
| layers     | depth L                 | num_layers                    |                                           |
| learnrate  | learning rate           | lr                            | per update                                |
| decay      | RMSProp smoothing       | alpha                         | not learning-rate decay, not weight decay |
| regcost c  | L2 coefficient          | weight_decay = c/(B·T)        | adds c/(B·T) · w to the gradient of w     |
| clip       | gradient value clipping | clip_grad_value_(±clip/(B·T)) | before the L2 term                        |
| seq_len    | BPTT length T           | time dimension                | gradients stop here, the carry goes on    |
| batchsize  | number of lanes B       | batch dimension               | a change places and warms up new lanes    |
| temp       | softmax temperature     |                               | 0 means argmax                            |
| num_rounds | rounds                  |                               | see ModelState.trainmodel                 |

``regcost`` and ``clip`` are in units of the loss *summed* over a window of all lanes (B·T symbols), as in the
Theano ancestor: one value then suits every window size.  All other settings refer to the mean loss, as in torch.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from functools import partial
from typing import Any, Self

from charrnn.arguments import CHECKS, Check, choice, real, truth, whole
from charrnn.errors import HyperParamsError, shown, typed
from charrnn.names import NEEDED, unknown_name


def hyper(
    default: Any, check: Check, meaning: str, *, changes: bool = True, needs: tuple[str, Any] | None = None
) -> Any:
    """Return one field of HyperParams, with its check and its meaning.

    `changes` is False for a setting that must stay for the whole run: the weights or the optimizer's moments were
    made for it.  `needs` is another setting and the one value of it with which this one acts; a share such as 0.2
    stands for any but 0.  A model type itself says which settings it has (``LanguageModel.settings``).
    """
    return field(default=default, metadata={'check': check, 'meaning': meaning, 'changes': changes, 'needs': needs})


@dataclass(frozen=True, repr=False)
class HyperParams:
    """The settings of a model and its training; immutable and validated.

    The prompt shows every value; str and print show those that differ from the defaults.

    >>> print(HyperParams(layers=3))
    HyperParams(layers=3)
    >>> HyperParams(layers=3).state_size
    128
    """

    layers: int = hyper(2, whole(1), 'recurrent layers, one above the other', changes=False)
    state_size: int = hyper(128, whole(1), 'units in each layer (H); cost grows with about H²', changes=False)
    emsize: int = hyper(
        0, whole(0), 'size of the embedding, if the model type has one; 0 means state_size', changes=False
    )
    tied: bool = hyper(False, truth, 'embedding and output layer share one matrix', changes=False)
    memory: int = hyper(
        0, whole(0), 'number of earlier outputs that LSTMAttention attends to; 0 means seq_len', changes=False
    )
    optimizer: str = hyper(
        'rmsprop', choice('rmsprop', 'sgd', 'adamw', 'muon'), 'rmsprop, sgd, adamw or muon', changes=False
    )
    learnrate: float = hyper(1e-3, real(0), 'step size of an update')
    decay: float = hyper(
        0.95,
        real(0, 1, open_high=True),
        'smoothing constant of RMSProp (alpha in torch)',
        needs=('optimizer', 'rmsprop'),
    )
    regcost: float = hyper(
        0.1,
        real(0),
        'L2 on weights (not biases), in units of the loss summed over a window; adamw, muon: see optimizer.py',
    )
    seq_len: int = hyper(100, whole(1), 'symbols of a window (T); gradients stop at its edge, the carry goes on')
    dropout: float = hyper(0.0, real(0, 1, open_high=True), 'share of each layer’s outputs dropped in training')
    locked: bool = hyper(
        False, truth, 'one dropout mask for all symbols of a window, not one for each', needs=('dropout', 0.2)
    )
    weightdrop: float = hyper(
        0.0, real(0, 1, open_high=True), 'share of each recurrent matrix dropped in training, anew for each window'
    )
    clip: float = hyper(
        5.0,
        real(0),
        'bound on each element of the gradient summed over a window; 0 is off',
        needs=('clipnorm', 0.0),
    )
    clipnorm: float = hyper(
        0.0, real(0), 'bound on the norm of the mean gradient; 0 is off, any other value replaces clip'
    )
    anneal: float = hyper(
        1.0,
        real(0, 1, open_low=True),
        'factor on learnrate after each epoch that did not improve validation; 1 is off',
    )
    warmup: float = hyper(0.0, real(0), 'epochs over which learnrate rises linearly from zero; 0 is off')
    cosine: float = hyper(0.0, real(0), 'epochs over which learnrate falls to a tenth along half a cosine; 0 is off')
    average: float = hyper(
        0.0,
        real(0, 1, open_high=True),
        'smoothing constant of an average of the weights, such as 0.999, which evaluates and draws; 0 is off',
    )
    sampling: str = hyper(
        'lanes',
        choice('lanes', 'random'),
        'lanes: consecutive windows with a carry; random: windows at random places, each from a zero carry',
        changes=False,
    )
    deterministic: bool = hyper(False, truth, 'on CUDA, use only kernels that give the same bits every time')

    def __new__(cls, *values: Any, **given: Any) -> Self:  # before __init__: its TypeError has no suggestion
        if len(values) > len(cls.__dataclass_fields__):
            raise HyperParamsError(f'HyperParams has {len(fields(cls))} settings.', 'HyperParams(learnrate=0.001)')
        for name, value in given.items():
            if name not in cls.__dataclass_fields__:
                known = [f.name for f in fields(cls)]
                alone = partial(write, given={'modeltype': ...})
                raise HyperParamsError(*unknown_name('hyperparameter', name, value, known, alone, (), meanings()))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, f.metadata['check'](f.name, getattr(self, f.name), f.default))

    def __repr__(self) -> str:
        lines = (f'    {f.name}={getattr(self, f.name)!r},' for f in fields(self))
        marks = ('  # default' if getattr(self, f.name) == f.default else '' for f in fields(self))
        rows = (f'{line:<26}{mark}'.rstrip() for line, mark in zip(lines, marks, strict=True))
        return '\n'.join(['HyperParams(', *rows, ')'])

    def __str__(self) -> str:
        given = (f'{f.name}={getattr(self, f.name)!r}' for f in fields(self) if getattr(self, f.name) != f.default)
        return f'HyperParams({", ".join(given)})'

    def facts(self) -> dict[str, Any]:
        """Return all settings by name, as plain values: ``HyperParams(**h.facts()) == h``."""
        return asdict(self)


EXAMPLES = {
    'anneal': 0.5,
    'warmup': 1.0,
    'cosine': 10.0,
    'clipnorm': 1.0,
    'dropout': 0.2,
    'weightdrop': 0.2,
    'average': 0.999,
}
"""Values to suggest for settings that are off by default."""


def valid(name: str, value: object) -> Any:
    """Return a value that an argument takes: `value`, its first one if it is a list, or one that its check suggests.

    The result is Ellipsis if the argument does not take `value`, and nothing can be suggested.
    """
    field = HyperParams.__dataclass_fields__.get(name)
    check, example = CHECKS.get(name, (None, None))
    if field:
        check, example = field.metadata['check'], EXAMPLES.get(name, field.default)
    if check is None:
        return value
    for each in (value, *(value[:1] if isinstance(value, list | tuple) else ())):
        try:
            check(name, each, example)
            return each
        except HyperParamsError as error:
            step = error.next_step
    return ast.literal_eval(step.partition(' or ')[0].partition('=')[2])


def write(name: str, value: object, given: Mapping[str, object] | None = None) -> str:
    """Return an argument and a valid value, as they are typed, with the argument that it does nothing without.

    Parameters
    ----------
    given : mapping    arguments that the call has already, by name
    """
    value = valid(name, value)
    if value is ...:
        return 'leave it out'
    needed = NEEDED.get(name)
    if not needed or not value or (given and _serves(*needed, given)):
        return f'{name}={typed(value)}'
    return f'{name}={typed(value)}, {needed[0]}={needed[1]!r}'


def _serves(name: str, fit: object, given: Mapping[str, object]) -> bool:
    """Return True if a call has an argument that another one needs; of the levels, only the one that fits serves."""
    return name in given and (name != 'level' or given[name] in (fit, ...))


def meanings() -> dict[str, str]:
    """Return the meaning of each hyperparameter in words, with its default."""
    return {f.name: f'{f.name}, {f.metadata["meaning"]} (default {f.default})' for f in fields(HyperParams)}


CHANGEABLE = tuple(f.name for f in fields(HyperParams) if f.metadata['changes'])


def changed_settings(hyper: HyperParams, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in `given` that differ from `hyper`, checked.

    Raises
    ------
    HyperParamsError    an unknown name, an invalid value, or a setting that cannot change during a run
    """
    for f in fields(HyperParams):
        if f.name in given and not f.metadata['changes']:
            _refuse_change(f, getattr(hyper, f.name), given[f.name])
    new = HyperParams(**{**hyper.facts(), **given})
    return {name: getattr(new, name) for name in given if getattr(new, name) != getattr(hyper, name)}


def _refuse_change(f: Field[Any], before: object, given: object) -> None:
    """Raise HyperParamsError if a setting that is fixed for a run is given another value than it has."""
    try:
        value = f.metadata['check'](f.name, given)
        step = f'a new run: ModelState.initfromsrcfile(..., {write(f.name, value)})'
    except HyperParamsError:
        value, step = None, 'leave it out'
    if value != before:
        what = f'{f.name} cannot change from {before!r} to {shown(given)}: it is fixed for a run.'
        raise HyperParamsError(what, step)


def describe(f: Field[Any]) -> str:
    """Return one line of help for a hyperparameter."""
    return f'{f.name:<14} {f.default!s:<7} {f.metadata["meaning"]}'


# Without this, help() and completion would show the (*values, **given) of __new__.
HyperParams.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.Parameter(f.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=f.default) for f in fields(HyperParams)]
)
HyperParams.__doc__ = f'{HyperParams.__doc__}\n    ' + '\n    '.join(map(describe, fields(HyperParams))) + '\n    '
