"""The table of commands: what each gives to a program, and where its text comes from."""

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from commandline import Output

from charrnn import ModelState, compare, generatestring
from charrnn.shell.commands import command_line
from charrnn.shell.verbs import VERBS


def test_results_are_json_for_programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(line: str) -> Any:
        out = Output(monkeypatch, *shlex.split(line), '--json')
        assert out.status == 0 and out.text.count('\n') == 1, line
        return json.loads(out.text)

    begun = found('init ws.txt two --layers 1 --state-size 4 --seq-len 8')
    assert begun['directory'] == 'two' and begun['symbols'] == len(ModelState.load('two').chars.symbols)
    trained = found('train two --train-len 3 --print-every 0 --batchsize 2')
    assert trained['windows'] == 3 and trained['valid_nats'] == ModelState.load('two').history[-1]['valid_nats']
    ms = ModelState.load('two')
    drawn = found('generate two --numchars 9 --seed 1')
    assert drawn['text'] == generatestring(ms, 9, seed=1) and len(drawn['nats']) == 9
    assert found('generate two --numchars 9 --seed 1 --stream')['text'] == drawn['text']
    assert found('generate two --numchars 0 --stream')['text'] == ''
    assert '\n' not in found("generate two --numchars 99 --stop '\\n'")['text']
    assert [one['text'] for one in found('generate two --numchars 4 --n 2')][1:]
    scored = found('score two ws.txt')
    assert sum(scored['nats']) == pytest.approx(ms.score(Path('ws.txt').read_text(encoding='utf-8')).total)
    assert found('evaluate two')['nats'] == ms.evaluate().nats
    rows = compare(ms, ModelState.load('ws'))
    assert [row['name'] for row in found('compare two ws')['models']] == [row.name for row in rows]
    looked = found('status two')
    assert looked['epoch'] == ms.epoch and list(looked['checkpoints']) == ['1', '2'] and not looked['being_written']
    assert [run['run'] for run in found('status .')['runs']] == ['two', 'ws']
    assert found('fsck two')['findings'][0] == {'kind': 'dataset', 'number': None, 'trouble': '', 'remark': ANY}


def test_a_text_may_come_from_the_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO('the cat é'.encode())))
    out = Output(monkeypatch, 'score', 'ws', '-')
    assert out.status == 0 and out.text.startswith('9 characters: ')


def test_every_command_is_a_function_whose_arguments_the_parser_has() -> None:
    _, parsers = command_line()
    assert parsers.keys() == VERBS.keys()
    for name, verb in VERBS.items():
        assert verb.example.split()[0] == name and len(verb.example.split()) <= 1 + verb.places + 2
        assert parsers[name].format_help().count('exit status: 0;') == 1


@pytest.mark.parametrize('shell', ['bash', 'zsh', 'tcsh'])
def test_the_completion_of_a_shell_knows_every_command(monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    pytest.importorskip('shtab')
    out = Output(monkeypatch, '--print-completion', shell)
    assert out.status == 0 and 'charrnn' in out.text
    assert all(name in out.text for name in VERBS) and 'until-round' in out.text


def test_a_completion_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Output(monkeypatch, '--print-completion', 'ksh')
    assert out.status == 2 and 'no completion for ksh.' in out.told and '--print-completion bash' in out.told
    monkeypatch.setitem(sys.modules, 'shtab', None)
    out = Output(monkeypatch, '--print-completion', 'bash')
    assert out.status == 2 and 'needs the package shtab.\n  Next: pip install shtab' in out.told
    out = Output(monkeypatch, '--import', 'json')
    assert out.status == 2 and 'required: COMMAND' in out.told
