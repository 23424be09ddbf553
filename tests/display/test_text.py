"""Text of a run can do no harm to a terminal, and numbers are short."""

import pytest

from charrnn.display.text import count, printable, shorten, sparkline


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
