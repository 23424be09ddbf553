"""The average of the weights along a training, which evaluates and draws while the weights themselves go on learning.

    a ← d · a + (1 - d) · w      after each update;  d = min(average, (1 + t) / (10 + t)) at the update t = 0, 1, 2, …

Early in a run the average is short, so that the first weights are soon forgotten.

Source: Polyak & Juditsky 1992 (averaging); the shorter average of the first updates is that of TensorFlow's
ExponentialMovingAverage.
"""

from __future__ import annotations

import copy

import torch

from charrnn.models import LanguageModel


def averaged_copy(model: LanguageModel) -> LanguageModel:
    """Return a copy of a model, with which an average begins; it has no gradients."""
    with torch.inference_mode(False):
        return copy.deepcopy(model).requires_grad_(False)


@torch.no_grad()
def follow(averaged: LanguageModel, model: LanguageModel, average: float, updates: int) -> None:
    """Move an average towards the weights of a model.

    Parameters
    ----------
    average : float    smoothing constant
    updates : int      t: updates of the run before the last one
    """
    kept = min(average, (1 + updates) / (10 + updates))
    torch._foreach_lerp_(list(averaged.parameters()), list(model.parameters()), 1 - kept)
