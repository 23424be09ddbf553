"""Text of a run can do no harm to a terminal, and numbers are short."""

import pytest

from charrnn.display.text import BARS, count, printable, shorten, sparkline


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('one\ntwo\tthree', 'one\ntwo\tthree'),
        ('\x1b[2J', '\\x1b[2J'),
        ('a\0b\x7f', 'a\\x00b\\x7f'),
        ('crlf\r\nalone\r', 'crlf\nalone\\r'),
        ('\ufeffmark', '\\ufeffmark'),
        ('\u202eright to left', '\\u202eright to left'),
        ('a mark\u200e', 'a mark\\u200e'),
        ('Пушкин «ё» \xa0 \U0001f600', 'Пушкин «ё» \xa0 \U0001f600'),
    ],
)
def test_only_harmful_characters_are_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_sparklines() -> None:
    assert sparkline([]) == '' and sparkline([float('nan')]) == ''
    assert sparkline([1, 1]) == '▁▁'
    assert sparkline(range(8)) == '▁▂▃▄▅▆▇█'
    assert len(sparkline(range(100))) == 16


def test_a_sparkline_shows_the_whole_course_at_one_scale() -> None:
    rise = [4.1, 3.0, 2.5, 2.2, *[2.2 + 2 * i / 145 for i in range(146)]]
    shown = [BARS.index(bar) for bar in sparkline(rise)]
    assert len(shown) == 16 and shown[-1] == 7 and min(shown) == 0 and shown[0] >= 6
    assert shown[2:] == sorted(shown[2:]), 'a rise from 2.2 to 4.2 is a rise'
    noise = [1.5 + 0.02 * (i % 2) for i in range(40)]
    assert set(sparkline(noise)) == {BARS[0]}
    assert set(sparkline([4.1, *noise])[1:]) == {BARS[0]} and sparkline([4.1, *noise])[0] == BARS[-1]
    assert sparkline([2.2] * 9 + [1.8e8]) == BARS[0] * 9 + BARS[-1]
    assert sparkline([0.0, 0.0]) == BARS[0] * 2


def test_counts_and_shortened_names() -> None:
    assert [count(n) for n in (0, 999, 1000, 215_402, 999_999, 3_210_000)] == [
        '0',
        '999',
        '1k',
        '215k',
        '1.0M',
        '3.2M',
    ]
    assert shorten('abc', 3) == 'abc' and shorten('abcdefg', 5) == 'ab…fg'
