"""The finding about a run follows from its losses and its baselines, and so do the words and the next step."""

from dataclasses import replace

import pytest

from charrnn.display.standing import FEW, Course, standing_of

POEM = Course(
    updates=1500,
    round_updates=10,
    train_nats=1.6,
    valid_nats=[(0, 3.7), (1, 2.9), (2, 1.9)],
    best=(2, 1.9),
    uniform=3.47,
    unigram=3.1,
    learnrate=0.01,
    optimizer='rmsprop',
    level='char',
)
FELL = [(round, 3.7 - 1.5 * round / 20) for round in range(21)]
ROSE = [(round, 2.2 + 2 * (round - 20) / 130) for round in range(21, 151)]


@pytest.mark.parametrize(
    ('changes', 'finding', 'words', 'next_step'),
    [
        ({'updates': 0}, 'untrained', '', 'ms.trainmodel()'),
        ({}, 'learning', '', 'generatestring(ms, temp=0.5)'),
        (
            {'train_nats': 0.009, 'valid_nats': FELL + ROSE, 'best': (20, 2.2)},
            'memorising',
            'the validation loss has risen since round 20: learning the text by heart',
            "ms.restore('best')",
        ),
        (
            {'train_nats': 0.009, 'valid_nats': FELL + ROSE, 'best': None},
            'memorising',
            'the validation loss has risen since round 20: learning the text by heart',
            'ms.checkpoints()',
        ),
        (
            {'train_nats': 1.4, 'valid_nats': [(0, 2.4), (1, 2.5), (2, 2.9), (3, 3.7)], 'best': (0, 2.4)},
            'memorising',
            'the validation loss has risen since round 0: learning the text by heart',
            "ms.restore('best'), then ms.sethyperparams(dropout=0.3)",
        ),
        (
            {'updates': 18, 'round_updates': 6, 'train_nats': 3.2, 'valid_nats': [(0, 3.6), (3, 3.05)]},
            'few',
            '18 updates are too few to learn from',
            'ms.trainmodel(20)',
        ),
        ({'updates': 52}, 'learning', '', 'generatestring(ms, temp=0.5)'),
        (
            {'updates': 1, 'round_updates': 3000, 'valid_nats': [(0, 3.6)]},
            'few',
            '1 update is too few to learn from',
            'ms.trainmodel()',
        ),
        (
            {'train_nats': 3.2, 'valid_nats': [(0, 3.6), (1, 3.1)], 'best': (1, 3.1)},
            'guessing',
            'no better than guessing by letter frequency (3.10): train longer',
            'ms.trainmodel(200)',
        ),
        (
            {'train_nats': 9e7, 'valid_nats': [(0, 4.13), (1, 179_551_326.0)], 'best': (0, 4.13), 'learnrate': 1e8},
            'diverged',
            'valid 179,551,326 nats, far above guessing uniformly (3.47): diverged',
            "ms.restore('best'), then ms.sethyperparams(learnrate=0.001)",
        ),
        (
            {'train_nats': 90.0, 'valid_nats': [(0, 3.6), (1, 70.0)], 'best': (0, 3.6), 'updates': 2},
            'diverged',
            'valid 70.00 nats, far above guessing uniformly (3.47): diverged',
            "ms.restore('best'), then ms.sethyperparams(learnrate=0.001)",
        ),
        (
            {'train_nats': 90.0, 'valid_nats': [(1, 70.0)], 'best': (1, 70.0), 'learnrate': 1e-4},
            'diverged',
            'valid 70.00 nats, far above guessing uniformly (3.47): diverged',
            'a new run: ModelState.initfromsrcfile(..., learnrate=1e-05)',
        ),
        (
            {
                'train_nats': 4.2,
                'valid_nats': [(3, 2.2), (4, 3.4)],
                'best': (3, 2.2),
                'optimizer': 'sgd',
                'learnrate': 9.0,
            },
            'diverged',
            'valid 3.40 nats, far above the best (2.20): diverged',
            "ms.restore('best'), then ms.sethyperparams(learnrate=0.1)",
        ),
        (
            {'train_nats': 9e7, 'valid_nats': [], 'best': None, 'unigram': None},
            'diverged',
            'train 90,000,000 nats, far above guessing uniformly (3.47): diverged',
            'a new run: ModelState.initfromsrcfile(..., learnrate=0.001)',
        ),
        ({'train_nats': 1.0, 'valid_nats': [], 'best': None, 'unigram': None}, 'learning', '', None),
        ({'unigram': None, 'valid_nats': [(0, 3.6), (1, 3.3)]}, 'learning', '', None),
    ],
)
def test_the_finding_its_words_and_the_next_step(
    changes: dict[str, object], finding: str, words: str, next_step: str | None
) -> None:
    found = standing_of(replace(POEM, **changes))  # type: ignore[arg-type]
    assert (found.finding, found.words) == (finding, words)
    assert next_step in (None, found.next_step)
    assert len(found.words) <= 78, 'a line of the status'


def test_noise_and_a_single_rise_are_not_memorising() -> None:
    for later in ([(3, 2.6)], [(3, 1.92), (4, 1.94), (5, 1.93)], [(3, 2.6), (4, 1.93)]):
        course = replace(POEM, train_nats=1.0, valid_nats=[*POEM.valid_nats, *later])
        assert standing_of(course).finding == 'learning', later


def test_the_rounds_that_are_suggested_are_enough_updates() -> None:
    for updates in range(1, FEW, 7):
        for round_updates in (1, 2, 6, 33, 99, 5000):
            course = replace(POEM, updates=updates, round_updates=round_updates, valid_nats=[(1, 3.0)])
            found = standing_of(course).next_step
            rounds = int(found.removeprefix('ms.trainmodel(').removesuffix(')') or 1)
            assert updates + rounds * round_updates >= FEW, found
