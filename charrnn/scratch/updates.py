"""Updates of the weights of a model by hand: Adagrad and RMSProp with clipped gradients, one equation per line.

    g ← clamp(g, -clip, clip)                                  limits the step after a steep window
    adagrad    m ← m + g²                        w ← w - rate · g / √(m + ε)      the rate of a weight only falls
    rmsprop    m ← decay · m + (1 - decay) · g²  w ← w - rate · g / (√m + ε)      it can rise again

Source: Duchi et al. 2011 (Adagrad); Tieleman & Hinton 2012, lecture 6.5 (RMSProp).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from charrnn.scratch.inputs import Array

EPSILON = 1e-8


def adagrad(
    weights: Mapping[str, Array],
    gradients: Mapping[str, Array],
    memory: dict[str, Array],
    rate: float,
    clip: float = 5.0,
) -> None:
    """Update the weights in place by one step of Adagrad; `memory` starts as an empty dict."""
    for name, w in weights.items():
        g = np.clip(gradients[name], -clip, clip)
        memory[name] = memory.get(name, 0) + g**2
        w -= rate * g / np.sqrt(memory[name] + EPSILON)


def rmsprop(
    weights: Mapping[str, Array],
    gradients: Mapping[str, Array],
    memory: dict[str, Array],
    rate: float,
    decay: float = 0.95,
    clip: float = 5.0,
) -> None:
    """Update the weights in place by one step of RMSProp; `memory` starts as an empty dict."""
    for name, w in weights.items():
        g = np.clip(gradients[name], -clip, clip)
        memory[name] = decay * memory.get(name, 0) + (1 - decay) * g**2
        w -= rate * g / (np.sqrt(memory[name]) + EPSILON)
