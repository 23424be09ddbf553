"""Verbs have one definition each, answer a misspelt keyword with the right one, and hide the library's frames."""

from __future__ import annotations

import ast
import importlib
import inspect
import traceback
from pathlib import Path
from types import FrameType, TracebackType

import pytest
from conftest import MakeRun

import charrnn
from charrnn import HyperParams, HyperParamsError, ModelState, SamplingError
from charrnn.modelstate import PURPOSES

SESSION = Path(charrnn.__file__).parent / 'session'
VERBS = [name for purpose, names in PURPOSES.items() if purpose != 'begin' for name in names]


def definitions() -> dict[str, list[str]]:
    """Return the modules of session/ that define each function at their top level."""
    found: dict[str, list[str]] = {}
    for path in sorted(SESSION.glob('*.py')):
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            overloads = [ast.unparse(decorator) for decorator in getattr(node, 'decorator_list', [])]
            if isinstance(node, ast.FunctionDef) and 'overload' not in overloads:
                found.setdefault(node.name, []).append(f'charrnn.session.{path.stem}')
    return found


@pytest.mark.parametrize('verb', VERBS)
def test_a_verb_has_one_definition(verb: str) -> None:
    (module,) = definitions()[verb]
    function = getattr(importlib.import_module(module), verb)
    assert vars(ModelState)[verb] is function
    assert getattr(charrnn, verb, function) is function, 'the public name is the same function'


@pytest.mark.parametrize('verb', [*VERBS, *PURPOSES['begin']])
def test_a_misspelt_keyword_gets_a_suggestion(make_run: MakeRun, verb: str) -> None:
    function = getattr(make_run(), verb)
    parameters = inspect.signature(getattr(ModelState, verb)).parameters.values()
    keywords = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != 'ms']
    for name in keywords:
        kind = 'hyperparameter' if name in HyperParams.__dataclass_fields__ else 'argument'
        with pytest.raises(HyperParamsError, match=rf"no {kind} '{name}x'\.\n  Next: {name}=") as caught:
            function(*['unused'] * (2 if verb == 'initfromsrcfile' else 0), **{f'{name}x': 1})
        assert caught.value.next_step
    if not keywords and verb != 'sethyperparams':
        with pytest.raises(HyperParamsError, match=r"no argument 'surprise'\.\n  Next: leave it out"):
            function(surprise=1)


def test_sethyperparams_guesses_settings(make_run: MakeRun) -> None:
    with pytest.raises(HyperParamsError, match=r"no hyperparameter 'learnrat'.\n  Next: learnrate"):
        make_run().sethyperparams(learnrat=0.1)


def frames(trace: TracebackType | None) -> list[str]:
    found: list[FrameType] = [frame for frame, _ in traceback.walk_tb(trace)]
    return [str(frame.f_globals.get('__name__')) for frame in found]


def test_a_traceback_has_the_frames_of_the_library_only_on_request(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = make_run()
    counts = {}
    for value in ('', '0', '1'):
        monkeypatch.setenv('CHARRNN_TRACEBACK', value)
        with pytest.raises(SamplingError) as caught:
            ms.generatestring(prime='')
        counts[value] = [name for name in frames(caught.value.__traceback__) if name.startswith('charrnn.')]
    assert counts[''] == counts['0'] == ['charrnn.signatures']
    assert counts['1'] == ['charrnn.signatures', *['charrnn.session.generation'] * 2]
