"""The units and the attention of a model while it reads a text: the verbs trackneurons and trackattention."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.errors import SamplingError, TrainingError
from charrnn.evaluation.cost import read
from charrnn.session.generation import indices_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only


@known_names_only
def trackneurons(ms: Session, text: str, *, errors: str = 'strict') -> NDArray[np.float32]:
    """Return every unit's state while a text is read.

    (layer, unit, time): the hidden states after each symbol, from a state of zeros. Raises
    CharSetError (an unknown symbol), SamplingError (no text).
    """
    run = run_of(ms)
    ids = _symbols_of(run, text, errors, "ms.trackneurons('some text')")
    model = run.learner.model
    states = [carry['h'][:, 0] for _, carry in read(model, ids, model.zero_carry(1), at_once=1)]
    found: NDArray[np.float32] = torch.stack(states, dim=-1).float().cpu().numpy()
    return found


@known_names_only
def trackattention(ms: Session, text: str, *, errors: str = 'strict') -> NDArray[np.float32]:
    """Return what each symbol of a text attends to.

    (time, time): rows attend, columns are attended to; each row sums to 1 and is zero
    behind its diagonal. Raises TrainingError (this model type has no
    attention), CharSetError (an unknown symbol), SamplingError (no text).
    """
    run = run_of(ms)
    ids = _symbols_of(run, text, errors, "ms.trackattention('some text')")
    with torch.no_grad():
        weights = run.learner.model.attention_weights(ids)
    if weights is None:
        raise TrainingError(f'{run.modeltype} has no attention.', "a run with modeltype='LSTMAttention'")
    found: NDArray[np.float32] = weights.cpu().numpy()
    return found


def _symbols_of(run: Run, text: str, errors: str, following: str) -> torch.Tensor:
    """Return the symbols of a text that is not empty, (1, T)."""
    ids = indices_of(run, text, errors)
    if not ids:
        raise SamplingError('the text is empty: there is nothing to read.', following)
    return torch.tensor([ids], device=run.learner.device)
