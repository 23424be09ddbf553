"""The prime: a text, or a State of an earlier call, that a model has read before it writes or predicts."""

from __future__ import annotations

from charrnn.arguments import check_errors_argument
from charrnn.errors import SamplingError, shown, typed
from charrnn.sampling.sample import Sample
from charrnn.sampling.state import Origin, State, origin, read_on
from charrnn.session.run import Run
from charrnn.text.vocabulary import errors_for, excerpt

Prime = str | bytes | State | None


def origin_of(run: Run) -> Origin:
    """Return what a state of this run, with its weights as they are, belongs to."""
    learner = run.learner
    return origin(run.workspace.path.name, run.modeltype, learner.position, learner.evaluated, run.data.chars)


def start_of(run: Run, prime: Prime, errors: str = 'strict') -> tuple[State, str]:
    """Return the state after a prime, and the text of the prime, as far as it is known.

    Raises
    ------
    CharSetError     a symbol of the text is unknown
    SamplingError    the prime is empty, or a state of other weights
    """
    check_errors_argument(errors)
    if isinstance(prime, State):
        return fitting_state(run, prime), prime.line
    before = default_prime(run) if prime is None else indices_of(run, prime, errors)
    if not before:
        step = f'leave prime out, or prime={example_of(run)}'
        raise SamplingError('the prime is empty: there is nothing to go on from.', step)
    model, chars = run.learner.evaluated, run.data.chars
    carry, pending = read_on(model, model.zero_carry(1), before)
    line = prime.rpartition('\n')[2] if chars.level == 'word' and isinstance(prime, str) else ''
    return State(carry, pending, origin_of(run), line), chars.decode(before)


def fitting_state(run: Run, state: State) -> State:
    """Return a state that the user gave, if it belongs to the weights and the vocabulary of this run as they are.

    Raises
    ------
    SamplingError    it does not
    """
    here = origin_of(run)
    if state.of.identity == here.identity:
        return state
    differs = 'another vocabulary' if state.of.vocabulary != here.vocabulary else 'other weights'
    raise SamplingError(
        f'this is a state of {state.of}, and this model is {here}: {differs}, so it means nothing here.',
        'state = ms.read(text), which reads the text again',
    )


def example_of(run: Run) -> str:
    """Return some text that this model can read, as it is typed."""
    text = excerpt(run.data.chars, run.data.train)
    return typed(text) if text else "'a', errors='replace'"


def example_call(run: Run, call: str) -> str:
    """Return a call, ``ms.score({})`` or ``ms.score([{}])``, with a text that this model can read."""
    text, comma, more = example_of(run).partition(', errors')
    return f'{call.format(text)[:-1]}{comma}{more})'


def as_prime(run: Run, text: str) -> str:
    """Return the call that gives a text as the prime."""
    return f'ms.generatestring({f"prime={typed(text)}{errors_for(run.data.chars, text)}" if text else ""})'


def indices_of(run: Run, text: str | bytes, errors: str = 'strict', name: str = 'prime') -> list[int]:
    """Return the indices of a text that the user gave; a model of bytes also takes the bytes of a sample, or bytes.

    Parameters
    ----------
    name : str    of the argument, for the error
    """
    if run.data.chars.level == 'byte':
        given = text.bytes if isinstance(text, Sample) else text
        if isinstance(given, bytes):
            return list(given)
    if not isinstance(text, str):
        raise SamplingError(f'{shown(text)} is no text.', f'{name}={example_of(run)}')
    indices: list[int] = run.data.chars.encode(text, errors).tolist()
    return indices


def newline_of(run: Run) -> int | None:
    """Return the symbol that is a line break; None if the vocabulary has none."""
    newline: list[int] = run.data.chars.encode('\n', errors='replace').tolist()
    return None if newline == [0] else newline[0]  # 0: unknown; no level has a line break there


def default_prime(run: Run) -> list[int]:
    """Return a line break, if the text has one, else the first training symbol."""
    newline = newline_of(run)
    return [int(run.data.train[0]) if newline is None else newline]
