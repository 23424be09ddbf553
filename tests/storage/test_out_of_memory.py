"""A process whose memory ends while it saves or loads: an error explains it, and nothing saved is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torture import TORTURE, count

PROGRAM = """
import contextlib, ctypes, gc, resource, sys
from pathlib import Path
from conftest import moment, train
from charrnn import CharRNNError, ModelState

with contextlib.suppress(AttributeError):  # glibc: what is freed goes back at once (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD)
    ctypes.CDLL(None).mallopt(-3, 65536), ctypes.CDLL(None).mallopt(-1, 65536)
path, step = Path(sys.argv[1]), int(sys.argv[2])
ms = ModelState.initfromsrcfile(
    path.with_name('source.txt'), path, layers=1, state_size=300, seq_len=4, device='cpu'
)
train(ms, 1, quiet=True)
before = moment(ms)


def load():
    assert moment(ModelState.load(path, device='cpu')) == before


for call in (ms.newcheckpoint, load):
    call()  # what is imported late is imported now
    refused = 0
    for room in range(0, 10**9, step):
        gc.collect()
        taken = resource.getpagesize() * int(Path('/proc/self/statm').read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (taken + room, -1))
        try:
            call()
            break
        except CharRNNError as error:
            refused += 1
            assert 'memory' in str(error) and error.next_step, error
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        assert not list(path.glob('checkpoints/.*'))
    assert moment(ms) == before
    print(call.__name__, refused)
train(ms, 1, quiet=True)
"""


@pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='the system does not tell the size of a process')
def test_memory_that_ends(source: Path) -> None:
    path = source.with_name('run')
    here = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    here['MALLOC_ARENA_MAX'] = '1'  # else memory that ends is taken from what glibc keeps for other threads
    command = [sys.executable, '-c', PROGRAM, str(path), str(100_000 if TORTURE else 2_000_000)]
    found = subprocess.run(command, capture_output=True, text=True, env=here, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr[-3000:]
    for line in found.stdout.splitlines():
        call, refused = line.split()
        assert int(refused)
        count(f'calls of {call} that were refused memory and said so', int(refused))
