"""Drawing text from a model: softmax with a temperature, one symbol at a time.

Draws come from a NumPy generator of their own, so that sampling never touches torch's random stream and a seed fixes
a text on any device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.display.printable import printable
from charrnn.errors import SamplingError
from charrnn.models import Carry, LanguageModel

PRIME_AT_ONCE = 1000


class Sample(str):
    """Generated text: a plain str, except that the prompt shows it with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return printable(self)


def choose(logits: NDArray[np.float64], temp: float, draw: float) -> int:
    """The index that the number `draw` in [0, 1) picks from softmax(logits / temp); the largest logit at temp 0.

    Parameters
    ----------
    logits : (V,) float64     -inf for what must not come
    """
    if temp == 0:
        return int(logits.argmax())
    with np.errstate(over='ignore'):  # a tiny temp sends all but the largest to exp(-inf) = 0, as it should
        weights = np.exp((logits - logits.max()) / temp)
    heights = weights.cumsum()
    return int(heights.searchsorted(draw * heights[-1], side='right'))


@torch.no_grad()
def sample_indices(
    model: LanguageModel,
    carry: Carry,
    prime: Sequence[int],
    length: int,
    temp: float,
    draws: np.random.Generator,
    *,
    silent: int | None,
) -> list[int]:
    """Read `prime`, then draw `length` symbols, each fed back.

    Parameters
    ----------
    carry : Carry            of one lane, from before the prime; not modified
    prime : at least one index
    silent : int or None     the index that must not come: the unknown symbol, unless the text holds it
    Returns
    -------
    list of int, (length,)   the prime is not among them
    Raises
    ------
    SamplingError            an impossible length or temperature, or logits that are not numbers
    """
    if length < 0:
        raise SamplingError(f'numchars={length} is negative.', 'numchars=500')
    if not (math.isfinite(temp) and temp >= 0):
        raise SamplingError(
            f'temp={temp} is not a finite number of at least 0.',
            'temp=0.5; 0 always takes the likeliest, 1 is as learned',
        )
    device = next(model.parameters()).device

    def read(indices: Sequence[int], carry: Carry) -> tuple[Tensor, Carry]:
        outputs, after = model(torch.tensor([indices], dtype=torch.int64, device=device), carry)
        return outputs[:, -1], after

    for start in range(0, len(prime), PRIME_AT_ONCE):
        outputs, carry = read(prime[start : start + PRIME_AT_ONCE], carry)
    chosen: list[int] = []
    for draw in draws.random(length):
        logits = model.logits(outputs)[0].cpu().double().numpy()
        if silent is not None:
            logits[silent] = -math.inf
        if np.isnan(logits).any():
            raise SamplingError('the model answers nan: its weights are no longer numbers.', "ms.restore('best')")
        chosen.append(choose(logits, temp, draw))
        if len(chosen) < length:
            outputs, carry = read(chosen[-1:], carry)
    return chosen
