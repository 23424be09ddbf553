"""Build the sdist and the wheel, install each into an environment of its own, and use it there once.

    python tools/release.py                            with the extra `dev` installed
    python tools/release.py --system-site-packages     the new environments see the packages of this one

Each environment lies outside the checkout, and the session there begins a run, trains, generates, loads it in another
process and prints its status.  What was made is left in dist/ and listed with its size and its SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FIRST = """
import charrnn
from charrnn import ModelState, generatestring
ms = ModelState.initfromsrcfile('text.txt', 'run', layers=1, state_size=16, seq_len=20)
ms.trainmodel(train_len=20, batchsize=4, print_every=0)
print(charrnn.__version__, 'from', charrnn.__file__)
print('engine', ms.engine)
print(repr(generatestring(ms, 40, seed=1)))
"""
SECOND = """
from charrnn import ModelState
ms = ModelState.load('run')
ms.trainmodel(train_len=2, print_every=0)
print(ms)
"""


def run(command: list[str | Path], folder: Path) -> None:
    """Run a command in a folder, without the checkout on its path; end the program if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment)
    if done.returncode:
        sys.exit(f'release: {command[0]} {command[1]} ... ended with {done.returncode}')


def build(options: list[str]) -> list[Path]:
    """Build the sdist, and the wheel from it, into an empty dist/."""
    shutil.rmtree(CHECKOUT / 'dist', ignore_errors=True)
    run([sys.executable, '-m', 'build', *options], CHECKOUT)
    return sorted((CHECKOUT / 'dist').iterdir())


def use(made: Path, folder: Path, *, shares_packages: bool) -> None:
    """Install a distribution into a new environment, and use it from a folder outside the checkout."""
    shares = ['--system-site-packages'] if shares_packages else []
    run([sys.executable, '-m', 'venv', *shares, folder / 'environment'], folder)
    python = folder / 'environment' / ('Scripts' if os.name == 'nt' else 'bin') / 'python'
    if shares_packages:  # of a virtual environment, a new one sees only the system's packages by itself
        site = next((folder / 'environment').rglob('site-packages'))
        shared = [path for path in sys.path if path.endswith('site-packages')]
        (site / 'shared.pth').write_text('\n'.join(shared) + '\n', encoding='utf-8')
    run([python, '-m', 'pip', 'install', '-q', '-c', CHECKOUT / 'constraints.txt', made], folder)
    (folder / 'text.txt').write_text('the cat sat on a mat, and ran.\n' * 40, encoding='utf-8')
    run([python, '-c', FIRST], folder)
    run([python, '-c', SECOND], folder)
    run([python, '-m', 'charrnn', 'status', 'run'], folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--system-site-packages', action='store_true')
    given = parser.parse_args()
    everything = build(['--no-isolation'] if given.system_site_packages else [])
    for made in everything:
        print(f'\n== {made.name}', flush=True)
        with tempfile.TemporaryDirectory() as folder:
            use(made, Path(folder), shares_packages=given.system_site_packages)
    print('\nmade in dist/:')
    for made in everything:
        content = made.read_bytes()
        print(f'  {made.name}  {len(content):,} bytes  sha256 {hashlib.sha256(content).hexdigest()}')


if __name__ == '__main__':
    main()
