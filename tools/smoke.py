"""Begin, train, load and check a tiny run with the installed charrnn, as a user would after `pip install`.

    python -I tools/smoke.py VERSION       in an empty folder outside of any checkout

Each command runs in a new process.  tools/release runs this script for the sdist and for the wheel.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEXT = 'the cat sat on a mat, and the cat ran.\n' * 60
SIZES = ['--layers', '1', '--state-size', '16', '--seq-len', '16', '--device', 'cpu']
ABOUT = """
import sys, charrnn
from charrnn.models.engines import native
from charrnn.text import tokens
in_c = [*native.instruction_sets(), *(['words'] if tokens._in_c else [])]
print(charrnn.__version__, charrnn.__file__.startswith(sys.prefix), ' '.join(in_c) or 'nothing')
"""
DRAW = """
from charrnn import ModelState, generatestring
print(generatestring(ModelState.load('run', device='cpu'), 60, seed=1))
"""


def run(*arguments: str) -> str:
    """Return the output of a new Python process; exit with its error if it fails."""
    done = subprocess.run([sys.executable, '-I', *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'smoke: {" ".join(arguments[:4])} failed:\n{done.stdout}{done.stderr}')
    return done.stdout


def main() -> None:
    wanted = sys.argv[1]
    version, is_installed, in_c = run('-c', ABOUT).strip().split(' ', 2)
    if (version, is_installed) != (wanted, 'True'):
        raise SystemExit(f'smoke: charrnn {version} was imported, installed: {is_installed}; wanted {wanted}, True.')
    Path('text.txt').write_text(TEXT, encoding='utf-8')
    run('-m', 'charrnn', 'init', 'text.txt', 'run', *SIZES)
    run('-m', 'charrnn', 'train', 'run', '--train-len', '5', '--batchsize', '4', '--print-every', '0')
    samples = {run('-c', DRAW) for _ in range(2)}
    if len(samples) != 1:
        raise SystemExit(f'smoke: one seed gave two samples in two processes: {samples}')
    run('-m', 'charrnn', 'train', 'run', '--train-len', '5', '--print-every', '0')
    print(run('-m', 'charrnn', 'status', 'run').rstrip())
    run('-m', 'charrnn', 'fsck', 'run')
    print(f'charrnn {version} began, trained, loaded and generated; in C: {in_c}')


if __name__ == '__main__':
    main()
