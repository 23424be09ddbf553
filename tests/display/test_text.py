"""Text of a run can do no harm to a terminal, fits every encoding, and numbers are short."""

import io
import json
import pickle
import sys
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.display.text import BARS, Text, count, fitted, fitting, printable, shorten, sparkline
from charrnn.errors import SUBSTITUTES, CharRNNError, OwnershipError, SamplingError


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


@pytest.mark.parametrize(
    ('encoding', 'shown'),
    [
        ('ascii', r"1.5 +- 0.1 ... a's | .#  \xe9 \u044f \u3044 \U0001f600 ?"),
        ('cp1252', r'1.5 ± 0.1 … a’s | .#  é \u044f \u3044 \U0001f600 ?'),
        ('cp437', r"1.5 ± 0.1 ... a's │ .█  é \u044f \u3044 \U0001f600 ?"),
        ('utf-8', '1.5 ± 0.1 … a’s │ ▁█  é я い \U0001f600 \ufffd'),
        ('utf-16', '1.5 ± 0.1 … a’s │ ▁█  é я い \U0001f600 \ufffd'),
        ('no such encoding', '1.5 ± 0.1 … a’s │ ▁█  é я い \U0001f600 \ufffd'),
    ],
)
def test_only_characters_that_the_encoding_lacks_are_substituted(encoding: str, shown: str) -> None:
    assert fitting('1.5 ± 0.1 … a’s │ ▁█  é я い \U0001f600 \ufffd', encoding) == shown


def test_substitutes_are_ascii_and_bars_stay_apart() -> None:
    assert all(c.isascii() and c.isprintable() for c in SUBSTITUTES.values())
    assert len({SUBSTITUTES[bar] for bar in BARS}) == len(BARS) and all(len(SUBSTITUTES[bar]) == 1 for bar in BARS)


ENCODINGS = ('utf-8', 'cp1252', 'ascii', 'latin-1', 'utf-16', 'shift_jis', 'cp437')


class Screen(io.TextIOWrapper):
    """A screen of an encoding, which raises at a character that it lacks."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding, 'strict', newline='')

    def shown(self) -> str:
        self.flush()
        self.seek(0)
        return self.read()


@given(st.text(st.characters() | st.characters(categories=['Cs']), max_size=20), st.sampled_from(ENCODINGS))
@example('a\ud800\udcff', 'utf-8')
def test_a_text_survives_print_a_file_and_json(given_text: str, encoding: str) -> None:
    text, screen = Text(given_text), Screen(encoding)
    exact = ''.join('\ufffd' if '\ud800' <= c <= '\udfff' else c for c in given_text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'stdout', screen)
        print(text, [text], {'sample': text}, end='')
        file = io.TextIOWrapper(io.BytesIO(), 'utf-8', newline='')
        file.write(text)
        file.seek(0)
        assert file.read() == exact == f'{text}' == f'{text}' == ''.join([text])
        assert json.loads(json.dumps([text])) == [exact]
        copy = pickle.loads(pickle.dumps(text))
        assert type(copy) is Text and copy == text == exact and hash(text) == hash(exact)
    if encoding == 'utf-8':
        assert screen.shown() == f"{exact} [{exact!r}] {{'sample': {exact!r}}}"
    else:
        screen.flush()


def test_reprs_and_errors_fit_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    @fitted
    @dataclass
    class Value:
        name: str

    values: list[object] = [Value('é…'), SamplingError('one’s é', 'ж'), OwnershipError('é')]
    for value in values:
        monkeypatch.setattr(sys, 'stdout', Screen('ascii'))
        print(value, [value])
        assert str(value).isascii() and repr(value).isascii()
        monkeypatch.setattr(sys, 'stdout', Screen('utf-8'))
        assert 'é' in str(value) and 'é' in repr(value)
    monkeypatch.setattr(sys, 'stdout', Screen('ascii'))
    assert str(values[1]) == "one's \\xe9\n  Next: \\u0436"
    monkeypatch.setattr(sys, 'stdout', None)
    assert str(CharRNNError('é')) == 'é'
    monkeypatch.setattr(sys, 'stdout', object())
    assert str(CharRNNError('é')) == 'é' and repr(Text('é')) == "'é'"
