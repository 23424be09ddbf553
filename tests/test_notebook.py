"""Cells of a notebook, in a real kernel, show reprs and progress, and an interrupted cell leaves a whole run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import words

manager = pytest.importorskip('jupyter_client.manager')

pytestmark = pytest.mark.filterwarnings('ignore')  # Jupyter's own


class Notebook:
    """A kernel in a directory."""

    def __init__(self, folder: Path) -> None:
        here = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join(sys.path), 'HOME': str(folder)}
        self.kernel, self.client = manager.start_new_kernel(kernel_name='python3', cwd=str(folder), env=here)

    def run(self, code: str, *, interrupt_at: str = '') -> list[str]:
        """Run a cell and return its outputs in order; interrupt the cell once an output holds `interrupt_at`."""
        cell, shown = self.client.execute(code), list[str]()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=60)
            if message['parent_header'].get('msg_id') != cell:
                continue
            content: dict[str, Any] = message['content']
            if content.get('execution_state') == 'idle':
                return shown
            shown.append(
                content.get('text') or content.get('data', {}).get('text/plain') or content.get('evalue') or ''
            )
            if interrupt_at and interrupt_at in shown[-1]:
                self.kernel.interrupt_kernel()
                interrupt_at = ''
        raise AssertionError(f'the cell never ended: {shown}')


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    (tmp_path / 'text.txt').write_text(words(4000))
    found = Notebook(tmp_path)
    yield found
    found.client.stop_channels()
    found.kernel.shutdown_kernel(now=True)


def test_a_session_in_a_notebook(notebook: Notebook) -> None:
    notebook.run('from charrnn import *')
    notebook.run(
        "ms = ModelState.initfromsrcfile('text.txt', 'run', layers=1, state_size=16, seq_len=10, device='cpu')"
    )
    assert notebook.run('ms')[-1].startswith("ModelState 'run'  GRUEncode 1x16")
    shown = notebook.run('ms.trainmodel(train_len=400, batchsize=4, print_every=200)')
    assert any('%  loss' in text and 'left' in text for text in shown), 'a line of progress'
    assert not any('ipywidgets' in text for text in shown)
    assert shown[-1].startswith('TrainReport(') and any('round 1 ends' in text for text in shown)
    shown = notebook.run('ms.trainmodel(num_rounds=10_000, batchsize=4, print_every=0)', interrupt_at='round 3 ends')
    assert any('Stopped after the current update; saved as checkpoint' in text for text in shown)
    assert shown[-1].startswith('TrainReport(') and 'interrupted=True' in shown[-1]
    assert 'interrupted=False' in notebook.run('ms.trainmodel(train_len=3, print_every=0)')[-1]
    assert 'best' in notebook.run('ms.checkpoints()')[-1]
    assert len(notebook.run('generatestring(ms, 60, seed=1)')[-1]) >= 60
    assert 'Next: ms.sethyperparams(learnrate=1)' in notebook.run('ms.trainmodel(lr=1)')[-1]
    assert 'Next' in notebook.run("ms = ModelState.load('run'); ms")[-1]
