"""The memory of a model as a value: the verbs read, lane and loadstate."""

from __future__ import annotations

from pathlib import Path

from charrnn.arguments import check_errors_argument, path_of
from charrnn.errors import HyperParamsError, SamplingError, shown
from charrnn.models import Carry
from charrnn.sampling.state import State, load_state, read_on
from charrnn.session.prime import Prime, example_of, fitting_state, indices_of, origin_of, start_of
from charrnn.session.run import Session, run_of
from charrnn.signatures import known_names_only


@known_names_only
def read(ms: Session, text: str | bytes, *, prime: Prime = None, errors: str = 'strict') -> State:
    """Return what the model remembers after a text.

    The text is read from a state of zeros, or from `prime`: a State, or a
    text that is read first. The State is a value: generatestring, next,
    score and read take it as prime=, as often as you like; state.save(path)
    keeps it, ms.loadstate(path) brings it back. It is of these weights: a
    model that has trained on reads the text again.

    Parameters
    ----------
    text : str       at least one symbol; a model of bytes also takes bytes
    prime : State    what was read before; or a text
    errors : str     'strict', or 'replace', as in generatestring

    Raises CharSetError (an unknown symbol), SamplingError (no text).
    """
    run = run_of(ms)
    check_errors_argument(errors)
    before = None if prime is None else start_of(run, prime, errors)[0]
    indices = indices_of(run, text, errors, 'text')
    if not indices:
        raise SamplingError('the text is empty: there is nothing to read.', f'text={example_of(run)}')
    learner, is_words = run.learner, run.data.chars.level == 'word'
    line = (before.line if before else '') + text if is_words and isinstance(text, str) else ''
    carry = before.carry if before else learner.evaluated.zero_carry(1)
    carry, pending = read_on(learner.evaluated, carry, [before.pending, *indices] if before else indices)
    return State(carry, pending, origin_of(run), line.rpartition('\n')[2])


@known_names_only
def lane(ms: Session, k: int = 0) -> State:
    """Return a copy of the live state of training lane `k`.

    It remembers the training text up to where the lane stands; its next
    symbol is the one that the lane reads next.
    Raises HyperParamsError (no such lane).
    """
    run = run_of(ms)
    learner = run.learner
    lanes = learner.carry.lanes
    if type(k) is not int or not 0 <= k < lanes:
        raise HyperParamsError(f'no lane {shown(k)}: this run has {lanes}.', f'ms.lane({lanes - 1})')
    carry, symbol = Carry.join([learner.carry.lane(k)]), learner.next_symbol(k)
    line = run.data.chars.decode([symbol]) if run.data.chars.level == 'word' else ''
    return State(carry, symbol, origin_of(run), line.rpartition('\n')[2])


@known_names_only
def loadstate(ms: Session, path: str | Path) -> State:
    """Return a state that state.save(path) has saved.

    Every byte is verified, and nothing is unpickled.
    Raises CheckpointError (not there, or damaged), SamplingError (a state of
    other weights).
    """
    run = run_of(ms)
    return fitting_state(run, load_state(path_of('path', path), run.learner.evaluated, run.data.chars))
