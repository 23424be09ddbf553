"""JavaScript under node, for the tests of runtime.js."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
