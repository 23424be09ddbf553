"""Every hyperparameter: its default, its meaning and what it may be.  The one home of all three.

| ours         | the field's             | torch's                          | say                                |
|--------------|-------------------------|----------------------------------|------------------------------------|
| state_size   | hidden size H           | hidden_size                      | cost grows with about H²           |
| layers       | depth L                 | num_layers                       |                                    |
| learnrate    | learning rate           | lr                               | per update                         |
| decay        | RMSProp smoothing       | alpha                            | neither learning-rate nor weight decay |
| regcost c    | L2 coefficient          | weight_decay = c/(B·T)           | what it multiplies                 |
| clip         | gradient value clipping | clip_grad_value_(±clip/(B·T))    | before the L2 term                 |
| seq_len      | BPTT length T           | time dimension                   | gradients stop here, the carry not |
| batchsize    | number of lanes B       | batch dimension                  | a change re-lanes and re-primes    |
| temp         | softmax temperature     |                                  | 0 means argmax                     |
| num_rounds   | rounds                  |                                  | see ModelState.trainmodel          |

``regcost`` and ``clip`` are in units of the loss *summed* over a window of all lanes (B·T symbols), as in the
Theano ancestor, so that they mean the same at every window size.  Everything else is in torch's mean-loss units.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, ParamSpec, Self, TypeVar, cast

from charrnn.errors import CharRNNError, HyperParamsError

# What users of other libraries type, and what it is called here.
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

# Where a name belongs that is right elsewhere.
ARGUMENTS_OF = {
    **dict.fromkeys(
        (
            'layers',
            'state_size',
            'emsize',
            'tied',
            'memory',
            'optimizer',
            'learnrate',
            'decay',
            'regcost',
            'seq_len',
            'dropout',
            'clip',
            'clipnorm',
            'anneal',
            'warmup',
            'cosine',
            'sampling',
        ),
        'it is a hyperparameter of the run: ModelState.initfromsrcfile(..., {}=...)',
    ),
    **dict.fromkeys(
        ('num_rounds', 'batchsize', 'train_len', 'valid_len', 'print_every', 'save_minutes'),
        'ms.trainmodel({}=...)',
    ),
    **dict.fromkeys(('temp', 'numchars', 'prime'), 'generatestring(ms, {}=...)'),
}
ARGUMENTS_OF_A_RUN = {name for name, where in ARGUMENTS_OF.items() if 'hyperparameter' in where}
ARGUMENTS_OF = {name: where.format(name) for name, where in ARGUMENTS_OF.items()}

Check = Callable[[str, Any], Any]
P = ParamSpec('P')
R = TypeVar('R')


def whole(least: int) -> Check:
    """A check for whole numbers of at least `least`; returns a plain int."""

    def check(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
            raise HyperParamsError(
                f'{name}={value!r} is not a whole number of at least {least}.', f'{name}={max(least, 1)}'
            )
        return int(value)

    return check


def real(low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = False) -> Check:
    """A check for finite real numbers between `low` and `high`; returns a plain float."""
    left, right = '(' if open_low else '[', ')' if open_high or high == math.inf else ']'

    def check(name: str, value: object) -> float:
        if type(value) is not bool and isinstance(value, numbers.Real) and math.isfinite(value):
            number = float(cast(float, value))
            above = number > low if open_low else number >= low
            below = number < high if open_high else number <= high
            if above and below:
                return number
        raise HyperParamsError(
            f'{name}={value!r} is not a finite number in {left}{low:g}, {high:g}{right}.',
            f'help(charrnn.HyperParams) says what {name} means' if name in ARGUMENTS_OF_A_RUN else f'{name}=0.5',
        )

    return check


def truth(name: str, value: object) -> bool:
    """A check for True and False."""
    if not isinstance(value, bool):
        raise HyperParamsError(f'{name}={value!r} is neither True nor False.', f'{name}=True')
    return value


def choice(*known: str) -> Check:
    """A check for one of a few names."""

    def check(name: str, value: object) -> str:
        if value not in known:
            raise HyperParamsError(f'no {name} {value!r}.', ' or '.join(f'{name}={k!r}' for k in known))
        return str(value)

    return check


def hyper(default: Any, check: Check, meaning: str) -> Any:
    """One field of HyperParams, with its check and its meaning."""
    return field(default=default, metadata={'check': check, 'meaning': meaning})


@dataclass(frozen=True, repr=False)
class HyperParams:
    """Every setting of a model and its training: frozen, validated, the one home of the defaults.

    >>> HyperParams(layers=3)
    HyperParams(layers=3)
    >>> HyperParams(layers=3).state_size
    128
    """

    layers: int = hyper(2, whole(1), 'recurrent layers, one above the other')
    state_size: int = hyper(128, whole(1), 'units in each layer (H); cost grows with about H²')
    emsize: int = hyper(0, whole(0), 'size of the embedding, where the model type has one; 0 is state_size')
    tied: bool = hyper(False, truth, 'whether embedding and output layer share their weights')
    memory: int = hyper(0, whole(0), 'how many earlier outputs LSTMAttention sees; 0 is seq_len')
    optimizer: str = hyper('rmsprop', choice('rmsprop', 'sgd', 'adamw'), 'rmsprop, sgd or adamw')
    learnrate: float = hyper(1e-3, real(0), 'RMSProp step size')
    decay: float = hyper(0.95, real(0, 1, open_high=True), 'smoothing of RMSProp, torch calls it alpha')
    regcost: float = hyper(
        0.1, real(0), 'L2 on weights (not biases), in units of the loss summed over a window; adamw: see optimizer.py'
    )
    seq_len: int = hyper(100, whole(1), 'symbols of a window (T); gradients stop at its edge, the carry does not')
    dropout: float = hyper(0.0, real(0, 1, open_high=True), 'share of each layer’s outputs dropped in training')
    clip: float = hyper(5.0, real(0), 'bound on each element of the gradient summed over a window; 0 does not clip')
    clipnorm: float = hyper(0.0, real(0), 'bound on the norm of the mean gradient; 0 is off, else it replaces clip')
    anneal: float = hyper(
        1.0,
        real(0, 1, open_low=True),
        'factor on learnrate when an epoch did not improve validation; 1 is off',
    )
    warmup: float = hyper(0.0, real(0), 'epochs over which learnrate rises from zero to itself')
    cosine: float = hyper(0.0, real(0), 'epochs over which learnrate falls to its tenth along a cosine; 0 is off')
    sampling: str = hyper(
        'lanes', choice('lanes', 'random'), 'lanes: continuous, with a carry; random: windows anywhere, fresh state'
    )
    deterministic: bool = hyper(False, truth, 'on CUDA use only kernels that give the same bits every time')

    def __new__(cls, *values: Any, **given: Any) -> Self:  # before __init__, whose TypeError says less
        for name in given:
            if name not in cls.__dataclass_fields__:
                raise HyperParamsError(*unknown_name('hyperparameter', name, cls.__dataclass_fields__))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, f.metadata['check'](f.name, getattr(self, f.name)))

    def __repr__(self) -> str:
        given = (f'{f.name}={getattr(self, f.name)!r}' for f in fields(self) if getattr(self, f.name) != f.default)
        return f'HyperParams({", ".join(given)})'

    def facts(self) -> dict[str, Any]:
        """All settings by name, as plain numbers: ``HyperParams(**h.facts()) == h``."""
        return asdict(self)


CHANGEABLE = (
    'learnrate',
    'decay',
    'regcost',
    'seq_len',
    'dropout',
    'clip',
    'clipnorm',
    'anneal',
    'warmup',
    'cosine',
    'deterministic',
)
"""What may change between rounds: all that neither the weights nor the optimizer's moments were made for."""


