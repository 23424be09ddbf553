"""The named features of a text are those that a reader would mark by hand."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.text.features import FEATURES, OTHER_FEATURES, of_symbols

MARKS = [
    ('quote', 'A "B" „G“ »h« x', '001100110011000'),
    ('upper', 'aBÉ 1', '01100'),
    ('bracket', 'a(b[c])d}(e', '01111100011'),
    ('indent', ' a b\n\t c\n', '100001100'),
    ('digit', 'a1²3', '0111'),
]


@pytest.mark.parametrize(('name', 'text', 'marks'), MARKS)
def test_a_feature_marks_its_characters(name: str, text: str, marks: str) -> None:
    assert ''.join('01'[bool(value)] for value in FEATURES[name](text)) == marks
    assert not list(FEATURES[name](''))


def test_every_feature_is_tried_and_every_other_name_is_of_one() -> None:
    assert {name for name, *_ in MARKS} | {'line'} == FEATURES.keys() == set(OTHER_FEATURES.values())


def test_the_place_in_the_line() -> None:
    assert list(FEATURES['line']('ab\nc\n\nde')) == [1, 2, 0, 1, 0, 0, 1, 2]


def test_an_empty_line_closes_what_was_left_open() -> None:
    for name, begin in (('quote', '"a'), ('bracket', '((a')):
        assert list(FEATURES[name](f'{begin}\nb\n\nc'))[-4:] == [True, True, False, False]


def test_the_bytes_of_a_character_share_its_value_and_a_word_has_its_largest() -> None:
    places = np.array([[0, 1], [1, 2], [1, 2], [4, 7]])
    assert of_symbols([3, 1, 9, 9, 0, 2, 1], places).tolist() == [3, 1, 1, 2]
