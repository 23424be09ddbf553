"""Pieces computed ahead come in order, no more of them than there are threads, and an error comes in its place."""

import threading
import time
from collections.abc import Iterator

import pytest

from charrnn.text.ahead import THREADS, ahead


def test_results_come_in_order_and_few_items_are_read_ahead() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in range(20):
            read.append(item)
            yield item

    def slow_at_first(item: int) -> int:
        time.sleep(0.02 if item < 2 else 0)
        return item * item

    for number, found in enumerate(ahead(slow_at_first, items())):
        assert found == (number, number * number)
        assert len(read) <= number + THREADS + 1, 'a text larger than memory is not read whole'
    assert len(read) == 20 and list(ahead(slow_at_first, [])) == []


def test_an_error_comes_in_its_place_and_no_thread_is_left() -> None:
    before, found = threading.active_count(), list[tuple[int, int]]()
    with pytest.raises(ZeroDivisionError):
        found.extend(ahead(lambda item: 6 // item, [3, 2, 0, 1]))
    assert found == [(3, 2), (2, 3)] and threading.active_count() == before
    for item, _ in ahead(abs, range(9)):
        if item == 3:
            break
    assert threading.active_count() == before

    def broken() -> Iterator[int]:
        yield 1
        raise OSError

    with pytest.raises(OSError):
        list(ahead(abs, broken()))
    assert threading.active_count() == before
