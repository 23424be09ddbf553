"""Pages as files: what is in them, what is not, and which files they replace."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, learner_of, train

import charrnn
from charrnn import (
    CharSet,
    CharSetError,
    HyperParamsError,
    ModelState,
    SamplingError,
    TornWindowError,
    TrainingError,
    WorkspaceError,
)
from charrnn.export.page import MOST_CELLS, megabytes, vocabulary_facts

SCRIPT = 'application/json', 'text/plain', None, None, None
"""The types of the scripts of a page, in their order; None is JavaScript."""


class Parsed(HTMLParser):
    """A page as a browser reads it: the tags with their attributes, and the text of each."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ''
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append('')
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ''

    @property
    def facts(self) -> Any:
        return json.loads(self.texts['script'][0])

    @property
    def policy(self) -> str:
        return next(a['content'] or '' for tag, a in self.tags if a.get('http-equiv') == 'Content-Security-Policy')


def page_of(ms: ModelState, **given: Any) -> Parsed:
    path = Path(ms.curdir).parent / 'page.html'
    ms.exporthtml(path, **given)
    return Parsed(path.read_bytes())


def test_a_page_is_one_file_whose_policy_allows_its_own_scripts_alone(run: ModelState) -> None:
    page = page_of(run)
    assert [a.get('type') for tag, a in page.tags if tag == 'script'] == list(SCRIPT)
    for text in (*page.texts['script'][2:], *page.texts['style']):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in page.policy
    assert page.policy.startswith("default-src 'none'; ") and 'unsafe' not in page.policy
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert name not in ('src', 'style', 'action') and not name.startswith('on'), (tag, name)
            assert name != 'href' or value == 'data:,'
    assert 'http:' not in ''.join(page.texts['script']) and 'url(' not in page.texts['style'][0]


def test_a_page_says_what_it_is(make_run: MakeRun) -> None:
    ms = make_run('lear')
    assert 'not yet trained' in page_of(ms).texts['dd'][2]
    train(ms, 20, valid_len=0)
    page = page_of(ms, licence='Public domain.')
    (_, valid) = ms.history.validations()[-1]
    assert page.texts['title'] == page.texts['h1'] == ['lear']
    assert page.texts['dd'][0] == f'GRUEncode, 2 × 6 units, {sum(p.numel() for p in weights_of(ms)):,} weights'
    assert page.texts['dd'][1].startswith('source.txt, 630 characters, read ')
    assert f'validation {valid:.2f} ' in page.texts['dd'][2] and 'training ' in page.texts['dd'][2]
    assert page.texts['dd'][4] == f'charrnn {charrnn.__version__}'
    assert 'Public domain. The scripts of this page are part of charrnn, Apache-2.0.' in ''.join(page.texts['p'])
    assert page.facts['heldOut'] == pytest.approx(valid / math.log(2))


def weights_of(ms: ModelState) -> Any:
    return list(learner_of(ms).model.parameters())


def test_the_sizes_are_stated_and_small(make_run: MakeRun) -> None:
    ms = make_run(state_size=256)
    trained = 4 * sum(p.numel() for p in weights_of(ms))
    sizes = {}
    for weights in ('float16', 'int8'):
        path = Path(ms.curdir).parent / f'{weights}.html'
        made = ms.exporthtml(path, weights=weights)
        assert made == eval(repr(made), {'Page': type(made)})
        assert (made.path, made.bytes, made.trained_bytes) == (str(path), path.stat().st_size, trained)
        page = Parsed(path.read_bytes())
        assert len(base64.b64decode(page.texts['script'][1])) == made.weight_bytes
        size = f'{megabytes(trained)} as trained, {megabytes(made.weight_bytes)} in this page ({weights})'
        assert page.texts['dd'][3] == size
        sizes[weights] = made.weight_bytes
        assert made.bytes < 4e6
    assert 0.5 < sizes['int8'] / sizes['float16'] < 0.52 and sizes['float16'] < 0.51 * trained


def test_the_same_run_gives_the_same_page(run: ModelState, tmp_path: Path) -> None:
    pages = [tmp_path / 'one.html', tmp_path / 'two.html']
    for page in pages:
        run.exporthtml(page)
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_a_page_has_no_path_and_no_training_text(make_run: MakeRun, tmp_path: Path) -> None:
    secret = 'the cat keeps 4917 in a box. '
    ms = make_run(text=secret * 30)
    ms.exporthtml(tmp_path / 'page.html')
    page = (tmp_path / 'page.html').read_text()
    assert str(tmp_path) not in page and tmp_path.name not in page
    assert secret.strip() not in page
    assert ms.chars.decode(Parsed(page.encode()).facts['text']) == str(ms.generatestring(300, 0.5, seed=0))


HOSTILE = (
    '</script><script>alert(1)</script><!--<script>]]>"\'&amp;<img src=x onerror=alert(1)>\x00\x1b\r\u2028\u202e\ufeff'
)


