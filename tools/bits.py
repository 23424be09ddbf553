"""Train 30 windows of every model type, with dropout, at two commits and compare the bits of every tensor.

    python tools/bits.py record before.json        in a checkout of one commit, for each engine of this machine
    python tools/bits.py record after.json         in a checkout of the other, on the same machine
    python tools/bits.py compare before.json after.json

A record has the SHA-256 of each tensor of the last checkpoint, of the losses in the history, and of a sample.  The
script uses only public names and the files of a run, so the same script runs at any commit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MODELTYPES = ('GRUEncode', 'GRUResize', 'RNN_TANH', 'RNN_RELU', 'LSTM', 'GRU', 'LSTMAttention')
ENGINES = ('native:avx512', 'native:avx2', 'native:baseline', 'torch')
SETTINGS: dict[str, dict[str, Any]] = {
    'rmsprop, characters': {},
    'adamw, words, random windows': {'optimizer': 'adamw', 'level': 'word', 'sampling': 'random', 'clipnorm': 1.0},
    'sgd, bytes, annealed': {'optimizer': 'sgd', 'level': 'byte', 'anneal': 0.5, 'warmup': 0.5, 'cosine': 2.0},
}


def text() -> str:
    """Return about 6,000 characters of random words, the same at each call."""
    draws = random.Random(7)
    words = ['the ', 'cat ', 'sat ', 'on ', 'a mat, ', 'and ', 'été ', 'ran.\n', '“so” ']
    return ''.join(draws.choice(words) for _ in range(1500))


def train(folder: Path) -> dict[str, str]:
    """Train every model type in this process; return the digests by name."""
    from safetensors import safe_open

    from charrnn import ModelState

    source = folder / 'text.txt'
    source.write_text(text(), encoding='utf-8')
    digests = {}
    for modeltype in MODELTYPES:
        for name, given in SETTINGS.items():
            run = folder / f'{modeltype} {name}'
            ms = ModelState.initfromsrcfile(
                source, run, modeltype, layers=2, state_size=37, seq_len=19, dropout=0.3, device='cpu', **given
            )
            ms.trainmodel(train_len=13, batchsize=5, print_every=7)
            ms.trainmodel(train_len=17, print_every=0)
            newest = sorted((run / 'checkpoints').iterdir())[-1] / 'tensors.safetensors'
            with safe_open(newest, 'np') as tensors:
                for tensor in sorted(tensors.keys()):
                    data = tensors.get_tensor(tensor).tobytes()
                    digests[f'{modeltype}, {name}: {tensor}'] = hashlib.sha256(data).hexdigest()
            rows = [(row.get('train_nats'), row.get('valid_nats'), str(row.get('sample'))) for row in ms.history]
            losses = repr(rows)
            digests[f'{modeltype}, {name}: history'] = hashlib.sha256(losses.encode()).hexdigest()
            sample = ms.generatestring(200, 0.7, seed=1, prime='the cat')
            digests[f'{modeltype}, {name}: sample'] = hashlib.sha256(repr(str(sample)).encode()).hexdigest()
    return digests


def record(path: Path) -> None:
    """Write the digests of every engine; each engine trains in a new process."""
    found = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, 'train', folder]
            done = subprocess.run(command, env={**os.environ, 'CHARRNN_ENGINE': engine}, capture_output=True, text=True)
        if done.returncode:
            print(f'{engine}: left out ({done.stderr.strip().splitlines()[-1]})')
            continue
        found[engine] = json.loads(done.stdout.splitlines()[-1])
        print(f'{engine}: {len(found[engine])} digests')
    path.write_text(json.dumps(found, indent=1) + '\n', encoding='utf-8')


def compare(before: Path, after: Path) -> int:
    """Print the names of the digests that differ; return the exit status."""
    one, other = (json.loads(path.read_text(encoding='utf-8')) for path in (before, after))
    status = int(one.keys() != other.keys())
    for engine in sorted(one.keys() & other.keys()):
        names = one[engine].keys() | other[engine].keys()
        different = sorted(name for name in names if one[engine].get(name) != other[engine].get(name))
        print(f'{engine}: {len(names) - len(different)} of {len(names)} digests are the same')
        for name in different:
            print(f'  different: {name}')
        status |= bool(different)
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=['record', 'compare', 'train'])
    parser.add_argument('paths', type=Path, nargs='+')
    given = parser.parse_args()
    if given.command == 'train':
        print(json.dumps(train(*given.paths)))
        return 0
    if given.command == 'record':
        record(*given.paths)
        return 0
    return compare(*given.paths)


if __name__ == '__main__':
    sys.exit(main())
