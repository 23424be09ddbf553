"""The limits of settings: the memory that a training needs, before any memory is taken, and the text.

    bytes  =  weights, their gradients and the optimizer's moments  +  for each lane: its carry
              +  the larger of: for each lane what a window keeps; what the optimizer takes for a step

The number comes from settings alone.  It is a lower bound: a training that is refused would have failed, and one that
is not refused may still find too little memory later.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from charrnn.errors import HyperParamsError
from charrnn.hyperparams import HyperParams
from charrnn.models import MODELTYPES, memory_of
from charrnn.text.dataset import Dataset
from charrnn.text.lanes import FIRST_LANES
from charrnn.training.optimizer import MOMENTS

NUMBER = 4
"""Bytes of a float32."""
LAYER = 5_000
"""Bytes that the objects of one layer take, however few its units are; measured: 6,000 to 8,000."""
MARGIN = 5
"""A training takes up to this many times the bound; measured: 1.3 to 4.9."""
MORE_MEMORY = 'a machine with more memory'
"""The next step where no setting is to blame, or none can change."""
SIZES = ('seq_len', 'memory', 'emsize', 'layers', 'state_size')
"""The settings that memory grows with, the easiest to give up first."""


def training_bytes(modeltype: str, vocab_size: int, hyper: HyperParams, lanes: int = 1) -> int:
    """Return the least number of bytes that training such a model on `lanes` lanes takes.

    Parameters
    ----------
    vocab_size : int    V; any part of it while the text is not yet read
    """
    kind = MODELTYPES[modeltype]
    weights = kind.count_weights(vocab_size, hyper)
    copies = 2 + len(MOMENTS[hyper.optimizer] - {'step'})  # the weights, their gradients, and each moment
    copies += bool(hyper.average)
    roots = weights if hyper.optimizer in ('rmsprop', 'muon') else 0  # taken at once, after the window is gone
    carry = max(lanes, FIRST_LANES) * kind.count_carry(hyper)
    window = lanes * kind.count_window(hyper)
    return NUMBER * (copies * weights + carry + max(window, roots)) + LAYER * hyper.layers


def refuse_beyond(
    memory: int,
    modeltype: str,
    vocab_size: int,
    hyper: HyperParams,
    lanes: int = 1,
    *,
    otherwise: str = MORE_MEMORY,
) -> None:
    """Raise HyperParamsError if such a training cannot fit into `memory` bytes.

    The error names the setting that is too large, and a value with which it fits: a smaller number of lanes, or the
    default of the first setting that suffices alone, or else of all that are larger than their defaults.

    Parameters
    ----------
    otherwise : str    the next step if no setting is larger than its default
    """
    needed = training_bytes(modeltype, vocab_size, hyper, lanes)
    if needed <= memory:
        return
    if lanes > 1:
        fixed = training_bytes(modeltype, vocab_size, hyper)
        if fixed <= memory:
            each = max(1, (needed - fixed) // (lanes - 1))
            fitting = 1 + (memory - fixed) // each // MARGIN
            raise _too_large(f'batchsize={lanes}', needed, memory, f'batchsize={fitting}')
    given, defaults = hyper.facts(), HyperParams().facts()
    large = [name for name in SIZES if given[name] > defaults[name]]
    for names in (*([name] for name in large), large):
        if hyper.tied and hyper.emsize and 'state_size' in names:
            names = [*names, 'emsize']  # the two share one matrix
        smaller = {name: defaults[name] for name in names}
        if training_bytes(modeltype, vocab_size, replace(hyper, **smaller)) <= memory:
            what = ', '.join(f'{name}={given[name]}' for name in smaller)
            step = ', '.join(f'{name}={value}' for name, value in smaller.items())
            raise _too_large(what, needed, memory, step)
    raise _too_large(f'a vocabulary of {vocab_size:,} symbols', needed, memory, otherwise)


def in_gigabytes(size: int) -> str:
    """Return a number of bytes in words.

    >>> in_gigabytes(24 * 10**12)
    '24,000.0 GB'
    """
    return f'{size / 1e9:,.1f} GB'


def _too_large(what: str, needed: int, memory: int, step: str) -> HyperParamsError:
    has = f'this process may take {in_gigabytes(memory)}'
    return HyperParamsError(f'{what} needs at least {in_gigabytes(needed)} of memory, and {has}.', step)


def at_rest(hyper: HyperParams) -> HyperParams:
    """Return the settings of the same model with windows of one symbol: the least that it takes before it trains."""
    return replace(hyper, seq_len=1, memory=hyper.memory or hyper.seq_len)


def refuse_unfit(modeltype: str, hyper: HyperParams, data: Dataset, device: torch.device, lanes: int = 1) -> None:
    """Raise HyperParamsError if a text is too short for these settings, has no split for them, or memory is too small.

    Parameters
    ----------
    lanes : int    number of lanes that the suggested length of a window is for
    """
    n = data.train_size
    for name, most in (('seq_len', max(1, n // lanes)), ('memory', n)):
        given = getattr(hyper, name)
        if given > n:
            raise HyperParamsError(f'{name}={given}, and the text has {n:,} training symbols.', f'{name}={most}')
    if hyper.anneal < 1 and not len(data.valid):
        raise HyperParamsError(
            f'anneal={hyper.anneal} needs a validation split, and this text leaves none.',
            'anneal=1.0, or a new run with trainfrac=0.9 or on a directory with valid.txt',
        )
    fewer = 'vocab_size=10000' if data.chars.level == 'word' else MORE_MEMORY
    refuse_beyond(memory_of(device), modeltype, len(data.chars), hyper, otherwise=fewer)
