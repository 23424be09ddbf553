"""The variables of OpenMP and torch are set before torch is loaded, unless the user has set them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import charrnn

NAMES = ['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'THP_MEM_ALLOC_ENABLE']
SHOW = f'import os; print(*map(os.environ.get, {NAMES}))'


@pytest.mark.parametrize(
    ('code', 'given', 'due'),
    [
        ('import charrnn.environment', {}, 'passive 1000 1'),
        ('import sys; sys.modules["torch"] = None; import charrnn.environment', {}, 'None None None'),
        ('import charrnn.environment', {'OMP_WAIT_POLICY': 'active'}, 'active None 1'),
        ('import charrnn.environment', {'GOMP_SPINCOUNT': '5', 'THP_MEM_ALLOC_ENABLE': '0'}, 'None 5 0'),
        ('import charrnn.environment', {'KMP_BLOCKTIME': '1'}, 'None None 1'),
    ],
)
def test_variables_are_set_unless_told_otherwise(code: str, given: dict[str, str], due: str) -> None:
    # The package itself imports torch, which takes seconds: its path alone stands in for it.
    folder = str(Path(charrnn.__file__).parent)
    alone = f'import sys, types; m = types.ModuleType("charrnn"); m.__path__ = [{folder!r}]; sys.modules["charrnn"] = m'
    ours = ('OMP_', 'GOMP_', 'KMP_', 'THP_')
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, '-c', f'{alone}; {code}; {SHOW}']
    done = subprocess.run(command, env={**clean, **given}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == due


def test_it_is_imported_before_torch() -> None:
    source = Path(charrnn.__file__).read_text(encoding='utf-8')
    first = next(line for line in source.splitlines() if line.startswith(('import', 'from')))
    assert first.startswith('import charrnn.environment')
    text = (Path(charrnn.__file__).parent / 'environment.py').read_text(encoding='utf-8')
    assert 'import torch' not in text
