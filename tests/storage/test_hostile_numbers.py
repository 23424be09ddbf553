"""Each number in each file of a run, replaced by each hostile value: the run loads and is usable, or an error says why.

The seals are made right again, so that every value gets past them.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, moment, train, words
from foreign import CONTROL, seal, seal_again
from torture import TORTURE, count

from charrnn import CharRNNError, ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.session.run import run_of
from charrnn.storage.journal import MARK as CRC

HOSTILE = (
    '1000000000000000000000', '1e400', '-1e400', 'NaN', '-1', '0', 'true', 'null', '[1]', '{"1": 1}', '"1"', '0.5',
    '9007199254740991', '9007199254740992', '9223372036854775808', '1e308', '1e-320', '9' * 4000, '9' * 5000,
)  # fmt: skip
"""JSON as a stranger may write it, in a place where a number is due."""
FILES = {
    'dataset.json',
    'facts.json',
    'history.jsonl',
    'ladder.json',
    'manifest.json',
    'tensors.safetensors',
    'writer.json',
}
PART = 97
"""Step between the cases that ./check tries: a prime, so that every value and every place has its turn."""
MARK = '\ue000'
"""A string of a place to fill in; no file of a run has it."""
Where = tuple[str | int, ...]


def numbers_in(value: Any, where: Where = ()) -> Iterator[Where]:
    """Yield the place of each number in a JSON value."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_in(part, (*where, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield where


def replaced(value: Any, where: Where, literal: str) -> str:
    """Return JSON of a value with the part at a place replaced by other JSON."""
    place = value = json.loads(json.dumps(value))
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = MARK
    return json.dumps(value).replace(json.dumps(MARK), literal)


def places(run: Path) -> list[tuple[Path, int, Where]]:
    """Return each number in each file of a run: the file, the line of a journal, and the place in its JSON."""
    found: list[tuple[Path, int, Where]] = []
    for path in sorted(path for path in run.rglob('*') if path.is_file()):
        content = path.read_bytes()
        if path.suffix == '.safetensors':
            found += ((path, 0, where) for where in numbers_in(header_of(content)))
        elif path.suffix in ('.json', '.jsonl'):
            texts = content.splitlines() if is_journal(path) else [content]
            found += ((path, line, where) for line, text in enumerate(texts) for where in numbers_in(json.loads(text)))
    return found


def is_journal(path: Path) -> bool:
    return path.name in ('history.jsonl', 'writer.json')


def header_of(content: bytes) -> Any:
    return json.loads(content[8 : 8 + struct.unpack('<Q', content[:8])[0]])


def put(path: Path, line: int, where: Where, literal: str) -> None:
    """Replace a number in a file, and seal it again."""
    content = path.read_bytes()
    if path.suffix == '.safetensors':
        header = replaced(header_of(content), where, literal).encode()
        data = content[8 + struct.unpack('<Q', content[:8])[0] :]
        path.write_bytes(struct.pack('<Q', len(header)) + header + data)
    elif is_journal(path):
        lines = content.splitlines(keepends=True)
        row = json.loads(lines[line])
        del row['crc']
        body = replaced(row, where, literal).encode()
        lines[line] = b'%s%s%08x"}\n' % (body[:-1], CRC, zlib.crc32(body))
        path.write_bytes(b''.join(lines))
        return
    else:
        path.write_text(replaced(json.loads(content), where, literal))
    if path.name != 'manifest.json':
        seal_again(path.parent)
    else:
        try:
            seal(path, json.loads(path.read_text()))
        except ValueError:  # an int of too many digits: nobody can seal it
            return
    if path.parent.name == 'dataset':
        digest = json.loads((path.parent / 'manifest.json').read_text())['sha256']
        for facts in path.parents[1].glob('checkpoints/*/facts.json'):
            facts.write_text(json.dumps({**json.loads(facts.read_text()), 'data_digest': digest}))
            seal_again(facts.parent)


def use(run: Path) -> str:
    """Load a run, train it, and read what that has written; return how far that went."""
    shown, went = list[str](), 'refused'
    looks: list[Callable[[], object]] = [lambda: status(run), lambda: fsck(run)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        try:
            for look in looks:
                with contextlib.suppress(CharRNNError):
                    shown.append(str(look()))
            ms = ModelState.load(run, device='cpu')
            went = 'loaded'
            shown += map(repr, (ms, ms.hyper, ms.checkpoints(), ms.history, ms.data))
            train(ms, 1, batchsize=2, quiet=True)
            went, expected, saved = 'trained', moment(ms), run_of(ms).saved['number']
            del ms
            again = ModelState.load(run, device='cpu')
            assert run_of(again).saved['number'] == saved and moment(again) == expected
            shown.append(repr(again))
        except CharRNNError as error:
            assert error.next_step, error
            shown.append(str(error))
    for text in [*shown, *(str(warning.message) for warning in said)]:
        assert not CONTROL.search(text) and not re.search(r'\d{300}', text), text
    return went


@pytest.mark.parametrize('kind', [{}, {'level': 'word', 'modeltype': 'LSTMAttention', 'memory': 3, 'anneal': 0.5}])
def test_every_number_of_every_file(make_run: MakeRun, tmp_path: Path, kind: dict[str, Any]) -> None:
    ms = make_run('good', text=words(300), layers=1, state_size=2, seq_len=4, **kind)
    train(ms, 1, batchsize=2, valid_len=0, print_every=1)
    ms.evaluate()
    good, run = ms.curdir, tmp_path / 'hostile'
    del ms
    shutil.rmtree(good / 'checkpoints' / '000001')  # so that there is nothing to fall back to
    cases = [(*place, literal) for place in places(good) for literal in HOSTILE]
    assert len(cases) > 2500 and {path.name for path, *_ in cases} == FILES
    for path, line, where, literal in cases if TORTURE else cases[len(kind) :: PART]:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(good, run)
        put(run / path.relative_to(good), line, where, literal)
        try:
            went = use(run)
        except Exception as error:
            raise AssertionError(f'{literal[:40]} as {where} in line {line} of {path.name}') from error
        count(f'hostile numbers in the files of runs that were {went}')