def changed_settings(hyper: HyperParams, given: dict[str, Any]) -> dict[str, Any]:
    """Those of `given` that differ from `hyper`, checked.

    Raises
    ------
    HyperParamsError    an unknown name, an impossible value, or a setting that a run keeps
    """
    new = HyperParams(**{**hyper.facts(), **given})
    changed = {name: getattr(new, name) for name in given if getattr(new, name) != getattr(hyper, name)}
    for name in changed:
        if name not in CHANGEABLE:
            raise HyperParamsError(
                f'{name} cannot change from {getattr(hyper, name)!r} to {changed[name]!r}: the run was made with it.',
                f'a new run: ModelState.initfromsrcfile(..., {name}={changed[name]!r})',
            )
    return changed


def describe(f: Field[Any]) -> str:
    """One line of help for a hyperparameter."""
    return f'{f.name:<14} {f.default!s:<7} {f.metadata["meaning"]}'


# __new__ would otherwise show (*values, **given) to help() and to completion.
HyperParams.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.Parameter(f.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=f.default) for f in fields(HyperParams)]
)
HyperParams.__doc__ = f'{HyperParams.__doc__}\n    ' + '\n    '.join(map(describe, fields(HyperParams))) + '\n    '


def unknown_name(kind: str, name: str, known: Iterable[str]) -> tuple[str, str]:
    """What an error about the unknown `name` says, and the next step: another library's name, a typo, or a list.

    >>> unknown_name('hyperparameter', 'lr', ['learnrate', 'layers'])
    ("no hyperparameter 'lr'.", 'learnrate=... (RMSProp step size, now 0.001)')
    """
    known = list(known)
    meant = OTHER_NAMES.get(name.lower(), name)
    if meant not in known and meant in ARGUMENTS_OF:
        return f'no {kind} {name!r} here.', ARGUMENTS_OF[meant]
    close = [meant] if meant in known else difflib.get_close_matches(name, known, n=1)
    if not close:
        return f'no {kind} {name!r}.', f'one of {", ".join(known)}'
    if close[0] not in HyperParams.__dataclass_fields__:
        return f'no {kind} {name!r}.', f'{close[0]}=...' if kind == 'argument' else close[0]
    f = HyperParams.__dataclass_fields__[close[0]]
    return f'no {kind} {name!r}.', f'{f.name}=... ({f.metadata["meaning"]}, now {f.default})'


def bare_signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature that help() shows: names and defaults.  What they mean and return is said in the docstring."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


def known_names_only(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function so that a misspelt keyword is answered with the right name, not a TypeError."""
    signature = bare_signature(function)
    known = [name for name in signature.parameters if name not in ('self', 'cls', 'ms')]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())

    @functools.wraps(function)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        for name in given:
            if name not in known and not takes_any:
                raise HyperParamsError(*unknown_name('argument', name, known))
        try:
            return function(*args, **given)
        except CharRNNError as error:
            # It says what to type next; the frames inside the library would only push that off the screen.
            raise error.with_traceback(None) from error.__cause__
        except KeyboardInterrupt as error:  # it says itself what it is
            raise error.with_traceback(None) from None

    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


def with_hyperparameters(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that takes **hyperparams: help() and completion show each by name, with its default.

    A misspelt one is answered by HyperParams itself.
    """
    signature = bare_signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    hyper = [p.replace(kind=p.KEYWORD_ONLY) for p in inspect.signature(HyperParams).parameters.values()]
    function.__signature__ = signature.replace(parameters=[*own, *hyper])  # type: ignore[attr-defined]
    return function
