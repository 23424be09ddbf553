"""The standing of a training: one finding from the losses and the baselines, its words, and what to type next.

| finding    | condition                                                                | next                     |
|------------|--------------------------------------------------------------------------|--------------------------|
| untrained  | no update yet                                                            | train                    |
| diverged   | worse than guessing uniformly, or than the unigram rung after a better   | the best, a smaller rate |
|            | checkpoint; and the training loss is high too                            |                          |
| memorising | validation has risen since the best round, training has fallen below it  | the best                 |
| few        | fewer than FEW updates, and a loss near the unigram rung                 | train more rounds        |
| guessing   | no better than the unigram rung                                          | train more rounds        |
| learning   | none of these                                                            | generate                 |

The first finding whose condition holds is the one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charrnn.display.text import number

FEW = 100
"""Updates below which a loss tells nothing about a run."""
OVERSHOOT = 1.0
"""Nats above the uniform rung that an untrained model, or the first few updates, may reach."""
EARLY = 0.85
"""Share of the unigram rung below which a loss shows that even few updates were enough to learn from."""
RISE = 0.05
"""Nats above the best validation that are a rise and not noise."""
SAFE_RATES = {'sgd': 0.1}
"""The largest learning rate that is suggested after a divergence, by optimizer; for all others DEFAULT_RATE."""
DEFAULT_RATE = 0.001
ROUNDS = (1, 2, 5)
"""Suggested numbers of rounds are these times a power of ten."""


@dataclass(frozen=True)
class Course:
    """The numbers that decide where a run stands.

    Parameters
    ----------
    updates : int                    windows trained
    round_updates : int              windows of a round of the next ms.trainmodel()
    train_nats : float or None       the newest mean training loss
    valid_nats : sequence            (round, loss) of each validation, oldest first
    best : (round, loss) or None     the best checkpoint
    uniform : float                  baselines of the validation split, in nats; `unigram` is None if there is none,
    unigram : float or None          or if it is too slow to compute
    learnrate : float                of the next window
    optimizer : str
    level : str                      'char', 'byte' or 'word'
    cosine : float                   epochs over which the rate falls; 0 for another schedule
    """

    updates: int
    round_updates: int
    train_nats: float | None
    valid_nats: Sequence[tuple[int, float]]
    best: tuple[int, float] | None
    uniform: float
    unigram: float | None
    learnrate: float
    optimizer: str
    level: str
    cosine: float = 0.0


@dataclass(frozen=True)
class Standing:
    """One finding about a run.

    Parameters
    ----------
    finding : str        a row of the table above
    words : str          a sentence about it for the screen; empty if there is nothing to say
    next_step : str      what to type next
    """

    finding: str
    words: str
    next_step: str


def standing_of(course: Course) -> Standing:
    """Return the finding about a run."""
    if not course.updates:
        return Standing('untrained', '', f'ms.trainmodel({math.ceil(course.cosine) if course.cosine > 1 else ""})')
    kind, nats = ('valid', course.valid_nats[-1][1]) if course.valid_nats else ('train', course.train_nats)
    if nats is None:
        return Standing('learning', '', 'generatestring(ms, temp=0.5)')
    few = course.updates < FEW
    fits_training = course.train_nats is not None and course.train_nats < (course.unigram or course.uniform)
    if nats > course.uniform + (OVERSHOOT if few else 0) and not fits_training:
        return Standing('diverged', f'{kind} {diverged(nats, course.uniform)}', _way_back(course))
    is_guessing = bool(course.valid_nats) and course.unigram is not None and nats >= course.unigram
    if is_guessing and not fits_training and course.best and course.best[1] < nats - OVERSHOOT:
        words = f'valid {number(nats)} nats, far above the best ({course.best[1]:.2f}): diverged'
        return Standing('diverged', words, _way_back(course))
    if (since := _risen_since(course)) is not None:
        words = f'the validation loss has risen since round {since}: learning the text by heart'
        back = "ms.restore('best')" + ('' if since else ', then ms.sethyperparams(dropout=0.3)')
        return Standing('memorising', words, back if course.best else 'ms.checkpoints()')
    if few and nats > EARLY * (course.unigram or course.uniform):
        words = f'{course.updates} update{"s are" if course.updates > 1 else " is"} too few to learn from'
        return Standing('few', words, _train_on(course, FEW - course.updates))
    if is_guessing and course.unigram is not None:
        words = f'{guessing(course.level, course.unigram)}: train longer'
        return Standing('guessing', words, _train_on(course, course.updates))
    return Standing('learning', '', 'generatestring(ms, temp=0.5)')


def diverged(nats: float, uniform: float) -> str:
    """Return the words for a loss above the uniform rung, both in nats.

    >>> diverged(179_551_326.0, 3.47)
    '179,551,326 nats, far above guessing uniformly (3.47): diverged'
    """
    far = 'far ' if nats > uniform + OVERSHOOT else ''
    return f'{number(nats)} nats, {far}above guessing uniformly ({uniform:.2f}): diverged'


def guessing(level: str, unigram: float) -> str:
    """Return the words for a loss that is not below the unigram rung, in nats.

    >>> guessing('char', 3.1)
    'no better than guessing by letter frequency (3.10)'
    """
    return f'no better than guessing by {"letter" if level == "char" else level} frequency ({unigram:.2f})'


def _risen_since(course: Course) -> int | None:
    """Return the round of the lowest validation if later ones are higher while training goes on below it, else None."""
    valid = course.valid_nats
    if not valid or course.train_nats is None:
        return None
    lowest, place = min((nats, place) for place, (_, nats) in enumerate(valid))
    since, best = course.best or (valid[place][0], lowest)
    later = [nats for when, nats in valid if when > since]
    has_risen = len(later) >= 2 and min(later[-2:]) > best + RISE  # one alone may be noise
    return since if has_risen and course.train_nats < best else None


def _way_back(course: Course) -> str:
    highest = SAFE_RATES.get(course.optimizer, DEFAULT_RATE)
    rate = f'learnrate={min(course.learnrate / 10 or highest, highest):.2g}'
    if course.best and (not course.best[0] or course.best[1] <= course.uniform + OVERSHOOT):
        return f"ms.restore('best'), then ms.sethyperparams({rate})"
    return f'a new run: ModelState.initfromsrcfile(..., {rate})'


def _train_on(course: Course, updates: int) -> str:
    """Return the call that trains at least that many updates more, in rounds of the length that it has by default."""
    rounds = -(-updates // max(1, course.round_updates))
    if rounds <= 1:
        return 'ms.trainmodel()'
    power = 10 ** int(math.log10(rounds))
    return f'ms.trainmodel({next(r for r in (*(step * power for step in ROUNDS), 10 * power) if r >= rounds)})'
