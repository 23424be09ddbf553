import math
from typing import Any

from charrnn.training.history import History, Row


def rows(history: History) -> list[int]:
    return [row['n'] for row in history]


def written(*numbers: int) -> dict[int, Row]:
    return {place: {'kind': 'report', 'n': n} for place, n in enumerate(numbers)}


def take(history: History) -> dict[int, dict[str, Any]]:
    """Append what waits."""
    waiting = {number: dict(row) for number, row in history.waiting().items()}
    history.mark_written()
    return waiting


def test_rows_come_back_in_order_and_lost_ones_are_passed_over() -> None:
    history = History({5: {'kind': 'report', 'n': 2}, 0: {'kind': 'report', 'n': 0}, 1: {'kind': 'report', 'n': 1}})
    assert rows(history) == [0, 1, 2]
    assert history.length == 6
    assert history[-1]['n'] == 2 and [row['n'] for row in history[1:]] == [1, 2]
    assert history.column('n') == [0, 1, 2] and history.column('n', 'round') == []


def test_what_came_after_the_restored_moment_is_superseded() -> None:
    history = History(written(0, 1, 2, 3))
    history.rewind(2)
    assert rows(history) == [0, 1]
    history.add({'kind': 'report', 'n': 4})
    new = take(history)
    assert [row['kind'] for row in new.values()] == ['resume', 'report'] and list(new) == [4, 5]
    everything = {**written(0, 1, 2, 3), **new}
    assert history.length == len(everything)
    assert rows(History(everything)) == rows(history) == [0, 1, 4]
    assert take(history) == {}


def test_going_back_to_a_superseded_moment_brings_its_rows_back() -> None:
    history = History(written(0, 1, 2, 3))
    history.rewind(1)
    history.add({'kind': 'report', 'n': 4})
    file = {**written(0, 1, 2, 3), **take(history)}
    history.rewind(4)
    assert rows(history) == [0, 1, 2, 3]
    history.add({'kind': 'report', 'n': 5})
    file |= take(history)
    assert rows(History(file)) == [0, 1, 2, 3, 5]


def test_rows_that_the_file_has_lost_keep_their_numbers() -> None:
    history = History(written(0, 1))
    history.rewind(4)
    history.add({'kind': 'report', 'n': 9})
    assert list(take(history)) == [4]


def test_reading_and_rewinding_write_nothing() -> None:
    history = History(written(0, 1, 2))
    history.rewind(3)
    assert take(history) == {}
    history.rewind(1)
    history.rewind(3)
    assert take(history) == {}


def test_numbers_that_json_lacks_become_null() -> None:
    history = History()
    history.add({'kind': 'report', 'loss': math.nan, 'norm': math.inf, 'fine': 1.5})
    assert take(history)[0] == {'kind': 'report', 'loss': None, 'norm': None, 'fine': 1.5}


def test_what_could_not_be_written_goes_on_waiting() -> None:
    history = History(written(0))
    history.add({'kind': 'report', 'n': 1})
    first = history.waiting()
    history.add({'kind': 'report', 'n': 2})
    assert history.waiting()[1] == first[1] and len(history.waiting()) == 2
    assert history.length == 3


def test_thousands_of_resumes_are_read() -> None:
    file = written(0)
    for n in range(3000):
        file[len(file)] = {'kind': 'resume', 'keep': len(file) - 1}
        file[len(file)] = {'kind': 'report', 'n': n + 1}
    assert rows(History(file))[-1] == 3000


def test_only_validations_of_the_same_size_are_compared() -> None:
    history = History()
    for n, (nats, symbols) in enumerate([(4.0, 50), (2.0, 100), (1.0, 50), (1.5, 100)]):
        history.add({'kind': 'round', 'round': n, 'position': n, 'valid_nats': nats, 'valid_symbols': symbols})
    assert history.validations() == [(1, 2.0), (3, 1.5)]
    assert history.validated(3, 100) == 1.5
    assert history.validated(2, 100) is None and history.validated(3, 0) is None
