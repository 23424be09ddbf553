"""The verb mean: several runs that read, score and write as one, by the mean of their predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from charrnn.display.text import NOUNS, count, fitted
from charrnn.errors import TrainingError
from charrnn.hyperparams import HyperParams
from charrnn.models import Ensemble, LanguageModel
from charrnn.sampling.state import digest_of
from charrnn.session import generation, memory, prediction, scores
from charrnn.session.comparison import spread
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.text.dataset import Dataset


@dataclass(frozen=True)
class _Reading:
    """A model that only reads, in the place of a Learner."""

    evaluated: LanguageModel
    data: Dataset
    modeltype: str
    position: int
    seed: int

    @property
    def model(self) -> LanguageModel:
        return self.evaluated

    @property
    def hyper(self) -> HyperParams:
        return self.evaluated.hyper

    @property
    def device(self) -> torch.device:
        return self.evaluated.device


class _MeanRun(Run):
    """A run that is only read; its text and its working directory are those of the first of several runs."""

    def __init__(self, members: list[Run], reading: Any) -> None:
        super().__init__(members[0].workspace, reading)
        self.name = f'mean of {", ".join(member.workspace.path.name for member in members)}'

    @property
    def modeltype(self) -> str:
        return 'mean'

    def best_model(self) -> tuple[LanguageModel, str]:
        return self.learner.evaluated, 'weights as they were when the mean was made, '


@fitted
class Mean:
    """Several runs that predict as one: the mean of their probabilities, with the weights of when it was made.

    It has the verbs that read and write: evaluate, score, next, read and generatestring.
    """

    _run: Run

    def __init__(self, run: Run) -> None:
        self._run = run

    def __repr__(self) -> str:
        model = self._run.learner.evaluated
        weights = count(sum(p.numel() for p in model.parameters()))
        return f'<{self._run.name}: {weights} weights, {NOUNS[self._run.data.chars.level]}>'

    evaluate = scores.evaluate
    score = scores.score
    read = memory.read
    next = prediction.next
    generatestring = generation.generatestring


@known_names_only
def mean(*runs: Session) -> Mean:
    """Let several runs predict as one, by the mean of their probabilities.

    The runs have one text and one vocabulary: different seeds, sizes or
    model types. The result is a value with the weights as they are now,
    and has the verbs evaluate, score, next, read and generatestring.
    As a rule it predicts better than the best of its members.

        both = mean(ms1, ms2)
        both.evaluate()
        generatestring(both, 300)

    Raises TrainingError (no model, other texts).
    """
    if not runs:
        raise TrainingError('there is nothing to average.', 'mean(ms1, ms2)')
    each = [run_of(ms) for ms in spread('mean', runs)]
    first = each[0]
    for other in each[1:]:
        ours, theirs = first.data, other.data
        if digest_of(ours.chars) != digest_of(theirs.chars):
            why = 'have different vocabularies'
        elif ours.train_size != theirs.train_size or not np.array_equal(ours.indices, theirs.indices):
            why = 'learn from different texts or parts of a text'
        else:
            continue
        raise TrainingError(
            f'{first.workspace.name!r} and {other.workspace.name!r} {why}.',
            'runs that begin with the same file, level and trainfrac, and other seeds',
        )
    members = [run.learner.moment().model(run.data, first.learner.device) for run in each]
    ensemble: Any = _Reading(Ensemble(members), first.data, first.modeltype, first.learner.position, first.learner.seed)
    return Mean(_MeanRun(each, ensemble))
