import json
import math

from charrnn.training.history import History


def rows(history: History) -> list[int]:
    return [row['n'] for row in history]


def written(*numbers: int) -> list[str]:
    return [json.dumps({'kind': 'report', 'n': n}) for n in numbers]


def test_rows_come_back_in_order_and_torn_lines_are_passed_over() -> None:
    lines = [*written(0, 1), '{"kind": "rep', '', '[1]', 'null', *written(2)]
    history = History(lines)
    assert rows(history) == [0, 1, 2]
    assert history.length == len(lines)
    assert history[-1]['n'] == 2 and [row['n'] for row in history[1:]] == [1, 2]
    assert history.column('n') == [0, 1, 2] and history.column('n', 'round') == []


def test_what_came_after_the_restored_moment_is_superseded() -> None:
    history = History(written(0, 1, 2, 3))
    history.rewind(2)
    assert rows(history) == [0, 1]
    history.add({'kind': 'report', 'n': 4})
    lines = history.take_lines()
    assert [json.loads(line)['kind'] for line in lines] == ['resume', 'report']
    everything = [*written(0, 1, 2, 3), *lines]
    assert history.length == len(everything)
    assert rows(History(everything)) == rows(history) == [0, 1, 4]
    assert history.take_lines() == []


def test_going_back_to_a_superseded_moment_brings_its_rows_back() -> None:
    history = History(written(0, 1, 2, 3))
    history.rewind(1)
    history.add({'kind': 'report', 'n': 4})
    file = [*written(0, 1, 2, 3), *history.take_lines()]
    history.rewind(4)
    assert rows(history) == [0, 1, 2, 3]
    history.add({'kind': 'report', 'n': 5})
    file += history.take_lines()
    assert rows(History(file)) == [0, 1, 2, 3, 5]


def test_reading_and_rewinding_write_nothing() -> None:
    history = History(written(0, 1, 2))
    history.rewind(3)
    assert history.take_lines() == []
    history.rewind(1)
    history.rewind(3)
    assert history.take_lines() == []


def test_numbers_that_json_lacks_become_null() -> None:
    history = History()
    history.add({'kind': 'report', 'loss': math.nan, 'norm': math.inf, 'fine': 1.5})
    assert json.loads(history.take_lines()[0]) == {'kind': 'report', 'loss': None, 'norm': None, 'fine': 1.5}
