"""Law: all that is returned or shown survives print in every encoding, a file in UTF-8, and JSON."""

import io
import json
import random
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torture import TORTURE, count

from charrnn import CharRNNError, ModelState, compare
from charrnn.session.fsck import fsck
from charrnn.session.overview import status

ENCODINGS = ('utf-8', 'cp1252', 'ascii')
LEVELS = ('char', 'byte', 'word')
CASES = 1000 if TORTURE else 1
"""Generated texts of each level."""

ODD = [
    *('the', 'cat', 'é', 'я', 'い', '語', '…', '±', '│', '▁', '’', '\\', '"', "'", '[b]', '&', '<b>', '<unk>', '<eos>'),
    *('\U0001f600', '\u0301', '\ufffd', '\ufeff', '\u202e', '\u200b', '\xa0', '\u2003', '\u2028', '\x1c', '\x85'),
    *('\x1b[31m', '\x07', '\r', '\x00', '\U0010ffff'),
]
SURROGATES = re.compile('[\ud800-\udfff]')


def odd_text(draws: random.Random) -> str:
    """Return a text of odd characters, words and white space, whose words come again."""
    gaps = draws.sample([' ', '\n', '\t', '  ', '\u3000', '', '\r\n'], 3)
    parts = [*draws.choices(ODD, k=4), *(chr(draws.choice(CODE_POINTS)) for _ in range(6))]
    return ''.join(draws.choice(parts) + draws.choice(gaps) for _ in range(240)) + 'end\n'


CODE_POINTS = [*range(1, 0x3000), *range(0xE000, 0xF000), *range(0x1F600, 0x1F680)]


def all_that_is_returned(ms: ModelState, report: object, prime: str) -> Iterator[Any]:
    """Yield one of everything that the public functions return or raise, and the parts of it."""
    compared, tempered = compare(ms), ms.temperatures(prime, (0.5, 3.0), numchars=20)
    samples = ms.generatestring(17, 3.0, n=3, seed=1)
    yield from (ms, report, ms.evaluate(), repr(ms.evaluate('train')), compared, compared[0], tempered, *tempered)
    yield from (ms.generatestring(30, 3.0, prime=prime, seed=2), samples, samples[:2], *samples, tempered[0].text)
    yield from (ms.history, *ms.history, ms.history[:2], ms.history['sample'], ms.checkpoints(), ms.checkpoints()[0])
    yield from (ms.hyper, ms.data, ms.engine, ms.carry, ms.chars, ms.attached)
    scored = ms.score(prime, prime=prime)
    yield from (scored, ms.score([prime, f'{prime} {prime}'], errors='replace'))
    copied = ms.copied(f'{prime} {prime}', 1)
    found, shown = ms.findneurons('valid', 'line', 2), ms.showneuron(prime, 0, 1)
    yield from (copied, found, found[0], shown)
    for value in (scored, copied, found, shown):
        value._repr_html_().encode()
    if ms.chars.level != 'word':
        yield ms.exporthtml(f'{ms.curdir}.html')
    inspection = fsck(ms.curdir)
    yield from (inspection, *inspection.findings, status(ms.curdir))
    bad: list[dict[str, Any]] = [{'prime': 'ѣ𐍈'}, {'prime': '\ud800'}, {'prime': 5}, {'temp': -1}, {'ѣ': 1}]
    for wrong in bad:
        try:
            ms.generatestring(3, **{'prime': prime, **wrong})
        except CharRNNError as error:
            yield error


def assert_survives(value: Any, patch: pytest.MonkeyPatch) -> None:
    for encoding in ENCODINGS:
        screen = io.TextIOWrapper(io.BytesIO(), encoding, 'strict')
        patch.setattr(sys, 'stdout', screen)
        print(value)
        print([value])
        screen.flush()
    if isinstance(value, str):
        file = io.TextIOWrapper(io.BytesIO(), 'utf-8', newline='')
        file.write(value)
        file.seek(0)
        assert file.read() == value == f'{value}'
    if isinstance(value, str | dict | list):
        assert json.loads(json.dumps(value)) == value
        assert json.loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.filterwarnings('ignore:.*begins with a byte order mark', 'ignore:the end of')
@pytest.mark.parametrize('level', LEVELS)
def test_all_that_is_returned_survives(tmp_path: Path, level: str) -> None:
    for case in range(CASES):
        draws = random.Random(f'{level} {case}')
        text = odd_text(draws)
        data = text.encode()
        if level == 'byte':  # characters cut in half, and other bytes that are not UTF-8
            data = b''.join(data[k : k + draws.randrange(1, 9)] for k in range(0, len(data), 9))
        source = tmp_path / f'жизнь {case}.txt'
        source.write_bytes(data)
        ms = ModelState.initfromsrcfile(
            source, tmp_path / f'жизнь {case}', level=level, layers=1, state_size=4, seq_len=8
        )
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter('ignore')
            patch.setattr(sys, 'stdout', io.TextIOWrapper(io.BytesIO(), draws.choice(ENCODINGS), 'strict'))
            report = ms.trainmodel(train_len=2, batchsize=2, print_every=1, valid_len=1)
            ms.attach(onreport=lambda row: 'é’…')
            patch.undo()
            prime = text.split()[0]
            ms.chars.decode(range(len(ms.chars))).encode()
            for value in all_that_is_returned(ms, report, prime):
                assert_survives(value, patch)
            patch.undo()
            ms.history.to_csv(tmp_path / 'history.csv')
            assert not SURROGATES.search((tmp_path / 'history.csv').read_text(encoding='utf-8'))
        count(f'generated texts of level {level}: all that is returned survives print, a file and JSON')
