"""Text coloured by numbers: exact on every screen, escaped, and a table where there are no colours."""

from __future__ import annotations

import html
import io
import math
import re
import sys
from itertools import pairwise

import numpy as np
import pytest
from rich.color import ColorSystem

from charrnn.display.colours import (
    BLUE_ORANGE,
    CIVIDIS,
    SHOWN_PARTS,
    STEPS,
    Coloured,
    ColouredText,
    Scale,
    first_of_each,
    ink,
    places_table,
)
from charrnn.display.tables import Column, Table

BITS = Scale(0, 8, CIVIDIS, 'bits')
ESCAPE = re.compile(r'\x1b\[[0-9;]*m')


def coloured(text: str, values: list[float], scale: Scale = BITS) -> ColouredText:
    """Return a text with a value for each of its characters."""
    places = np.arange(len(text))[:, None] + np.arange(2)
    return ColouredText(text, places, np.array(values, float), scale)


class Shown(Coloured):
    """A value with a coloured text and a table."""

    def __init__(self, text: ColouredText) -> None:
        self.text = text

    def coloured(self) -> ColouredText:
        return self.text

    def table(self) -> Table:
        order = np.argsort(-self.text.values)[:1].tolist()
        return places_table(self.text, order, Column('bits', '.2f'), '3 characters')


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = 'utf-8'

    def isatty(self) -> bool:
        return True


def use_terminal(patch: pytest.MonkeyPatch, **environment: str) -> None:
    """Make sys.stdout a terminal with 24-bit colours, in an environment."""
    patch.delenv('NO_COLOR')
    for name, value in {'TERM': 'xterm', 'COLORTERM': 'truecolor', **environment}.items():
        patch.setenv(name, value)
    patch.setattr(sys, 'stdout', Terminal())


def luminance(colour: tuple[int, int, int]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize('colours', [CIVIDIS, BLUE_ORANGE])
def test_each_colour_of_a_scale_is_readable(colours: tuple[tuple[int, int, int], ...]) -> None:
    scale = Scale(-1, 1, colours)
    grounds = [scale.ground(step) for step in range(STEPS + 1)]
    assert grounds[0] == colours[0] and grounds[-1] == colours[-1]
    for ground in grounds:
        dark, light = sorted((luminance(ground), luminance(ink(ground))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, 'WCAG 2, AA'
    lightness = [luminance(ground) for ground in grounds]
    if colours is BLUE_ORANGE:
        lightness = [-x for x in lightness[: STEPS // 2 + 1]] + lightness[STEPS // 2 + 1 :]
    assert all(a < b for a, b in pairwise(lightness)), 'the order is seen without any colour'


def test_a_value_has_the_colour_of_its_place_in_the_scale() -> None:
    assert [BITS.step(value) for value in (-1, 0, 4, 8, 1e9, math.inf)] == [0, 0, 12, 24, 24, 24]
    assert Scale(1, 1, CIVIDIS).step(1) == STEPS


def test_a_terminal_shows_the_text_itself_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = coloured('ab c', [0, 8, math.nan, 8]).terminal(ColorSystem.TRUECOLOR)
    text, legend = shown.split('\n')
    assert text == (
        '\x1b[38;2;255;255;255;48;2;0;34;78ma\x1b[0m\x1b[38;2;0;0;0;48;2;254;232;56mb\x1b[0m '
        '\x1b[38;2;0;0;0;48;2;254;232;56mc\x1b[0m'
    )
    assert ESCAPE.sub('', legend) == 'bits  0  2  4  6  8 '
    use_terminal(monkeypatch)
    assert ESCAPE.sub('', repr(Shown(coloured('abc', [0, 8, 1])))) == 'abc\nbits  0  2  4  6  8 \n3 characters'


@pytest.mark.parametrize(
    'setting', [{'NO_COLOR': '1'}, {'TERM': 'dumb', 'COLORTERM': ''}, {'TTY_COMPATIBLE': '0'}, {}], ids=str
)
def test_without_colours_the_value_is_a_table(monkeypatch: pytest.MonkeyPatch, setting: dict[str, str]) -> None:
    use_terminal(monkeypatch, **setting)
    if not setting:
        monkeypatch.setattr(sys, 'stdout', io.StringIO())
    assert repr(Shown(coloured('a\nc', [0, 8, 1]))).splitlines() == [
        '3 characters',
        'bits  offset  before        after',
        "8.00       1       a  '\\n'  c",
    ]


def test_a_closed_output_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    sys.stdout.close()
    assert 'bits' in repr(Shown(coloured('abc', [0, 8, 1])))


def test_control_characters_and_html_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    text = '<b>&\x1b[31m\r\x00"\udc83[red]'
    value = Shown(coloured(text, list(np.linspace(0, 8, len(text)))))
    shown = repr(value)
    assert ESCAPE.sub('', shown).startswith('<b>&\\x1b[31m\\r\\x00"\ufffd[red]\n')
    found = value._repr_html_()
    assert '<b>' not in found and '\x1b' not in found and '\x00' not in found
    inside = html.unescape(re.sub('<[^>]*>', '', found.split('</pre>')[0]))
    assert inside == '<b>&\\x1b[31m\\r\\x00"\ufffd[red]'
    assert 'title="8 bits">]</span>' in found
    found.encode()


def test_a_terminal_gets_the_colours_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch, COLORTERM='', TERM='xterm-256color')
    assert repr(Shown(coloured('a', [2.5]))).startswith('\x1b[38;5;231;48;5;241ma\x1b[0m')


def test_a_line_break_has_a_colour_too() -> None:
    text, _ = coloured('a\nb', [0, 8, 0], Scale(0, 8, CIVIDIS)).terminal(ColorSystem.TRUECOLOR).rsplit('\n', 1)
    assert text.endswith('\x1b[38;2;0;0;0;48;2;254;232;56m \x1b[0m')


def test_a_long_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    long = coloured('a' * (SHOWN_PARTS + 1234), [1.0] * (SHOWN_PARTS + 1234))
    shown = repr(Shown(long))
    assert ESCAPE.sub('', shown).startswith('a' * SHOWN_PARTS + ' … 1,234 more characters\n')
    assert len(shown) < 2 * SHOWN_PARTS, 'neighbours of one colour are one piece'
    assert long.html().count('<span') == SHOWN_PARTS + 5


def test_the_bytes_of_a_character_are_one_part() -> None:
    places = np.array([[0, 1], [1, 2], [1, 2], [1, 2], [2, 3]])
    assert first_of_each(places).tolist() == [0, 1, 4]
    assert first_of_each(places[:0]).tolist() == []
