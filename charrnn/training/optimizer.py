"""The optimizers, with clipping and L2 in units of a summed loss.

`clip` and `regcost` are in units of the loss *summed* over a window of all lanes, B·T symbols, so that they mean the
same at every window size; the loss here is the mean, so they are divided by B·T.  In the order in which they act on
the mean gradient g of a weight w:

    g ← clamp(g, -clip/(B·T), clip/(B·T))              each element by itself
    g ← g + regcost/(B·T) · w                          weights only, not biases
    rmsprop    v ← decay · v + (1 - decay) · g²,  w ← w - learnrate · g / (√v + 1e-8)
    sgd        w ← w - learnrate · g
    adamw      Adam's step (0.9, 0.999), without the second line: its decay is decoupled, so regcost is torch's
               weight_decay itself, w ← w - learnrate · regcost · w, in no units of a loss
    muon       see ``muon``; regcost as with adamw

`clipnorm` replaces the first line by scaling all gradients together so that their norm is at most clipnorm, in mean
units as everywhere else.

The parameters of a group, and with them their gradients and moments, lie in one block of memory each, so that a line
above is one pass over it and not one for each parameter.

Source: Tieleman & Hinton 2012, lecture 6.5 (RMSProp; torch's `alpha` is our `decay`); Pascanu et al. 2013,
arXiv:1211.5063 (norm clipping); Loshchilov & Hutter 2019, arXiv:1711.05101 (AdamW).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from charrnn.errors import CheckpointError
from charrnn.hyperparams import HyperParams
from charrnn.models import LanguageModel
from charrnn.training.muon import Muon


def build_optimizer(model: LanguageModel, hyper: HyperParams) -> torch.optim.Optimizer:
    """Return a fresh optimizer over groups: the weights (matrices, regularised) and the biases.

    The parameters move into the blocks of their groups; all that holds them holds them still.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    blocks = model.hidden_matrices() if hyper.optimizer == 'muon' else {}
    rest = [p for name, p in named.items() if name not in blocks]
    kinds = {True: [p for p in rest if p.ndim > 1], False: [p for p in rest if p.ndim <= 1]}
    groups: list[dict[str, Any]] = [
        {'params': [_one_block(members)], 'members': members, 'regularised': regularised}
        for regularised, members in kinds.items()
        if members
    ]
    if hyper.optimizer == 'muon':
        return Muon([(named[name], number) for name, number in blocks.items()], groups, hyper.learnrate)
    if hyper.optimizer == 'sgd':
        return torch.optim.SGD(groups, lr=hyper.learnrate, fused=True)
    if hyper.optimizer == 'adamw':
        return torch.optim.AdamW(groups, lr=hyper.learnrate, weight_decay=0.0, fused=True)
    return torch.optim.RMSprop(groups, lr=hyper.learnrate, alpha=hyper.decay, eps=1e-8)


@torch.inference_mode(False)
def _one_block(parameters: Sequence[nn.Parameter]) -> nn.Parameter:
    """Move parameters into one block of memory, one behind the other, and return the block."""
    block = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in parameters]))
    for p, part in zip(parameters, _parts(block.detach(), parameters), strict=True):
        p.data = part
    return block


