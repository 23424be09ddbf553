"""The checks of a class of the user's own: of its methods when it is registered, of each model when it is built.

A built model reads a few symbols in several ways.  All ways have to agree: evaluation reads long windows, sampling one
symbol at a time, and a resumed training goes on from nothing but the weights and the carry.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from charrnn.errors import CharRNNError, ModelTypeError, shown
from charrnn.models.carry import Carry
from charrnn.models.cells import CELLS
from charrnn.models.contract import LanguageModel
from charrnn.models.weights import describe

CALLS: dict[str, tuple[str, ...]] = {
    '__init__': ('vocab_size', 'hyper', 'generator'),
    'zero_carry': ('lanes',),
    'mask_shapes': ('lanes', 'seq_len'),
    'forward': ('ids', 'carry', 'masks=None'),
}
"""The methods of the contract, each with the arguments that it is called with."""
NEEDED = ('zero_carry', 'forward')
OPTIONAL_SETTINGS = ('emsize', 'tied', 'memory')
"""The hyperparameters that a model type takes only if its `settings` name them."""

B, T = 2, 4
"""Lanes and symbols of the trial."""
TOLERANCE = 1e-2
"""Difference of two outputs, as a share of the largest, that is still rounding."""


def check_class(kind: object) -> type[LanguageModel]:
    """Return a class that was given to register, if it has the methods of the contract.

    Raises
    ------
    ModelTypeError    it is no subclass of LanguageModel, or a method is missing or takes other arguments
    """
    if not (isinstance(kind, type) and issubclass(kind, LanguageModel)):
        step = 'a class whose base is charrnn.LanguageModel, the class itself and no object of it'
        raise ModelTypeError(f'{shown(kind)} is no subclass of charrnn.LanguageModel.', step)
    if lacks := [name for name in NEEDED if getattr(kind, name) is getattr(LanguageModel, name)]:
        step = ' and '.join(f'def {name}(self, {", ".join(CALLS[name])})' for name in lacks)
        raise ModelTypeError(f'{kind.__name__} lacks {" and ".join(lacks)}.', f'{step} in the class')
    for name, arguments in CALLS.items():
        signature = inspect.signature(getattr(kind, name))
        for count in {len(arguments), len([a for a in arguments if '=' not in a])}:
            try:
                signature.bind(*[None] * (1 + count))
            except TypeError:
                due = f'def {name}(self, {", ".join(arguments)})'
                found = f'{kind.__name__}.{name}{signature} cannot be called as the contract says.'
                raise ModelTypeError(found, f'{due} in the class') from None
    if kind.logits is not LanguageModel.logits:
        raise ModelTypeError(
            f'{kind.__name__} has a method logits, which training does not call.',
            'leave it out: readout_weight and readout_bias turn the outputs of forward into logits',
        )
    if not (kind.cell is None or kind.cell in CELLS.values()):
        raise ModelTypeError(
            f'{kind.__name__} has cell={shown(kind.cell)}, which no engine knows.', 'leave it out, and write forward'
        )
    if not (isinstance(kind.settings, tuple) and set(kind.settings) <= set(OPTIONAL_SETTINGS)):
        raise ModelTypeError(
            f'{kind.__name__} has settings={shown(kind.settings)}.',
            f'a tuple of names out of {", ".join(OPTIONAL_SETTINGS)}; other constants are attributes of the class',
        )
    return kind


@contextlib.contextmanager
def running(what: str) -> Iterator[None]:
    """Raise ModelTypeError, from the error itself, if the user's code in the block fails."""
    try:
        yield
    except CharRNNError:
        raise
    except Exception as error:
        happened = f'{type(error).__name__}: {shown(str(error))}'
        raise ModelTypeError(
            f'{what} failed ({happened}).', 'mend the line that the traceback names, and register the class again'
        ) from error


def check_model(model: LanguageModel) -> None:
    """Try a new model of the user's own.

    The global random stream of torch and the model are the same after it.

    Raises
    ------
    ModelTypeError    a shape or a type is not the contract's, the user's code fails, or the carry does not hold all
                      that the model remembers
    """
    name = type(model).__name__
    if kept := {buffer for buffer, _ in model.named_buffers()} & model.state_dict().keys():
        raise _breaks(
            f'{name} has the buffer {sorted(kept)[0]!r}, which no checkpoint keeps',
            'an nn.Parameter, a state in the carry, or persistent=False for a constant',
        )
    ids = _some_ids(model)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        stream = torch.get_rng_state()
        zero = _zero_carry(model, B)
        whole, _ = _read(model, ids, zero)
        with running(f'the backward pass of {name}'):
            whole.sum().backward()  # type: ignore[no-untyped-call]
        model.zero_grad()
        again, _ = _read(model, ids, zero)
        if not torch.equal(stream, torch.get_rng_state()) or not alike(again, whole):
            raise _breaks(
                f'{name} reads the same symbols differently a second time',
                'no random numbers and no memory outside the carry in forward; dropout comes as masks',
            )
        _check_pieces(model, ids, zero, whole)
    check_masks(model, 1 if model.hyper.locked else T)


