"""Hostile runs: real ones, with one file changed, and sealed again, so that every checksum matches.

Run as a program, the file tries thousands of inputs in a process of its own, under Python's audit hook:

    python tests/foreign.py FOLDER COUNT SEED      prints what was found; the exit status is 0 if nothing got in
"""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import re
import resource
import shutil
import signal
import struct
import sys
import traceback
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from charrnn import CharRNNError, ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.storage.journal import as_line

HOSTILE: list[Any] = [
    None, True, False, -1, 0, 1, 2, 255, 256, 2**31, 2**53, 2**63, 10**30, 0.5, -0.5, 1e308, '', 'x', 'x' * 3000,
    'nan', '../../etc/passwd', '\x00', '\x1b[2J', '\ud800', [], {}, [[]], [0] * 50, {'a': {'b': {}}},
]  # fmt: skip
RISKY = ('exec', 'compile', 'pickle.', 'marshal.', 'subprocess.', 'os.system', 'os.exec', 'os.posix_spawn', 'os.spawn',
         'os.fork', 'socket.', 'urllib.', 'ctypes.', 'code.__new__', 'import')  # fmt: skip
SECONDS = 20


class Marker:
    """An object that leaves a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, 'w')


def payloads(marker: str) -> dict[str, bytes]:
    """Return files that run code when they are opened as their name suggests, and files with false sizes."""
    pickled = pickle.dumps(Marker(marker))
    zipped = BytesIO()
    with zipfile.ZipFile(zipped, 'w') as archive:
        archive.writestr('archive/data.pkl', pickled)
        archive.writestr('archive/version', '3')
    header = json.dumps({'model/x': {'dtype': 'F32', 'shape': [2**40, 2**40], 'data_offsets': [0, 4]}}).encode()
    return {
        'pickle': pickled,
        'old pickle': pickle.dumps(Marker(marker), protocol=0),
        'torch zip': zipped.getvalue(),
        'pickle before JSON': pickled + b'\n{"kind": "report"}\n',
        'JSON before pickle': b'{"kind": "report"}\n' + pickled,
        'python': f'import os\nopen({marker!r}, "w")\n'.encode(),
        'deep JSON': b'[' * 100_000,
        'wide JSON': b'[' + b'[],' * 1_000_000 + b'0]',
        'huge number': b'{"format": ' + b'9' * 5000 + b'}',
        'tensor without end': struct.pack('<Q', len(header)) + header + b'\0' * 4,
        'header without end': struct.pack('<Q', 2**62) + b'{}',
        'nothing': b'',
        'zeros': bytes(5000),
    }


def seal_again(folder: Path) -> None:
    """Write the manifest that matches the present files of a folder."""
    files = {
        path.name: {'bytes': path.stat().st_size, 'sha256': hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != 'manifest.json'
    }
    seal(folder / 'manifest.json', {'format': 2, 'files': files})


def seal(path: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest with the digest of itself, whatever it says."""

    def text(value: Any) -> bytes:
        as_ours = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + '\n'  # as_json, which refuses nan
        return as_ours.encode('utf-8', 'replace')

    manifest = {name: value for name, value in manifest.items() if name != 'sha256'}
    manifest['sha256'] = hashlib.sha256(text(manifest)).hexdigest()
    path.write_bytes(text(manifest))


def mutate_json(value: Any, draws: random.Random) -> Any:
    """Return a JSON value with one part of it replaced, removed or doubled."""
    if isinstance(value, dict) and value and draws.random() < 0.9:
        key = draws.choice(list(value))
        if draws.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if draws.random() < 0.05:
            return {**value, draws.choice(['x', '', 'layers', 'seed']): draws.choice(HOSTILE)}
        return {**value, key: mutate_json(value[key], draws)}
    if isinstance(value, list) and value and draws.random() < 0.7:
        at = draws.randrange(len(value))
        if draws.random() < 0.2:
            return value[:at] + value[at + draws.randrange(2) :] + value[at:]
        return [*value[:at], mutate_json(value[at], draws), *value[at + 1 :]]
    if isinstance(value, int) and not isinstance(value, bool) and draws.random() < 0.4:
        return value + draws.choice([-1, 1, 7, 2**20])
    return draws.choice(HOSTILE)


def mutate_bytes(content: bytes, draws: random.Random) -> bytes:
    """Return bytes with a few changed, or a piece removed, doubled or inserted."""
    at = draws.randrange(len(content) + 1)
    size = draws.choice([1, 2, 8, 100])
    way = draws.randrange(4)
    if way == 0 and content:
        return bytes(b ^ draws.randrange(256) if draws.random() < 3 / len(content) else b for b in content)
    if way == 1:
        return content[:at] + content[at + size :]
    if way == 2:
        return content[:at] + content[at : at + size] + content[at:]
    return content[:at] + draws.randbytes(size) + content[at:]


