"""Verbs have one definition each, answer a misspelt keyword with the right one, and hide the library's frames."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest
from conftest import MakeRun

import charrnn
from charrnn import HyperParams, HyperParamsError, ModelState, SamplingError
from charrnn.hyperparams import CHANGEABLE, valid
from charrnn.modelstate import PURPOSES

PACKAGE = Path(charrnn.__file__).parent
VERBS = [name for purpose, names in PURPOSES.items() if purpose != 'begin' for name in names]


def definitions() -> dict[str, list[str]]:
    """Return the modules of session/ and export/ that define each function at their top level."""
    found: dict[str, list[str]] = {}
    for path in sorted((*PACKAGE.glob('session/*.py'), *PACKAGE.glob('export/*.py'))):
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            overloads = [ast.unparse(decorator) for decorator in getattr(node, 'decorator_list', [])]
            if isinstance(node, ast.FunctionDef) and 'overload' not in overloads:
                found.setdefault(node.name, []).append(f'charrnn.{path.parent.name}.{path.stem}')
    return found


@pytest.mark.parametrize('verb', VERBS)
def test_a_verb_has_one_definition(verb: str) -> None:
    (module,) = definitions()[verb]
    function = getattr(importlib.import_module(module), verb)
    assert vars(ModelState)[verb] is function
    public = vars(charrnn).get(verb, function)
    assert public is function or inspect.ismodule(public), 'the public name is the same function'


@pytest.mark.parametrize('verb', [*VERBS, *PURPOSES['begin']])
def test_a_misspelt_keyword_gets_a_suggestion(make_run: MakeRun, verb: str) -> None:
    function = getattr(make_run(), verb)
    parameters = inspect.signature(getattr(ModelState, verb)).parameters.values()
    keywords = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != 'ms']
    for name in keywords:
        is_fixed = verb in ('sethyperparams', 'branch') and name in HyperParams.__dataclass_fields__.keys() - CHANGEABLE
        if len(name) < 3 or is_fixed:  # one letter more makes another word of it
            continue
        value = 'text' if valid(name, 1) is ... else valid(name, 1)
        step = re.escape(f'{name}={value!r}')
        with pytest.raises(HyperParamsError, match=rf"no argument '{name}x'.*\.\n  Next: {step}") as caught:
            function(*['unused'] * (2 if verb == 'initfromsrcfile' else 0), **{f'{name}x': value})
        assert caught.value.next_step
    if not keywords and verb != 'sethyperparams':
        with pytest.raises(HyperParamsError, match=r"no argument 'surprise'\.\n  Next: leave it out"):
            function(surprise=1)


def test_sethyperparams_guesses_settings(make_run: MakeRun) -> None:
    with pytest.raises(HyperParamsError, match=r"no argument 'learnrat': .*\n  Next: learnrate=0.1"):
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
    assert counts['1'] == ['charrnn.signatures', *['charrnn.session.generation'] * 2, 'charrnn.session.prime']


@pytest.mark.parametrize(
    ('verb', 'name', 'value', 'following'),
    [
        *(
            ('generatestring', name, 'The ', "prime='The '")
            for name in ('prompt', 'start', 'seed_text', 'prefix', 'context')
        ),
        ('generatestring', 'max_length', 9, 'numchars=9'),
        ('generatestring', 'Temperature', 0.3, 'temp=0.3'),
        ('generatestring', 'top_n', 3, 'topk=3'),
        ('generatestring', 'interactive', True, r'ms.write\(\), at a terminal'),
        ('generatestring', 'eos', '.', "stop='.'"),
        ('generatestring', 'xyzzy', 1, 'one of numchars, temp, prime, seed, errors, n'),
        ('trainmodel', 'lr', 0.0005, r'ms.sethyperparams\(learnrate=0.0005\)'),
        ('trainmodel', 'state_size', 9, r'a new run: ModelState.initfromsrcfile\(.*state_size=9, '),
        ('trainmodel', 'n_epochs', 3, 'num_rounds=3'),
        ('trainmodel', 'verbose', 0, 'quiet=True prints nothing'),
        ('trainmodel', 'gamma', 0.5, r'ms.sethyperparams\(anneal=0.5\)'),
        ('sethyperparams', 'batch_size', 8, r'ms.trainmodel\(batchsize=8\)'),
        ('findneurons', 'top', 3, 'k=3'),
        ('findneurons', 'target', 'line', "feature='line'"),
        ('showneuron', 'neuron', 3, 'unit=3'),
        ('copied', 'min_length', 30, 'atleast=30'),
        ('copied', 'min', 5, 'atleast=5'),
        ('copied', 'n', 5, 'atleast=5'),
        ('copied', 'length', 5, 'atleast=5'),
        ('generatestring', 'min', 0.1, 'minp=0.1'),
        ('trainmodel', 'length', 500, r'ms.generatestring\(numchars=500\)'),
        ('exporthtml', 'title', 'Poems', "name='Poems'"),
        ('initfromsrcfile', 'traifrac', 0.8, 'trainfrac=0.8'),
        ('initfromsrcfile', 'val_frac', 0.2, 'trainfrac=0.8'),
        ('initfromsrcfile', 'valid_split', 0.1, 'trainfrac=0.9'),
        ('initfromsrcfile', 'test_size', 200, 'trainfrac=0.9'),
        ('initfromsrcfile', 'Level', 'word', "level='word'"),
        ('initfromsrcfile', 'word_level', True, "level='word'"),
        ('initfromsrcfile', 'rnn_type', 'LSTM', "modeltype='LSTM'"),
        ('initfromsrcfile', 'step_size', 3, 'cosine=3'),
    ],
)
def test_the_names_of_other_libraries_are_understood(
    make_run: MakeRun, verb: str, name: str, value: object, following: str
) -> None:
    places = {'initfromsrcfile': ['t.txt', 'run'], 'exporthtml': ['page.html']}.get(verb, [])
    with pytest.raises(HyperParamsError, match=rf"no argument '{name}'.*\n  Next: {following}"):
        getattr(make_run(), verb)(*places, **{name: value})


@pytest.mark.parametrize(
    ('name', 'following'),
    [
        ('save', 'ms.newcheckpoint()'),
        ('sample', 'ms.generatestring()'),
        ('fit', 'ms.trainmodel()'),
        ('generate_samples', 'ms.generatestring(n=5)'),
        ('train_from_file', 'ms.trainmodel(), on its own text; '),
        ('summary', 'ms, which prints where the run stands'),
        ('reset_state', 'ms.trainmodel(clear_state=True)'),
        ('upload', 'copy the directory ms.curdir'),
        ('delete', 'delete the directory ms.curdir yourself'),
        ('close', 'nothing: a run needs no closing'),
        ('units', "ms.findneurons('valid', 'line')"),
        ('activations', r"ms.trackneurons('ran.\non ')"),
        ('memorized', r"ms.copied('ran.\non ')"),
        ('hidden_size', 'ms.hyper.state_size'),
        ('chekpoints', 'ms.checkpoints'),
    ],
)
def test_the_attributes_of_other_libraries_are_understood(make_run: MakeRun, name: str, following: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(make_run(), name)
    assert str(caught.value).startswith(f"a ModelState has no '{name}'.  Next: {following}")
    assert caught.value.name is None, 'else Python would suggest another name'


def test_an_attribute_like_no_other_gets_no_suggestion(make_run: MakeRun) -> None:
    ms = make_run()
    for name in ('zzz', '__getstat__', 'qwertz'):
        with pytest.raises(AttributeError) as caught:
            getattr(ms, name)
        assert str(caught.value) == f"a ModelState has no '{name}'."


def test_a_call_that_does_not_fit_gets_one_that_does(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ms: Any = make_run()
    state: Any = ModelState
    public: Any = charrnn
    for call, what, following in [
        (lambda: state.initfromsrcfile('t'), 'needs usedir', "ModelState.initfromsrcfile('t', 'workspaces/t')"),
        (lambda: state.load(), 'load needs dir', "ModelState.load('run')"),
        (lambda: public.generatestring(), 'needs a ModelState', 'ms.generatestring()'),
        (lambda: ms.trainmodel(1, 4, 50), 'at most 2 values', 'ms.trainmodel(1, 4, train_len=50)'),
        (lambda: ms.trainmodel(1, num_rounds=2), 'num_rounds is given twice', 'ms.trainmodel(1)'),
        (lambda: ms.findneurons(), 'findneurons needs text and feature', "ms.findneurons('valid', 'line')"),
        (lambda: ms.findneurons(feature='quote'), 'needs text', "ms.findneurons('valid', feature='quote')"),
        (lambda: ms.showneuron('The'), 'needs layer and unit', "ms.showneuron('The', 0, 0)"),
        (lambda: ms.trackneurons(), 'trackneurons needs text', r"ms.trackneurons('ran.\non ')"),
    ]:  # fmt: skip
        with pytest.raises(HyperParamsError, match=what) as caught:
            call()  # type: ignore[no-untyped-call]
        assert caught.value.next_step == following


@pytest.mark.parametrize('name', ['x' * 300, 'a\0b', '\ud800', 'é' * 130])
def test_a_source_that_no_file_can_have_gets_a_free_directory(name: str, tmp_path: Path) -> None:
    with pytest.raises(HyperParamsError, match='initfromsrcfile needs usedir') as caught:
        ModelState.initfromsrcfile(name)  # type: ignore[call-arg]
    assert caught.value.next_step.endswith("'workspaces/text')")


def test_a_model_type_is_understood_in_any_case(make_run: MakeRun) -> None:
    assert make_run(modeltype='lstm').modeltype == 'LSTM'
    assert make_run('two', modeltype='gru-encode').modeltype == 'GRUEncode'
