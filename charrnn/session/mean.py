"""The verb mean: several runs that read, score and write as one, by the mean of their predictions."""

from __future__ import annotations

import numpy as np

from charrnn.display.text import fitted
from charrnn.errors import TrainingError
from charrnn.models import Ensemble
from charrnn.sampling.state import digest_of
from charrnn.session import generation, memory, prediction, scores
from charrnn.session.comparison import spread
from charrnn.session.frozen import Frozen, FrozenRun, Reading
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only


@fitted
class Mean(Reading):
    """Several runs that predict as one: the mean of their probabilities, with the weights of when it was made.

    It has the verbs that read and write: evaluate, score, next, read and generatestring.
    """

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
    frozen = Frozen(Ensemble(members), first.data, first.modeltype, first.learner.position, first.learner.seed)
    name = f'mean of {", ".join(run.workspace.path.name for run in each)}'
    return Mean(FrozenRun(first.workspace, frozen, 'mean', name, 'the mean was made'))