def mutate(path: Path, draws: random.Random) -> None:
    """Change one file of a run in a way that fits its kind, and in most cases seal its folder again."""
    content = path.read_bytes()
    if path.name == 'history.jsonl' and draws.random() < 0.8:
        rows = [json.loads(line) for line in content.splitlines()]
        row = draws.choice(rows)
        row.pop('crc', None)
        new = mutate_json(row, draws)
        number = new.pop('row', 0) if isinstance(new, dict) else 0
        path.write_bytes(content + (as_line(number, new) if isinstance(new, dict) else b'[]\n'))
        return
    if path.suffix == '.json' and draws.random() < 0.8:
        value = json.loads(content)
        value.pop('sha256', None)
        for _ in range(draws.choice([1, 1, 1, 2, 4])):
            value = mutate_json(value, draws)
        path.write_bytes(json.dumps(value).encode())
        if path.name == 'manifest.json' and isinstance(value, dict):
            seal(path, value)
            return
    elif path.suffix == '.safetensors' and draws.random() < 0.7:
        size = struct.unpack('<Q', content[:8])[0]
        header = json.dumps(mutate_json(json.loads(content[8 : 8 + size]), draws)).encode()
        path.write_bytes(struct.pack('<Q', len(header)) + header + content[8 + size :])
    else:
        path.write_bytes(mutate_bytes(content, draws))
    if path.parent.joinpath('manifest.json').exists() and path.name != 'manifest.json' and draws.random() < 0.95:
        seal_again(path.parent)


CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f]')


def use(run: Path, *, look: bool = True, train: bool = False) -> bool:
    """Load and use a run as a user would, and return True if it loaded; errors of the library itself are expected."""
    loaded, shown = False, list[str]()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        try:
            ms = ModelState.load(run, device='cpu')
            loaded = True
            shown += map(repr, (ms, ms.checkpoints(), ms.attached, ms.history, ms.data))
            ms.generatestring(3, seed=0)
            if len(ms.data.valid):
                ms.evaluate()
            if train:
                ms.trainmodel(train_len=1, batchsize=2, valid_len=1, print_every=1)
        except CharRNNError as error:
            shown.append(str(error))
        if look:
            shown.append(str(fsck(run)))
            try:
                shown.append(status(run))
            except CharRNNError as error:
                shown.append(str(error))
        shown += [str(warning.message) for warning in warned]
    for text in shown:
        assert not CONTROL.search(text), f'control characters reach the terminal: {text!r}'
    return loaded


def too_slow(*unused: object) -> None:
    raise TimeoutError(f'more than {SECONDS} s')


def main(folder: str, count: str, seed: str) -> int:
    """Try `count` inputs, print the failures, and return the exit status."""
    good, draws, marker = Path(folder), random.Random(int(seed)), Path(folder + '.marker')
    run = good.with_name(f'foreign{seed}')
    events: list[str] = []
    watching = False

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if watching and event.startswith(RISKY):
            events.append(f'{event} {str(given)[:200]}')

    sys.addaudithook(hook)
    files = sorted(p.relative_to(good) for p in good.rglob('*') if p.is_file() and p.stat().st_size)
    corpus = [(name, kind) for name in files for kind in payloads('')]
    shutil.copytree(good, run)
    use(run, train=True)  # what is imported late is imported now
    '\x1b'.encode('unicode_escape')
    for name in files:
        (run / name).write_bytes(b'?')
        use(run)
        (run / name).write_bytes((good / name).read_bytes())
    failures, loads = 0, 0
    signal.signal(signal.SIGALRM, too_slow)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(int(count)):
        shutil.rmtree(run)
        shutil.copytree(good, run)
        if number < len(corpus) * 2:
            name, kind = corpus[number // 2]
            (run / name).write_bytes(payloads(str(marker))[kind])
            if number % 2 and (run / name).parent.joinpath('manifest.json').exists() and name.name != 'manifest.json':
                seal_again((run / name).parent)
            what = f'{kind} as {name}'
        else:
            name = draws.choice(files)
            mutate(run / name, draws)
            what = f'input {number} in {name}'
        watching = True
        signal.alarm(SECONDS)
        try:
            loads += use(run, look=number < len(corpus) * 2 or number % 5 == 0)
        except BaseException as error:
            failures += 1
            print(f'{what}: {type(error).__name__}: {str(error)[:300]}')
            if failures <= 3:
                shutil.copytree(run, run.with_name(f'{run.name}.failed{failures}'), dirs_exist_ok=True)
                traceback.print_exc()
        signal.alarm(0)
        watching = False
        if events or marker.exists():
            failures += 1
            print(f'{what}: {events or "it ran"}')
            events.clear()
            marker.unlink(missing_ok=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f'{count} inputs, {loads} of them loaded, {failures} failures, {grown:.1f} MiB more at the peak')
    return 1 if failures or grown > 16 else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
