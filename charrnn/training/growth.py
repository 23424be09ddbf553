"""A moment grows with its text: new symbols get weights and moments, and everything else stays as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from charrnn.models import build_model
from charrnn.text.dataset import Dataset
from charrnn.training.moment import Moment

UNEXPECTED = 1e-3
"""The probability of all new symbols together, where the model has no reason to expect one rather than another."""


def grown(moment: Moment, data: Dataset) -> Moment:
    """Return a moment on a dataset to which a text was added.

    The weights of a new symbol are those of a fresh model, except in an untied readout, where they are zero.  Its bias
    is so low that all new symbols together are hardly expected (see UNEXPECTED), and its moments are zero.  The carry
    stays; the lanes stand evenly spaced on the larger ring from the next window on.
    """
    before = len(moment.weights['readout_bias'])
    old = dict(build_model(moment.modeltype, before, moment.hyper, None).named_parameters())
    new = dict(build_model(moment.modeltype, len(data.chars), moment.hyper, moment.seed).named_parameters())
    fresh = {name: parameter.detach() for name, parameter in new.items()}
    if len(data.chars) > before:
        if not moment.hyper.tied:
            fresh['readout_weight'] = torch.zeros_like(fresh['readout_weight'])
        fresh['readout_bias'] = torch.full_like(
            fresh['readout_bias'], _low(moment.weights['readout_bias'], len(data.chars))
        )

    def with_new(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: _inside(tensor, fresh[name]) for name, tensor in tensors.items()}

    optimizer = {}
    for key, value in moment.optimizer.items():
        name = key.rpartition('/')[0]
        grows = value.shape == old[name].shape and value.shape != new[name].shape
        optimizer[key] = _inside(value, torch.zeros(new[name].shape, dtype=value.dtype)) if grows else value
    return replace(
        moment,
        ring=moment.ring.grown(data.train_size, moment.symbols),
        weights=with_new(moment.weights),
        average=with_new(moment.average),
        optimizer=optimizer,
    )


def _low(bias: Tensor, symbols: int) -> float:
    """Return the bias of each new symbol, in nats, of a readout that grows from `bias` (V,) to `symbols` symbols."""
    share = UNEXPECTED / (symbols - len(bias))
    return min(float(bias.logsumexp(0)) + math.log(share), float(bias.min()))


def _inside(tensor: Tensor, larger: Tensor) -> Tensor:
    """Return `larger` with a tensor in its first places."""
    if tensor.shape == larger.shape:
        return tensor
    found = larger.clone()
    found[tuple(slice(size) for size in tensor.shape)] = tensor
    return found
