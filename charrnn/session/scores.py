"""Measuring a model: the verbs evaluate and checkcausal."""

from __future__ import annotations

from charrnn.display.progress import Screen
from charrnn.errors import warn
from charrnn.evaluation.causality import first_look_ahead
from charrnn.evaluation.units import Evaluation
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only


@known_names_only
def evaluate(ms: Session, split: str = 'valid') -> Evaluation:
    """Measure the loss of a split, beside its baselines.

    `split` is 'valid', 'train' or 'test'. Every symbol is scored once,
    under a protocol that the result states. 'test' is measured on the best
    checkpoint. Nothing of the run changes.
    Raises TrainingError (there is no such split).
    """
    run = run_of(ms)
    run.data.split(split)  # or it says what is wrong
    model, label = run.best_model() if split == 'test' else (run.learner.model, '')
    return run.measurements.evaluate(model, split, label, Screen(level=run.data.chars.level))


@known_names_only
def checkcausal(ms: Session) -> bool:
    """Test that no symbol changes an earlier prediction.

    Tried on this model, with its weights as they are. A model that
    looks ahead is named in a warning too: its losses are no losses of
    prediction.
    """
    run = run_of(ms)
    place = first_look_ahead(run.learner.model, len(run.data.chars))
    if place is not None:
        warn(
            f'this {run.modeltype} looks ahead: the symbol at place {place} changed predictions before it. '
            'Its losses are not losses of prediction.'
        )
    return place is None
