"""Law: advice is executed before it is believed: whatever an error tells a user to type works, and is the short way."""

import ast
import functools
import inspect
import os
import random
import re
import shlex
import traceback
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from advice import FILLED, TEXTS, Desk, acts_of, call_of, changed, flags_of, shell, shell_lines, verb_of
from conftest import words
from torture import TORTURE, count

import charrnn
from charrnn import CharRNNError, ModelState, State
from charrnn.hyperparams import CHANGEABLE, HyperParams
from charrnn.names import HELD_OUT, NO_ARGUMENT, OTHER_NAMES, OTHER_VALUES
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell.commands import command_line
from charrnn.shell.words import ways_of

LEVELS = ('char', 'byte', 'word')
SAMPLE = 10**9 if TORTURE else 20
"""Lines that are typed at each level."""
FOREIGN = 40
"""Names of other libraries that are tried with each function at each level."""

WRONG = r"""
    None 'text' b'bytes' 3.5 -1 0 True [] [1] [''] ['',b''] {} {'a':1} {(9,9):1} (0.1,0.5) object() print
    lambda:0 np.nan float('nan') float('inf') 10**13 10**30 -10**30 1e300 np.int64(3) '0.01' '8'
    Path('poem.txt') Path('none.txt') text lines data ms state file 'poem.txt' 'ws' 'ws/checkpoints'
    '/dev/null' '~nobody/x' 'x'*300 '\x00' '\ud800' '' 'Best' 'valid\x20' 'Char' 'GRU-encode' 'lstm' 'utf8'
    'koi9-r' 'ж' 'й語' '(' '[' '.*'
"""
"""Values that are wrong for most arguments, and right for some."""
WITHOUT_ATTENTION = {'write', 'trackattention'}
UNFIT = {'char': WITHOUT_ATTENTION, 'byte': WITHOUT_ATTENTION, 'word': {'write', 'exporthtml', 'blend', 'clamp'}}
"""Functions that a level cannot have here: words are tried with attention, and nothing at a terminal."""
ANOTHER_FAULT = re.compile(
    'no unit can follow it|no text was found that keeps to|at a terminal|can be held|is a file, and'
    r'|seq_len=200, and the text has \d+ training symbols|symbols is longer than the'
)
"""Second errors that are no fault of the advice: a value was wrong for two reasons, or of no use for this model."""
FOR_EVER = ('num_rounds', 'until_round', 'rounds', 'trials', 'minutes', 'train_len')
HUGE = ('10**13', '10**30', '1e300')
TWICE = ('layers', 'state_size', 'emsize', 'memory', 'tied', 'mincount', 'vocab_size')
EXCEPT = {
    ('trainfrac', "'0.01'"),
    *((name, value) for name in FOR_EVER for value in HUGE),
    *((name, value) for name in TWICE for value in (*HUGE, "'8'")),
}
"""Values that are valid and take for ever, or that are wrong for two reasons."""
ALSO_VALID = r"""
    srcfile='poem.txt' usedir='new' dir='ws' path='new.html' device='cpu' prime=text[:8] text=text[:8] stop=text[1]
    forbid=text[1] name='onreport' other=state ModelClass=Mine k=1 minp=0.1 topp=0.9 pattern='.*' clamp={(0,0):1.0}
    feature='line' layer=0 unit=0 atleast=20 data=ms.compress(text[:8])
"""
VALID = FILLED | dict(pair.split('=', 1) for pair in ALSO_VALID.split())
"""Values that fit arguments, where the default does not."""

