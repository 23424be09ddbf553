"""JavaScript under node, and a page in a browser."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import train, words
from export.browser import Browser, found_chromium

import charrnn
from charrnn import ModelState
from charrnn.export.packed import pack
from charrnn.export.page import vocabulary_facts
from charrnn.models.recurrent import Recurrent
from charrnn.session.run import run_of

RUNTIME = Path(charrnn.__file__).parent / 'export' / 'runtime.js'
READ = """
const r = require(process.argv[1]), given = JSON.parse(require('fs').readFileSync(0))
const open = facts => [new r.Model(facts.model, Buffer.from(facts.data, 'base64')), r.vocabularyOf(facts.vocabulary)]
const after = (model, cells) => cells.reduce((state, cell) => r.read(model, state, cell).state, null)
console.log(JSON.stringify((() => { %s })()))
"""
"""The frame around a script: `r` is runtime.js, `given` its input; it returns its output."""

Javascript = Callable[..., Any]


@pytest.fixture
def javascript() -> Javascript:
    """Return a function that runs a script under node: javascript('return given.a + 1', a=2) is 3."""
    node = shutil.which('node')
    if node is None:
        pytest.skip('there is no node to run runtime.js: apt-get install nodejs')

    def run(script: str, **given: Any) -> Any:
        done = subprocess.run(
            [node, '-e', READ % script, str(RUNTIME)], input=json.dumps(given), text=True, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def packed_facts(ms: ModelState, weights: str = 'float16') -> dict[str, Any]:
    """Return a run as the script's `open` takes it."""
    model = run_of(ms).learner.model
    assert isinstance(model, Recurrent)
    packed = pack(model, weights)
    data = base64.b64encode(packed.data).decode()
    return {'model': packed.facts, 'data': data, 'vocabulary': vocabulary_facts(ms.chars)}


@pytest.fixture(scope='session')
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser that the tests of this file share."""
    program = found_chromium()
    if program is None:
        pytest.skip('there is no browser for the page: apt-get install chromium')
    with Browser(program, tmp_path_factory.mktemp('profile')) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    """Return the shared browser; afterwards, no script has failed and the page alone was asked for."""
    window.events.clear()
    yield window
    assert window.troubles == []
    assert {address[:5] for address in window.requests} == {'file:'} and len(set(window.requests)) == 1


@pytest.fixture(scope='session')
def trained(tmp_path_factory: pytest.TempPathFactory) -> ModelState:
    """Return a run that has learned enough for its text at temperature 0 to differ from its text at 1."""
    folder = tmp_path_factory.mktemp('trained')
    (folder / 'text.txt').write_text(words(3000))
    sizes: dict[str, Any] = {'layers': 2, 'state_size': 16, 'seq_len': 20, 'learnrate': 0.02, 'device': 'cpu'}
    ms = ModelState.initfromsrcfile(folder / 'text.txt', folder / 'run', **sizes)
    train(ms, 60, valid_len=0)
    return ms
