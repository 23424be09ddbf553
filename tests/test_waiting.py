"""The threads of OpenMP wait asleep, unless torch is there already or the user says otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import charrnn

IMPORTED = 'import os; print(os.environ.get("OMP_WAIT_POLICY"))'


@pytest.mark.parametrize(
    ('code', 'given', 'due'),
    [
        ('import charrnn.waiting', {}, 'passive'),
        ('import sys; sys.modules["torch"] = None; import charrnn.waiting', {}, 'None'),
        ('import charrnn.waiting', {'OMP_WAIT_POLICY': 'active'}, 'active'),
        ('import charrnn.waiting', {'GOMP_SPINCOUNT': '1000'}, 'None'),
        ('import charrnn.waiting', {'KMP_BLOCKTIME': '1'}, 'None'),
    ],
)
def test_threads_wait_asleep_unless_told_otherwise(code: str, given: dict[str, str], due: str) -> None:
    # The package itself imports torch, which takes seconds: its path alone stands in for it.
    folder = str(Path(charrnn.__file__).parent)
    alone = f'import sys, types; m = types.ModuleType("charrnn"); m.__path__ = [{folder!r}]; sys.modules["charrnn"] = m'
    clean = {name: value for name, value in os.environ.items() if not name.startswith(('OMP_', 'GOMP_', 'KMP_'))}
    command = [sys.executable, '-c', f'{alone}; {code}; {IMPORTED}']
    done = subprocess.run(command, env={**clean, **given}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == due


def test_it_is_imported_before_torch() -> None:
    source = Path(charrnn.__file__).read_text(encoding='utf-8')
    first = next(line for line in source.splitlines() if line.startswith(('import', 'from')))
    assert first.startswith('import charrnn.waiting')
    text = (Path(charrnn.__file__).parent / 'waiting.py').read_text(encoding='utf-8')
    assert 'import torch' not in text
