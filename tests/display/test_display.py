"""What people see: safe, short, and the same on a pipe."""

import io

import pytest
from rich.console import Console

from charrnn.display.progress import Screen
from charrnn.display.tables import CheckpointRow, CheckpointTable
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


def test_rows_are_lines_and_samples_are_set_off() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=100, highlight=False))
    screen.show(
        {
            'kind': 'report',
            'round': 1,
            'epoch': 0.5,
            'train_nats': 2.0,
            'chars_per_second': 12_345.6,
            'sample': 'a\n[b]b',
        }
    )
    screen.show({'kind': 'round', 'round': 1, 'epoch': 1.0, 'train_nats': 2.0, 'valid_nats': 3.5}, unigram=3.3)
    assert out.getvalue() == (
        'round 1  epoch 0.50  train 2.000 nats/char  12k chars/s\n'
        '  │ a\n  │ [b]b\n\n'
        'round 1 ends  epoch 1.00  train 2.000 (mean of the round)  valid 3.5000 nats/char  unigram 3.300\n'
        '  not yet better than the unigram rung: counting characters does as well\n'
    )


def test_bars_may_be_nested_and_are_gone_at_the_end() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=100, force_terminal=True, color_system=None))
    with screen.bar('outer', 4, 10):
        screen.advance(1.5)
        with screen.bar('inner', 2, 10):
            screen.advance()
            assert screen._progress is not None
            assert [(t.description, t.completed) for t in screen._progress.tasks] == [('outer', 1), ('inner', 1)]
        screen.advance(1.25)
        assert [(t.description, t.completed) for t in screen._progress.tasks] == [('outer', 2)]
    assert screen._progress is None
    screen.advance()
    with pytest.raises(KeyError), screen.bar('again', 1, 1):
        raise KeyError
    assert screen._progress is None


def test_a_pipe_gets_no_bar() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out))
    with screen.bar('outer', 4, 10):
        screen.advance(1.0)
    assert out.getvalue() == ''


def test_checkpoints_print_as_a_table() -> None:
    rows = [
        CheckpointRow(1, 0, 0.0, None, '2026-01-02T03:04:05Z', False),
        CheckpointRow(2, 1, 1.0, 1.5, '2026-01-02T03:05:06Z', True),
    ]
    assert repr(CheckpointTable(rows)) == (
        'no.  round  epoch  valid nats  written (UTC)\n'
        '  1      0   0.00           -  2026-01-02T03:04:05\n'
        '  2      1   1.00      1.5000  2026-01-02T03:05:06  best'
    )


class Gone(io.StringIO):
    """A terminal that went away."""

    def __init__(self, error: type[OSError]) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize('error', [BrokenPipeError, OSError])
def test_a_terminal_that_went_away_does_not_stop_the_training(error: type[OSError]) -> None:
    screen = Screen(Console(file=Gone(error), force_terminal=True))
    screen.say('one')
    with screen.bar('outer', 4, 10):
        screen.advance(1.0)
        screen.say('two')
    screen.say('three')
