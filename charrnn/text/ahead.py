"""Pieces of a text that threads compute ahead, while the caller reads the next ones and writes those before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

THREADS = 2
"""More gain little: what is not in NumPy or in C waits for the interpreter."""

Item = TypeVar('Item')
Result = TypeVar('Result')


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """Yield each item with function(item), in order; threads compute those of the next few items meanwhile."""
    waiting = deque[tuple[Item, Future[Result]]]()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) > THREADS:
                    first, result = waiting.popleft()
                    yield first, result.result()
            while waiting:
                first, result = waiting.popleft()
                yield first, result.result()
        finally:
            for _, result in waiting:
                result.cancel()
