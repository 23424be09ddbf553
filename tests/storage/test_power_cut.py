"""P2: after a power cut at any moment of a save, which loses writes that were not yet forced to the disk, a run loads.

The file operations of a save are recorded, and each prefix of them is replayed onto a model of the earlier disk: with
all operations lost that no fsync had made durable, with none lost, and with each single one of them lost.
"""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Container
from pathlib import Path
from typing import Any

from conftest import MakeRun, moment, train
from disk import Disk, Operation, watching
from torture import TORTURE, count

from charrnn import ModelState


class Inodes:
    """A model of a file system: numbered nodes, each with the bytes of a file or with the entries of a folder.

    An entry maps a name to a node.  The entries are part of the folder's node, so changes inside a renamed folder do
    not depend on whether its new name survives.
    """

    def __init__(self, root: Path) -> None:
        self.nodes: list[bytes | dict[str, int]] = []
        self.root, self.top = root, self._take(root)

    def _take(self, path: Path) -> int:
        number = len(self.nodes)
        self.nodes.append(path.read_bytes() if path.is_file() else {})
        if path.is_dir():
            self.nodes[number] = {inner.name: self._take(inner) for inner in path.iterdir()}
        return number

    def at(self, path: str) -> int:
        """Return the number of the node at a path."""
        number = self.top
        for name in Path(path).relative_to(self.root).parts:
            number = self.folder(number)[name]
        return number

    def folder(self, number: int) -> dict[str, int]:
        """Return the entries of a folder."""
        node = self.nodes[number]
        assert isinstance(node, dict)
        return node

    def resolve(self, operation: Operation) -> Operation:
        """Return an operation on paths as one on nodes, once all earlier ones are applied; number a new node."""
        kind, path, *rest = operation
        if kind in ('write', 'truncate', 'fsync'):
            return kind, self.at(path), *rest
        entry = (self.at(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH119, PTH120
        if kind in ('create', 'mkdir'):
            self.nodes.append(b'' if kind == 'create' else {})
            return kind, *entry, len(self.nodes) - 1
        if kind == 'rename':
            (target,) = rest
            there = (self.at(os.path.dirname(target)), os.path.basename(target))  # noqa: PTH119, PTH120
            return kind, *entry, *there, self.at(path)
        return kind, *entry

    def apply(self, operation: Operation) -> None:
        """Apply an operation on nodes."""
        kind, number, *rest = operation
        if kind == 'write':
            offset, data = rest
            content: Any = self.nodes[number]
            self.nodes[number] = content[:offset].ljust(offset, b'\0') + data + content[offset + len(data) :]
        elif kind == 'truncate':
            content = self.nodes[number]
            self.nodes[number] = content[: rest[0]].ljust(rest[0], b'\0')
        elif kind in ('create', 'mkdir'):
            self.folder(number)[rest[0]] = rest[1]
        elif kind == 'rename':
            name, target, new_name, node = rest
            self.folder(number).pop(name, None)
            self.folder(target)[new_name] = node
        elif kind in ('unlink', 'rmdir'):
            self.folder(number).pop(rest[0], None)

    def put(self, number: int | None = None, path: Path | None = None) -> None:
        """Write the contents of this model into the real folder."""
        if number is None or path is None:
            shutil.rmtree(self.root)
            number, path = self.top, self.root
        node = self.nodes[number]
        if isinstance(node, bytes):
            path.write_bytes(node)
        else:
            path.mkdir()
            for name, inner in node.items():
                self.put(inner, path / name)


def is_kept(log: list[Operation], place: int, end: int) -> bool:
    """Return True if an fsync of its node before `end` has made the operation at `place` durable."""
    return any(later[:2] == ('fsync', log[place][1]) for later in log[place + 1 : end])


def losing(before: Inodes, log: list[Operation], lost: Container[int]) -> Inodes:
    """Return the disk after these operations without the lost ones."""
    after = copy.deepcopy(before)
    for place, operation in enumerate(log):
        if place not in lost:
            after.apply(operation)
    return after


def recorded(before: Inodes, disk: Disk) -> list[Operation]:
    """Return the recorded operations as operations on nodes, and add the new nodes to `before`."""
    everything, log = copy.deepcopy(before), []
    for operation in disk.log:
        log.append(everything.resolve(operation))
        everything.apply(log[-1])
    new = everything.nodes[len(before.nodes) :]
    before.nodes += [{} if isinstance(node, dict) else b'' for node in new]
    everything.put()
    return log


def test_a_save(make_run: MakeRun) -> None:
    ms = make_run()
    for _ in range(5):
        train(ms, 1)
    root, old = ms.curdir, moment(ms)
    before, disk = Inodes(root), Disk(root)
    with watching(disk):
        train(ms, 1)  # writes a line of the history and a checkpoint, and drops an old one
    new = moment(ms)
    assert {operation[0] for operation in disk.log} == {
        'mkdir',
        'create',
        'write',
        'fsync',
        'rename',
        'unlink',
        'rmdir',
    }
    written = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}
    log = recorded(before, disk)
    assert written == {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}, (
        'every operation was recorded'
    )
    del ms

    def cut(end: int, lost: Container[int]) -> None:
        losing(before, log[:end], lost).put()
        found = moment(ModelState.load(root, device='cpu'))  # without a warning, since warnings are errors here
        assert found == new if end == len(log) else found in (old, new), f'after {log[end - 1][:3]} without {lost}'
        count('power cuts in a save')

    for end in range(len(log) + 1):
        open_ended = [place for place in range(end) if log[place][0] != 'fsync' and not is_kept(log, place, end)]
        cut(end, ())
        cut(end, open_ended)
        for place in open_ended:
            if TORTURE or (place + end) % 3 == 0:
                cut(end, (place,))


def test_a_beginning_is_durable_when_it_returns(make_run: MakeRun, tmp_path: Path) -> None:
    before, disk = Inodes(tmp_path), Disk(tmp_path)
    with watching(disk):
        ms = make_run('deep/down/run')
    expected, curdir = moment(ms), ms.curdir
    del ms
    log = recorded(before, disk)
    losing(before, log, [place for place in range(len(log)) if not is_kept(log, place, len(log))]).put()
    assert moment(ModelState.load(curdir, device='cpu')) == expected
