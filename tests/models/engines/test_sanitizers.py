"""The C extensions compile without a warning and run clean under the sanitizers."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import NATIVE_SETS

from charrnn.models.engines import native

needs_native = pytest.mark.skipif(not NATIVE_SETS, reason='the C extension is not built here')

SANITIZED = """
import importlib.util, itertools, sys
import numpy as np
spec = importlib.util.spec_from_file_location('_native', sys.argv[1])
native = importlib.util.module_from_spec(spec)
spec.loader.exec_module(native)
draws = np.random.default_rng(0)
f = lambda *shape: draws.normal(size=shape).astype('f')
count = 0
for name in native.instruction_sets():
    for (cell, gates, saved, d), T, B, H in itertools.product(
        [('gru', 3, 4, 4), ('lstm', 4, 5, 4), ('rnn_tanh', 1, 0, 1), ('rnn_relu', 1, 0, 1)],
        [1, 2], [1, 3, 9], [1, 16, 49],
    ):
        rows, w_h, h = draws.integers(5, size=(T, B)), f(gates * H, H), f(T + 1, B, H)
        c = f(T + 1, B, H) if cell == 'lstm' else None
        planes = f(T * B * saved * native.padded(name, H)) if saved else None
        for x, ids in ((f(5, gates * H), rows), (f(T, B, gates * H), None)):
            native.forward(name, cell, 3, T, B, H, 5, x, ids, w_h, f(gates * H), h, c, planes)
        native.backward(name, cell, 3, T, B, H, h, c, planes, f(T, B, H), w_h, f(T, B, d, H), f(B, H), f(B, H))
        layer = f(gates * H, H), f(gates * H), f(gates * H, H), f(gates * H)
        reader = native.reader(name, cell, B, H, 7, 2, f(7, gates * H), layer + layer, f(7, H), f(7))
        h, c = f(2, B, H), f(2, B, H) if c is not None else None
        drawn, logits, nats, never = np.zeros((6, B), 'q'), f(B, 7), np.zeros((5, B)), np.array([3])
        native.step(reader, 3, drawn[0], h, c, logits)
        assert native.draw(reader, 3, h, c, draws.random((5, B)), 0.7, 5, 0.01, 0.9, never, drawn, nats)
        assert 0 <= drawn.min() and drawn.max() < 7 and 3 not in drawn[1:]
        logits[:] = np.nan
        native.step(reader, 3, drawn[5], h, c, logits)
        assert np.isfinite(logits).all()
        h[:] = np.nan
        assert not native.draw(reader, 3, h, c, draws.random((5, B)), 0.7, 5, 0.01, 0.9, never, drawn, nats)
        count += 1
    big = [f(3 * 300, 300), f(900), f(900, 300), f(900)]  # shared by the threads
    reader = native.reader(name, 'gru', 1, 300, 7, 2, f(7, 900), (*big, *big), f(7, 300), f(7))
    h, drawn, none = f(2, 1, 300), np.zeros((6, 1), 'q'), np.zeros((0,), 'q')
    native.draw(reader, 3, h, None, draws.random((5, 1)), 0.0, 7, 0.0, 1.0, none, drawn, None)
    native.step(reader, 3, drawn[5], h, None, f(1, 7))
    for wrong in ((*big, *big[:3], f(899)), (*big, *big[:3], None)):  # an error after a layer is packed
        try:
            native.reader(name, 'gru', 1, 300, 7, 2, f(7, 900), wrong, f(7, 300), f(7))
        except (TypeError, ValueError):
            continue
        raise AssertionError('taken')
    reader = native.reader(name, 'gru', 0, 300, 7, 2, f(7, 900), (*big, *big), f(7, 300), f(7))
    native.step(reader, 3, none, f(2, 0, 300), None, f(0, 7))
    assert native.draw(reader, 3, f(2, 0, 300), None, draws.random((0, 0)), 1.0, 1, 0.0, 0.5, none, none, None)
print('ran', count)
"""
WORDS = r"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location('_words', sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
distinct = module.distinct
texts = ['', ' ', '\n', 'a', 'a\xa0\u2028\u3000', 'ab ' * 5000, ' '.join(map(str, range(9999)))]
texts = [text.encode() for text in texts]
for text in texts:
    assert len(distinct(text)[1]) == 4 * len(text.decode().replace('\n', ' n ').split())
for broken in (b'a \xc2', b'b\xe1', b'b \xe2\x80'):
    try:
        distinct(broken)
    except UnicodeDecodeError:
        continue
    raise AssertionError('taken')
print('ran', len(texts))
"""
ENGINES = Path(native.__file__).parent


@needs_native
@pytest.mark.parametrize(
    ('source', 'script'),
    [
        pytest.param(ENGINES / 'c' / 'module.c', SANITIZED, id='engines'),
        pytest.param(ENGINES.parents[1] / 'text' / 'c' / 'words.c', WORDS, id='words'),
    ],
)
def test_the_compiler_and_the_sanitizers_find_nothing(source: Path, script: str, tmp_path: Path) -> None:
    """Compile without a warning, and run every entry point under ASan and UBSan, on the extension's own threads."""
    compiler = os.environ.get('CC', 'gcc')
    probe, library = tmp_path / 'probe.c', tmp_path / '_native.so'
    probe.write_text('#include <Python.h>\n')
    flags = ['-O0', '-g', '-std=gnu11', '-shared', '-fPIC', '-pthread', '-DPy_LIMITED_API=0x030b0000']
    warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-psabi']
    sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
    include = f'-I{sysconfig.get_paths()["include"]}'

    def compiled(file: Path) -> subprocess.CompletedProcess[str]:
        command = [compiler, *flags, *warnings, *sanitizers, include, str(file), '-o', str(library), '-lm']
        return subprocess.run(command, capture_output=True, text=True)

    try:
        tried = compiled(probe)
        asan = subprocess.run([compiler, '-print-file-name=libasan.so'], capture_output=True, text=True).stdout.strip()
    except OSError:
        pytest.skip(f'no compiler {compiler!r} here')
    if tried.returncode or not Path(asan).is_file():
        pytest.skip(f'{compiler} has no sanitizers or no Python.h here: {tried.stderr[-200:]}')
    built = compiled(source)
    assert built.returncode == 0, built.stderr[-3000:]
    environment = {**os.environ, 'LD_PRELOAD': asan, 'ASAN_OPTIONS': 'detect_leaks=0', 'OMP_NUM_THREADS': '1'}
    environment['PYTHONMALLOC'] = 'malloc'  # so that ASan knows the end of every object
    done = subprocess.run([sys.executable, '-c', script, str(library)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout.startswith('ran'), done.stdout + done.stderr[-3000:]