TINY = "layers=1, state_size=4, seq_len=8, device='cpu', level={level!r}"
FORMS = {
    'initfromsrcfile': f"ms = ModelState.initfromsrcfile('poem.txt', 'new', {TINY})",
    'load': "ms = ModelState.load('ws')",
    'addsource': "ms.addsource('poem.txt')",
    'sweep': f"sweep('poem.txt', 'new', {{{{'learnrate': [0.01]}}}}, trials=1, rounds=1, batchsize=2, {TINY})",
    'trainmodel': 'ms.trainmodel(2, train_len=2, print_every=0)',
    'read': 'state = ms.read(text[:8])',
    **{verb: f"ms.{verb}('new')" for verb in ('branch', 'export')},
    'loadstate': "ms.loadstate('kept.state')",
    **{verb: f'ms.{verb}({name!r})' for verb, name in (('detach', 'onreport'), ('exporthtml', 'page.html'))},
    'findneurons': "ms.findneurons('valid', 'line')",
    'showneuron': 'ms.showneuron(text[:8], 0, 0)',
    'decompress': 'ms.decompress(ms.compress(text[:8]))',
    **{verb: f'ms.{verb}(text[:8])' for verb in ('score', 'copied', 'compress', 'trackneurons', 'trackattention')},
    **{verb: f'{verb}(ms)' for verb in ('compare', 'plot', 'mean')},
    **{verb: f"{verb}('ws')" for verb in ('status', 'fsck', 'tensorboard')},
    'generatestring': 'ms.generatestring(9)',
    'temperatures': 'ms.temperatures(None, (0.5,), numchars=9)',
    'register': "register('Mine', Mine)",
    'loadmodel': "loadmodel(ms.export('new').path)",
    'save': "state.save('new.state')",
    'blend': 'state.blend(state)',
    'HyperParams': 'HyperParams()',
}
"""For each function, a call of it; for all others, one without arguments."""


