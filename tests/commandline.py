"""The output of a command that is run in this process."""

from __future__ import annotations

import io
import sys

import pytest

from charrnn.shell.commands import run_command


class Output:
    """The output of one command, run in this process with a standard output of an encoding."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *arguments: str, encoding: str = 'utf-8') -> None:
        data, told = io.BytesIO(), io.StringIO()
        with monkeypatch.context() as patch:
            screen = io.TextIOWrapper(data, encoding, 'strict', newline='')
            patch.setattr(sys, 'stdout', screen)
            patch.setattr(sys, 'stderr', told)
            try:
                self.status = run_command(arguments)
            except SystemExit as ended:  # argparse, after --help and --version
                self.status = int(ended.code or 0)
            screen.flush()
        self.data, self.told = data.getvalue(), told.getvalue()
        self.text = self.data.decode(encoding, 'replace')
