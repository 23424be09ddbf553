"""Make the golden runs of the present format, once, when a format is released.

    python tests/golden/make.py format2

A folder of an earlier format is never made again, because it stands for runs on users' disks.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from charrnn import ModelState

HERE = Path(__file__).parent
TEXT = 'the cat sat on a mat,\nand the cat ran. “été”\n' * 12
RUNS: dict[str, dict[str, Any]] = {
    'char': {'modeltype': 'GRUEncode', 'dropout': 0.2},
    'byte': {'modeltype': 'LSTM', 'level': 'byte', 'optimizer': 'sgd', 'learnrate': 0.5, 'anneal': 0.5},
    'word': {'modeltype': 'LSTMAttention', 'level': 'word', 'sampling': 'random', 'optimizer': 'adamw', 'seq_len': 5},
}


def facts_of(ms: ModelState) -> dict[str, Any]:
    """Return the facts that a later charrnn must find again."""
    return {
        'position': ms.position,
        'epoch': ms.epoch,
        'lanes': ms.carry.lanes if ms.carry is not None else 0,
        'hyper': ms.hyper.facts(),
        'rows': [row['kind'] for row in ms.history],
        'checkpoints': [row.number for row in ms.checkpoints()],
        'valid_nats': ms.evaluate().nats,
        'greedy': ms.generatestring(40, temp=0),
    }


def make(folder: Path) -> None:
    """Make three small runs with a restore in each, and write their facts beside them."""
    for name, given in RUNS.items():
        with tempfile.TemporaryDirectory() as elsewhere:
            source = Path(elsewhere) / 'text.txt'
            source.write_text(TEXT, encoding='utf-8')
            tiny = {'layers': 1, 'state_size': 4, 'seq_len': 8, 'device': 'cpu'}
            ms = ModelState.initfromsrcfile(source, folder / name, **{**tiny, **given})
            ms.trainmodel(train_len=3, batchsize=2, print_every=2)
            ms.trainmodel(train_len=30, print_every=20)
            ms.restore(2)
            ms.trainmodel(train_len=4, print_every=2)
        (folder / f'{name}.json').write_text(json.dumps(facts_of(ms), indent=1) + '\n', encoding='utf-8')
        (folder / name / 'lock').unlink()


if __name__ == '__main__':
    make(HERE / sys.argv[1])
