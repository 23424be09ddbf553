"""Models that only read and write: of several runs together, or of an exported folder; nothing in them is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from charrnn.display.text import NOUNS, count, fitted
from charrnn.hyperparams import HyperParams
from charrnn.models import LanguageModel
from charrnn.session.run import Run
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset


@dataclass(frozen=True)
class Frozen:
    """A model in the place of a Learner.

    Parameters
    ----------
    evaluated : LanguageModel
    data : Dataset               at least its vocabulary, and the symbol that a text begins with
    modeltype : str              of the run that it comes from, or of the first of several
    position, seed : int         of that run
    """

    evaluated: LanguageModel
    data: Dataset
    modeltype: str
    position: int
    seed: int

    @property
    def model(self) -> LanguageModel:
        """The model."""
        return self.evaluated

    @property
    def hyper(self) -> HyperParams:
        """Its settings."""
        return self.evaluated.hyper

    @property
    def device(self) -> torch.device:
        """Its device."""
        return self.evaluated.device


class FrozenRun(Run):
    """A run that is only read."""

    def __init__(self, workspace: Workspace, frozen: Frozen, kind: str, name: str, since: str) -> None:
        learner: Any = frozen
        super().__init__(workspace, learner)
        self._kind, self.name, self._since = kind, name, since

    @property
    def modeltype(self) -> str:
        """The kind of the model."""
        return self._kind

    def best_model(self) -> tuple[LanguageModel, str]:
        """Return the model, with a label that says from when its weights are."""
        return self.learner.evaluated, f'weights as they were when {self._since}, '


@fitted
class Reading:
    """The base of what has a frozen run: a repr of one line."""

    _run: Run

    def __init__(self, run: Run) -> None:
        self._run = run

    def __repr__(self) -> str:
        weights = count(sum(p.numel() for p in self._run.learner.evaluated.parameters()))
        return f'<{self._run.name}: {weights} weights, {NOUNS[self._run.data.chars.level]}>'
