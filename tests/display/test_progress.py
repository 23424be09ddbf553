"""Progress is printed in lines on a pipe, with a bar at a terminal, and survives a terminal that goes away."""

import io

import pytest
from rich.console import Console

from charrnn.display.progress import Screen


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