def test_nothing_of_a_strangers_run_becomes_markup(make_run: MakeRun, tmp_path: Path) -> None:
    source = tmp_path / f'{HOSTILE[:40].replace("/", "∕")}.txt'  # a name of a file has no slash
    source.write_text(HOSTILE * 20 + 'abc', encoding='utf-8', newline='')
    ms = ModelState.initfromsrcfile(source, tmp_path / 'run', layers=1, state_size=4, seq_len=8, device='cpu')
    ordinary, page = page_of(make_run('ordinary')), page_of(ms, name=HOSTILE, licence=HOSTILE, prime=HOSTILE)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in ordinary.tags]
    assert page.facts['vocabulary']['codes'] == [ord(char) for char in ms.chars.decode(range(len(ms.chars)))]
    assert ms.chars.decode(page.facts['text']) == HOSTILE
    assert page.texts['h1'] == page.texts['title'] and page.texts['h1'][0].startswith(HOSTILE[:40])
    assert source.name in page.texts['dd'][1]
    assert not re.search('[\x00-\x08\x0b-\x1f\u2028-\u202e\ufeff]', ''.join(map(''.join, page.texts.values())))
    assert vocabulary_facts(CharSet('a\ud800'))['codes'] == [0xFFFD, ord('a'), 0xD800]


@pytest.mark.parametrize(
    ('begun', 'given', 'error', 'why', 'following'),
    [
        ({'level': 'word'}, {}, TrainingError, 'this run reads words', "level='char'"),
        ({'modeltype': 'LSTMAttention'}, {}, TrainingError, 'LSTMAttention also looks back', "modeltype='LSTM'"),
        ({}, {'weights': 'float64'}, HyperParamsError, "no weights 'float64'", "weights='float16' or weights='int8'"),
        ({}, {'name': 5}, HyperParamsError, 'name=5 is no text', 'name='),
        ({}, {'licence': b'x'}, HyperParamsError, 'is no text', 'licence='),
        ({}, {'prime': 'ѣ'}, CharSetError, 'U\\+0463', "errors='replace'"),
        ({}, {'prime': 'a' * (MOST_CELLS + 1)}, SamplingError, 'a page holds 20,000', 'a shorter prime'),
        ({}, {'path': 'text\n'}, WorkspaceError, 'a path is needed', "path='page.html'"),
        ({}, {'path': None}, WorkspaceError, 'path=None is no path', "path='page.html'"),
        ({}, {'title': 'x'}, HyperParamsError, "no argument 'title'", 'name'),
    ],
)
def test_what_cannot_be_a_page_is_refused(
    make_run: MakeRun,
    tmp_path: Path,
    begun: dict[str, Any],
    given: dict[str, Any],
    error: type,
    why: str,
    following: str,
) -> None:
    ms = make_run(**begun)
    with pytest.raises(error, match=f'{why}(.|\n)*\n  Next: .*{following}'):
        ms.exporthtml(**{'path': tmp_path / 'page.html', **given})
    assert not (tmp_path / 'page.html').exists()


def test_weights_that_are_no_weights_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    weight = learner_of(ms).model.readout_weight.data
    weight[0, 0] = 1e5
    with pytest.raises(HyperParamsError, match="a weight is 100,000(.|\n)*Next: weights='int8'"):
        ms.exporthtml(tmp_path / 'page.html')
    ms.exporthtml(tmp_path / 'page.html', weights='int8')
    weight[0, 0] = float('nan')
    with pytest.raises(SamplingError, match='no longer numbers'):
        ms.exporthtml(tmp_path / 'nan.html', weights='int8')
    learner_of(ms).torn = True
    with pytest.raises(TornWindowError):
        ms.exporthtml(tmp_path / 'nan.html')
    assert not (tmp_path / 'nan.html').exists()


def test_an_older_page_is_replaced_and_no_other_file(
    run: ModelState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {'empty.html': b'', 'notes.html': b'<p>mine', 'notes-2.html': b'mine too'}.items():
        Path(name).write_bytes(content)
    run.exporthtml('new/page.html')
    run.exporthtml('new/page.html', weights='int8')
    assert b'(int8)' in Path('new/page.html').read_bytes()
    Path('link.html').symlink_to('new/page.html')
    run.exporthtml('link.html')
    assert Path('link.html').is_symlink() and b'(float16)' in Path('new/page.html').read_bytes()
    run.exporthtml('empty.html')
    for wrong, why in [('notes.html', 'is no page'), ('new', 'is a directory'), ('page', 'does not end in .html')]:
        with pytest.raises(WorkspaceError, match=why) as caught:
            run.exporthtml(wrong)
        run.exporthtml(**eval(f'dict({caught.value.next_step})'))
    assert Path('notes.html').read_bytes() == b'<p>mine' and Path('notes-2.html').read_bytes() == b'mine too'
    assert Path('notes-3.html').exists() and Path('page.html').exists()


def test_a_write_that_fails_leaves_the_older_page(
    run: ModelState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'page.html'
    run.exporthtml(path)
    before = path.read_bytes()

    def fail(*unused: object) -> None:
        raise OSError(28, 'No space left on device')

    for owner, function in ((os, 'fsync'), (Path, 'replace')):
        with monkeypatch.context() as patch:
            patch.setattr(owner, function, fail)
            with pytest.raises(WorkspaceError, match=r"cannot write '.*': No space left(.|\n)*Next: free disk space"):
                run.exporthtml(path, weights='int8')
        assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith('.')] == []


def test_a_filter_in_python_is_not_left_out_in_silence(run: ModelState, tmp_path: Path) -> None:
    run.attach(samplefilter=lambda logits, text: logits)
    with pytest.warns(UserWarning, match='the attached samplefilter is Python'):
        run.exporthtml(tmp_path / 'page.html')
    assert Parsed((tmp_path / 'page.html').read_bytes()).facts['text'] == []
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        run.detach('samplefilter')
        run.exporthtml(tmp_path / 'page.html')
