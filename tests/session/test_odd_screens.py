"""A screen that fails in any way does not stop a training."""

import io
import sys
from typing import Any

import pytest
from conftest import MakeRun, train


class Raising(io.StringIO):
    """An output that raises at each write."""

    def write(self, text: str) -> int:
        raise RuntimeError('no')


class Bare:
    """An output that can write and do nothing else."""

    def write(self, text: str) -> int:
        return len(text)


def closed() -> io.StringIO:
    """Return an output that was closed."""
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.parametrize(
    'output', [closed(), io.BytesIO(), Raising(), Bare(), None], ids=['closed', 'bytes', 'raising', 'bare', 'none']
)
def test_an_odd_output_is_silenced(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    ms = make_run()
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', output)
        train(ms, 4, print_every=2)
        ms.evaluate()
    assert ms.position == 4 * 8