@functools.cache
def functions() -> dict[str, Callable[..., Any]]:
    """Return every public function, by name."""
    found: dict[str, Any] = {
        name: each for name in charrnn.__all__ if inspect.isfunction(each := getattr(charrnn, name))
    }
    found |= {name: getattr(ModelState, name) for name in vars(ModelState) if not name.startswith('_')}
    found |= {'save': State.save, 'blend': State.blend, 'status': status, 'fsck': fsck, 'HyperParams': HyperParams}
    return {name: each for name, each in found.items() if callable(each)}


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters that a user gives, without *states."""
    every = inspect.signature(function).parameters.values()
    return [p for p in every if p.kind is not p.VAR_POSITIONAL and p.name not in ('ms', 'self', 'cls')]


def valid(name: str) -> str:
    """Return a value that fits an argument: its default, where there is one."""
    defaults = {p.name: p.default for each in functions().values() for p in parameters(each)}
    default = defaults.get(name)
    return VALID.get(name, '2' if default in (None, inspect.Parameter.empty) else repr(default))


def lines(level: str, draws: random.Random) -> Iterator[tuple[str, str, bool]]:
    """Yield each line to type, the argument that is wrong in it, and True if the function does not know that one."""
    foreign = foreign_names()
    for verb, function in functions().items():
        form = FORMS.get(verb, f'ms.{verb}()').format(level=level)
        own = {p.name: p for p in parameters(function)}
        places = [name for name, p in own.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        if any(p.default is p.empty for p in own.values()):
            yield re.sub(r'\(.*\)', '()', form), '', False
        for name in own:
            for value in WRONG.split():
                is_rule = name == 'pattern' and (value[0] in "'t" and value not in ("'('", "'['"))
                if (name, value) not in EXCEPT and not is_rule:  # the search for a text that keeps to a rule is long
                    yield changed(form, places, '', {name: value}), name, False
        for name in draws.sample(sorted(foreign), FOREIGN):
            if name not in own:
                yield changed(form, places, '', {name: value_for(name, own)}), name, True
        if len(own) > len(places) or places:
            most = [ast.unparse(each) for each in call_of(form).args]
            most += [valid(name) for name in [*own, *own][len(most) : len(places) + 1]]
            yield f'{form.partition("(")[0]}({", ".join(most)})', '', False


@functools.cache
def foreign_names() -> dict[str, tuple[str, ...]]:
    """Return names that a function may not have, each with the arguments that it may mean."""
    found: dict[str, tuple[str, ...]] = {p.name: (p.name,) for each in functions().values() for p in parameters(each)}
    found |= {name: tuple(value[0] for value in values) for name, values in OTHER_VALUES.items()}
    found |= dict.fromkeys([*NO_ARGUMENT, 'xyzzy', '__init__'], ('',)) | OTHER_NAMES
    typos = {'traifrac': 'trainfrac', 'learnrat': 'learnrate', 'Temp': 'temp', 'Level': 'level', 'errs': 'errors'}
    found |= {name: (meant,) for name, meant in typos.items()}
    return {name: meant for name, meant in found.items() if name.isidentifier()}


def value_for(name: str, own: Collection[str]) -> str:
    """Return a value for a foreign name, which fits the argument that it means for a function with these."""
    if name in HELD_OUT:
        return '0.2'
    meanings = foreign_names()[name]
    return valid(next((meant for meant in meanings if meant in own), meanings[0]))


def faults_of(
    desk: Desk, line: str, culprit: str, is_unknown: bool, tried: set[str], then: str = 'pass'
) -> Iterator[str]:
    """Type a line at a desk, and all that its error advises, and what a user types then; yield each fault."""
    error = desk.type(line)
    if error is None:
        desk.sit_down()
        return
    _, _, step = str(error).partition('Next: ')
    place = f'{desk.level}: {line[:200]}\n  {type(error).__name__}: {str(error)[:500]}'
    if not isinstance(error, CharRNNError) or not step:
        yield f'no advice of ours\n  {place}'
    if 'Did you mean' in ''.join(traceback.format_exception_only(error)):
        yield f'two suggestions\n  {place}'
    for way in ways_of(step):
        acts = [act for act in acts_of(way) if act[2] != '...']
        fresh = 'new run' in way or any('initfromsrcfile(...' in text for _, text, _ in acts)
        pairs = re.findall(r'\b(\w+)(=[^,)]*)', way)  # the run's own settings go along to a new run
        named = {name for name, value in pairs if name in CHANGEABLE and name + value not in desk.own}
        if fresh and named and desk.has_run and verb_of(line) not in ('initfromsrcfile', 'load'):
            yield f'a long way: ms.sethyperparams suffices\n  {place}'
        following = desk.lines_for(line, culprit, is_unknown, acts)
        if not following or str(following) in tried:
            continue
        tried.add(str(following))
        for number, each in enumerate([*following, then]):
            second = desk.type(each)
            if second is not None and not ANOTHER_FAULT.search(str(second)):
                of = f'{number + 1} of {len(following)}'
                yield f'a second error\n  {place}\n  typed {each[:200]}, {of}\n  {second!r:.500}'
                break
        desk.sit_down()
        desk.type(line)  # the error again, as before the next way


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    """Return a function that makes a desk; nothing is forced to the disk, and the present directory comes back."""
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    before = Path.cwd()
    desks = list[Desk]()

    def make(level: str, text: bytes, **more: str) -> Desk:
        root = tmp_path / f'{len(desks)}'
        root.mkdir()
        desks.append(Desk(root, level, text, **more))
        return desks[-1]

    yield make
    for desk in desks:
        desk.put_away()
    os.chdir(before)


@pytest.mark.parametrize('level', LEVELS)
def test_advice_at_the_prompt_works(level: str, at_desk: Callable[..., Desk]) -> None:
    draws = random.Random(level)
    more = {'modeltype': "'LSTMAttention'"} if level == 'word' else {}
    desk, tried = at_desk(level, words(700).encode(), **more), set[str]()
    every = [case for case in lines(level, draws) if verb_of(case[0]) not in UNFIT[level]]
    faults = list[str]()
    for case in draws.sample(every, min(SAMPLE, len(every))):
        faults += faults_of(desk, *case, tried)
        count('lines typed wrong at the prompt')
    count('ways of advice typed', len(tried))
    assert not faults, f'{len(faults)} faults:\n' + '\n'.join(faults[:20])


CALLS = """ms.trainmodel() / ms.trainmodel(batchsize=10**9) / ms.evaluate() / ms.evaluate('test') / ms.evaluate(text)
    / ms.generatestring(prime='') / ms.generatestring(prime=5) / ms.generatestring(text) / ms.read('') / ms.score('')
    / ms.trackneurons() / ms.sethyperparams(seq_len=10**6) / compare([ms]) / compare(text) / plot(text)
    / ms.sethyperparams(anneal=0.5) / ModelState.load(text) / ms.restore(9)"""


@pytest.mark.parametrize('level', LEVELS)
def test_advice_for_short_and_odd_texts_works(level: str, at_desk: Callable[..., Desk]) -> None:
    draws = random.Random(level)
    faults, begin = list[str](), FORMS['initfromsrcfile'].format(level=level)
    for text in TEXTS if TORTURE else draws.sample(sorted(TEXTS), 2):
        desk, tried = at_desk(level, TEXTS[text]), set[str]()
        for line in (begin, begin.replace('seq_len=8, ', ''), begin.replace('seq_len=8', 'trainfrac=0.1')):
            faults += [f'{text}: {fault}' for fault in faults_of(desk, line, '', False, tried, 'ms.trainmodel()')]
        for line in map(str.strip, CALLS.split(' / ') if desk.has_run else ()):
            faults += [f'{text}: {fault}' for fault in faults_of(desk, line, '', False, tried)]
        count('odd texts, with the advice for each call', 1)
    assert not faults, f'{len(faults)} faults:\n' + '\n'.join(faults[:20])


TYPED = "-1 0 2.5 nan 1e300 10000000000000 True text ж '' ("
COMMANDS = {
    'init': 'init poem.txt new --layers 1 --state-size 4 --seq-len 8 --device cpu --level {level}',
    'sweep': 'sweep poem.txt new --trials 1 --rounds 1 --layers 1 --seq-len 8 --device cpu --level {level}',
    'train': 'train ws --train-len 2 --print-every 0',
    'generate': 'generate ws --numchars 9',
    'compress': 'compress ws poem.txt',
    **{command: f'{command} ws' for command in ('status', 'fsck')},
}
IN_PYTHON = re.compile(r"\bms\.|\bModelState\b|\b[a-z_]+=(?:['\d]|None|True|False)|\b\w+\([^)]*=")


def commands(level: str, draws: random.Random) -> Iterator[tuple[str, str]]:
    """Yield each command line to type, and the option that is wrong in it."""
    foreign, parsers = foreign_names(), command_line()[1]
    flags = flags_of(parsers)
    for command, form in COMMANDS.items():
        form, own = form.format(level=level), [a for a in parsers[command]._actions if a.option_strings]
        yield from ((command, ''), (f'{form} more', ''))
        for place in ('nowhere', 'poem.txt', '.', 'ws/checkpoints', '/dev/null', 'x' * 300, "'a b'"):
            yield form.replace(' ws', f' {place}').replace(' new', f' {place}'), ''
        for option in [a.option_strings[0] for a in own if a.dest not in ('help', 'minutes', 'pattern')]:
            for value in TYPED.split():
                if (option.strip('-').replace('-', '_'), {'10000000000000': '10**13'}.get(value, value)) not in EXCEPT:
                    yield f'{form} {option} {value}', option
            yield f'{form} {option}', option
        for name in draws.sample(sorted(foreign), FOREIGN):
            value = value_for(name, [a.dest for a in own])
            value = value.strip("'") if value[0] in "'0123456789" else 'the'
            option = f'--{name.replace("_", "-")}'
            yield f'{form} {option}{"" if option in flags else f" {value}"}', option


def shell_faults(desk: Desk, line: str, culprit: str, tried: set[str]) -> Iterator[str]:
    """Run a command at a desk, and all that its error advises; yield each fault."""
    desk.put_away()
    typed = shlex.split(line)
    code, told = shell(typed)
    step = told.rpartition('Next: ')[2].strip()
    place = f'{desk.level}: {line[:200]}\n  {code}: {told[:500]}'
    if code in (0, 130) or (line.startswith('fsck') and not told):
        desk.sit_down()
        return
    if 'Next: ' not in told:
        yield f'no advice of ours\n  {place}'
        return
    if 'at the Python prompt' not in step and IN_PYTHON.search(step):
        yield f'the words of Python\n  {place}'
    for following in shell_lines(step, typed, culprit):
        if str(following) in tried:
            continue
        tried.add(str(following))
        for command in following:
            code, second = shell(command)
            quiet = command[0] == 'fsck' and not second
            if code not in (0, 130) and not quiet and not ANOTHER_FAULT.search(second):
                yield f'a second error\n  {place}\n  typed {shlex.join(command)}\n  {second[:400]}'
        desk.sit_down()
        desk.put_away()


@pytest.mark.parametrize('level', LEVELS)
def test_advice_at_the_shell_works(level: str, at_desk: Callable[..., Desk]) -> None:
    draws = random.Random(level)
    desk, tried = at_desk(level, words(700).encode()), set[str]()
    every, faults = list(commands(level, draws)), list[str]()
    for case in draws.sample(every, min(SAMPLE, len(every))):
        faults += shell_faults(desk, *case, tried)
        count('lines typed wrong at the shell')
    count('ways of advice typed', len(tried))
    assert not faults, f'{len(faults)} faults:\n' + '\n'.join(faults[:20])