def alike(found: Tensor, due: Tensor) -> bool:
    """Return True if two outputs differ by rounding at most."""
    return bool((found - due).abs().max() <= TOLERANCE * due.abs().max())


def _some_ids(model: LanguageModel) -> Tensor:
    return (torch.arange(B * T, device=model.device) % len(model.readout_bias)).view(B, T)


def _zero_carry(model: LanguageModel, lanes: int) -> Carry:
    name = type(model).__name__
    with running(f'{name}.zero_carry({lanes})'):
        carry = model.zero_carry(lanes)
    step = "charrnn.Carry({'h': self.readout_bias.new_zeros(layers, lanes, units)})"
    if not isinstance(carry, Carry) or not carry:
        raise _breaks(f'{name}.zero_carry returns {shown(carry)}, and a Carry with a state is due', step)
    for key, state in carry.items():
        if not isinstance(key, str) or not isinstance(state, Tensor) or state.ndim < 2 or state.shape[1] != lanes:
            found = describe(state) if isinstance(state, Tensor) else shown(state)
            what = f'{name}.zero_carry({lanes}) has {shown(key)}: {found}, and a tensor (layers, {lanes}, units) is due'
            raise _breaks(what, step)
    return carry


def _read(
    model: LanguageModel, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None
) -> tuple[Tensor, Carry]:
    """Read a window; check what comes back."""
    name, before = type(model).__name__, {key: state.clone() for key, state in carry.items()}
    call = f'{name}.forward of ids {tuple(ids.shape)}'
    with running(call):
        found = model(ids, carry, masks)
    if not isinstance(found, tuple) or len(found) != 2:
        raise _breaks(f'{call} returns {shown(type(found).__name__)}, and a pair is due', 'return outputs, carry')
    outputs, after = found
    due = describe(model.readout_weight.new_empty(*ids.shape, model.readout_weight.shape[1]))
    given = describe(outputs) if isinstance(outputs, Tensor) else shown(outputs)
    if given != due:
        step = 'outputs (B, T, H): a row for each symbol of each lane, as wide as readout_weight'
        raise _breaks(f'{call} returns outputs {given}, and {due} is due', step)
    if not outputs.requires_grad:
        raise _breaks(f'{call} returns outputs without a gradient', 'no torch.no_grad and no detach in forward')
    if not bool(outputs.isfinite().all()):
        raise _breaks(f'{call} returns outputs that are not finite', 'smaller initial weights')
    states = {key: describe(state) for key, state in before.items()}
    if not isinstance(after, Carry) or {key: describe(state) for key, state in after.items()} != states:
        there = {key: describe(state) for key, state in after.items()} if isinstance(after, Carry) else after
        what = f'{call} returns the carry {shown(there)}, and {shown(states)} is due'
        raise _breaks(what, 'a Carry with the names, types and shapes that zero_carry has, whatever T is')
    if any(not torch.equal(carry[key], state) for key, state in before.items()):
        raise _breaks(f'{call} changes the carry that it is given', 'new tensors for the new carry, as x = x + 1')
    return outputs, after


def _check_pieces(model: LanguageModel, ids: Tensor, zero: Carry, whole: Tensor) -> None:
    """Compare a window with the same window in pieces, and with each lane by itself."""
    name, carry, pieces = type(model).__name__, zero, []
    for piece in torch.split(ids, [1, 2, 1], dim=1):
        outputs, carry = _read(model, piece, carry)
        pieces.append(outputs)
    if not alike(torch.cat(pieces, dim=1), whole):
        raise _breaks(
            f'{name} reads {T} symbols at once otherwise than one after the other',
            'the carry after the last symbol with all that is remembered, and no look at later symbols',
        )
    alone = [_read(model, ids[k : k + 1], _zero_carry(model, 1))[0] for k in range(B)]
    if not alike(torch.cat(alone), whole):
        raise _breaks(f'a lane of {name} depends on the lanes beside it', 'no sum or mean over the lanes in forward')


@torch.enable_grad()
def check_masks(model: LanguageModel, symbols: int) -> None:
    """Compare a window that drops nothing and one that drops everything with one without dropout.

    Parameters
    ----------
    symbols : int    those that the masks are made for: 1 if one mask serves all symbols of a window (`locked`)
    """
    name, ids, zero = type(model).__name__, _some_ids(model), _zero_carry(model, B)
    whole, _ = _read(model, ids, zero)
    with running(f'{name}.mask_shapes({B}, {symbols})'):
        shapes = model.mask_shapes(B, symbols)
    if not shapes:
        return
    kept = [torch.ones(shape, device=ids.device, dtype=torch.float32) for shape in shapes]
    if not alike(_read(model, ids, zero, kept)[0], whole):
        raise _breaks(f'{name} computes something else with masks of ones', 'only products with each mask')
    dropped = [torch.zeros_like(mask) for mask in kept]
    if bool(whole.any()) and alike(_read(model, ids, zero, dropped)[0], whole):
        raise _breaks(f'{name} has mask_shapes, and forward does not use the masks', 'x = x * masks[layer] in forward')


def _breaks(what: str, step: str) -> ModelTypeError:
    return ModelTypeError(f'{what}.', f'{step} (help(charrnn.register) has an example)')