def _parts(block: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return the part of a block that belongs to each parameter, in its shape."""
    parts = torch.split(block.view(-1), [p.numel() for p in parameters])
    return [part.view_as(p) for part, p in zip(parts, parameters, strict=True)]


def _blocks(optimizer: torch.optim.Optimizer) -> Iterator[tuple[nn.Parameter, list[nn.Parameter]]]:
    """Yield what the optimizer steps on, and the model's parameters in it: those of a block, or itself."""
    for group in optimizer.param_groups:
        for block in group['params']:
            yield block, group.get('members', [block])


def collect_gradients(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Move the gradients of the parameters into the blocks of their groups; return all gradients as the blocks are.

    A parameter of a block that has no gradient has one of zeros.
    """
    found = []
    for group in optimizer.param_groups:
        if members := group.get('members'):
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in members]
            group['params'][0].grad = torch.cat([g.reshape(-1) for g in gradients])
            for p in members:
                p.grad = None
        found += [p.grad for p in group['params'] if p.grad is not None]
    return found


def apply_update(
    optimizer: torch.optim.Optimizer, hyper: HyperParams, learnrate: float, symbols: int, grad_norm: Tensor
) -> None:
    """Clip, regularise and step, with the collected gradients of a mean loss over `symbols` = B·T symbols."""
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    if hyper.clipnorm:
        nn.utils.clip_grads_with_norm_(parameters, hyper.clipnorm, grad_norm)
    elif hyper.clip:
        nn.utils.clip_grad_value_(parameters, hyper.clip / symbols)
    # torch adds weight_decay · w to the clipped gradient, except AdamW, which multiplies it by the rate.
    decoupled = isinstance(optimizer, torch.optim.AdamW)
    for group in optimizer.param_groups:
        group['lr'] = learnrate
        if group['regularised']:
            group['weight_decay'] = hyper.regcost if decoupled else hyper.regcost / symbols
    optimizer.step()


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Yield the optimizer's moments, named after the parameters they belong to."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    for block, members in _blocks(optimizer):
        for moment, value in optimizer.state.get(block, {}).items():
            # A count of steps is that of each member.
            parts = _parts(value, members) if value.ndim else [value] * len(members)
            yield from ((f'{names[p]}/{moment}', part) for p, part in zip(members, parts, strict=True))


MOMENTS = {
    'rmsprop': {'step', 'square_avg'},
    'adamw': {'step', 'exp_avg', 'exp_avg_sq'},
    'muon': {'momentum_buffer'},
    'sgd': set[str](),
}
"""The moments of a parameter by optimizer; with muon, a parameter that is no hidden matrix has those of adamw."""


def check_optimizer_tensors(model: LanguageModel, hyper: HyperParams, saved: dict[str, Tensor]) -> None:
    """Raise CheckpointError unless each parameter has all the moments of this optimizer in its own shape, or none."""
    parameters, found = dict(model.named_parameters()), dict[str, set[str]]()
    for key, value in saved.items():
        name, _, moment = key.rpartition('/')
        found.setdefault(name, set()).add(moment)
        shape = parameters[name].shape if name in parameters and moment != 'step' else torch.Size()
        # Step counts have torch's default type of when they were made.
        known = value.dtype == torch.float32 or (moment == 'step' and value.dtype == torch.float64)
        if name not in parameters or value.shape != shape or not known:
            raise CheckpointError(f'optimizer moment {key[:60]!r} belongs to no such model.', 'another checkpoint')
    hidden = model.hidden_matrices()
    for name, moments in found.items():
        by_adamw = hyper.optimizer == 'muon' and name not in hidden
        if moments != MOMENTS['adamw' if by_adamw else hyper.optimizer]:
            raise CheckpointError(f'{name[:60]!r} lacks the moments of {hyper.optimizer}.', 'another checkpoint')


def load_optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, saved: Mapping[str, Tensor]) -> None:
    """Put saved moments back; a parameter without saved moments has taken no step yet."""
    optimizer.state.clear()
    names = {parameter: name for name, parameter in model.named_parameters()}
    moments = {key.rpartition('/')[2] for key in saved}
    for block, members in _blocks(optimizer):
        for moment in moments:
            values = [saved.get(f'{names[p]}/{moment}') for p in members]
            there = [value for value in values if value is not None]
            if not there:
                continue
            if there[0].ndim:
                filled = [torch.zeros(p.shape) if v is None else v for p, v in zip(members, values, strict=True)]
                value = torch.cat([v.reshape(-1) for v in filled]).view_as(block)
            else:
                value = torch.stack(there).amax()
            # As torch itself keeps them: moments lie beside their block, step counts on the CPU unless it is fused.
            beside = value.ndim or optimizer.defaults.get('fused')
            optimizer.state[block][moment] = value.to(block.device if beside else 'cpu', copy=True)
