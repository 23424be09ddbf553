"""Law 12 and the rules of a text: stop strings and constraints act where they say, and change nothing elsewhere."""

import re
import sys
from typing import Any

import numpy as np
import pytest
from conftest import ENGINES, MakeRun, train

from charrnn import ByteSet, HyperParamsError, ModelState, SamplingError, State, generatestring
from charrnn.sampling import writer

LONG = 'the cat sat on a mat, and ran.\nso did the é.\n' * 40
LEVELS = ['char', 'byte', 'word']


@pytest.fixture
def trained(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(level: str = 'char', engine: str = '', **options: Any) -> ModelState:
        if engine:
            monkeypatch.setenv('CHARRNN_ENGINE', engine)
        ms = make_run(level=level, text=LONG, **options)
        train(ms, 20)
        return ms

    return make


def parts(sample: Any) -> Any:
    return str(sample), sample.nats.tolist(), sample.state, sample.bytes


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('level', LEVELS)
def test_rules_that_never_act_change_nothing(trained: Any, level: str, engine: str) -> None:
    """Law 12, and rule 11: the text, the costs and the state are the same to the bit."""
    ms = trained(level, engine)
    for temp in (1.0,):
        plain = parts(ms.generatestring(40, temp, prime='the cat', seed=2))
        for rule in (
            {'stop': 'ZZZ' if level != 'char' else '....'},
            {'topk': 999},
            {'topp': 1.0},
            {'minp': 0.0},
            {'forbid': 'ZZZ'},
            {'pattern': r'(?s).*'},
            {'novel': 10_000},
            {'forbid': ['ZZZ'], 'topk': 999, 'stop': '....'},
        ):
            assert parts(ms.generatestring(40, temp, prime='the cat', seed=2, **rule)) == plain, rule
        pieces = ms.generatestring(40, temp, prime='the cat', seed=2, stream=True)
        assert ''.join(pieces) == plain[0] and parts(pieces.sample) == plain
    assert ms.generatestring(40, 1.0, topk=1, seed=1) == ms.generatestring(40, 0)


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('level', LEVELS)
@pytest.mark.parametrize('stop', ['\n', 'at', ('é', ' s'), 'e\ns', 'n a'])
def test_a_text_ends_before_the_first_stop_string(
    trained: Any, monkeypatch: pytest.MonkeyPatch, level: str, engine: str, stop: Any
) -> None:
    ms = trained(level, engine)
    plain = ms.generatestring(60, 1.0, seed=5, n=4)
    found = []
    for first, largest in ((16, 256), (1, 1), (3, 7)):  # whatever the blocks
        monkeypatch.setattr(writer, 'FIRST_BLOCK', first)
        monkeypatch.setattr(writer, 'LARGEST_BLOCK', largest)
        found.append([parts(sample) for sample in ms.generatestring(60, 1.0, seed=5, n=4, stop=stop)])
    assert found[0] == found[1] == found[2]
    for whole, (text, nats, state, _) in zip(plain, found[0], strict=True):
        places = [whole.find(each) for each in ([stop] if isinstance(stop, str) else stop)]
        end = min((place for place in places if place >= 0), default=len(whole))
        assert text.rstrip('\ufffd') == whole[:end].rstrip('\ufffd')
        if level == 'char':
            assert len(nats) == len(text) and (not text or state.pending == ms.chars.encode(text[-1])[0])
            assert nats == pytest.approx(
                whole.nats[: len(nats)].tolist(), rel=1e-6
            )  # torch: lanes that end change the batch
    one = ms.generatestring(60, 1.0, seed=5, stop=stop)
    pieces = ms.generatestring(60, 1.0, seed=5, stop=stop, stream=True)
    assert ''.join(pieces) == one and parts(pieces.sample) == parts(one)


@pytest.mark.parametrize('level', LEVELS)
def test_forbidden_strings_do_not_appear(trained: Any, level: str) -> None:
    ms = trained(level)
    plain, found = ''.join(ms.generatestring(150, 1.0, seed=1, n=3)), 0
    for forbid in ('a', 'at', ['the', 'n '], ['é', 'sa']):
        rule = [forbid] if isinstance(forbid, str) else forbid
        found += any(each in plain for each in rule)
        for text in ms.generatestring(150, 1.0, seed=1, n=3, forbid=forbid):
            assert not any(each in text for each in rule)
    assert found >= 2


@pytest.mark.parametrize('level', LEVELS)
def test_each_line_matches_the_pattern(trained: Any, level: str) -> None:
    ms, pattern = trained(level), r'[a-s]+ [a-z]+( [a-z]+)*|'
    temp = 0.3 if level == 'byte' else 1.0  # of 256 bytes, a model that has learned little finds few that fit
    texts = [
        *ms.generatestring(80, temp, seed=1, n=3, pattern=pattern),
        ''.join(ms.generatestring(80, temp, seed=1, pattern=pattern, stream=True)),
    ]
    assert texts[3] == ms.generatestring(80, temp, seed=1, pattern=pattern)
    assert level == 'byte' or sum(text.count('\n') for text in texts)
    for text in texts:
        *lines, _ = text.split('\n')
        assert all(re.fullmatch(pattern, line) for line in lines), text
    for text in ms.generatestring(80, temp, seed=1, n=5, pattern=r'the \w+', stop='\n'):
        assert len(text) >= 60 or re.fullmatch(r'the \w+', text)


def test_no_long_span_stands_in_the_training_text(trained: Any) -> None:
    ms, copies = trained('char'), 0
    training = ms.data.text('train').decode()
    for most in (1, 2, 5, 9):
        text = ms.generatestring(120, 0.7, seed=3, novel=most)
        spans = [text[i : i + most + 1] for i in range(len(text) - most)]
        assert not any(span in training for span in spans)
        plain = ms.generatestring(120, 0.7, seed=3)
        copies += any(plain[i : i + most + 1] in training for i in range(len(plain) - most))
    assert copies


def test_a_text_goes_back_out_of_a_dead_end(make_run: MakeRun) -> None:
    """After an 'a' nothing may come, so there is none but the last symbol; and after 'bc' nothing either."""
    ms = make_run(text='abcd\n' * 80)
    dead = [f'a{c}' for c in 'abcd\n'] + [f'bc{c}' for c in 'abcd\n']
    for seed in range(5):
        text = ms.generatestring(60, 1.0, seed=seed, forbid=dead)
        assert len(text) == 60 and 'a' not in text[:-1] and 'bc' not in text[:-1]
    with pytest.raises(SamplingError, match=r"no text was found that keeps to pattern='\[0-9\]\+'"):
        ms.generatestring(5, 1.0, pattern='[0-9]+')
    with pytest.raises(SamplingError, match='gone back 4,'):
        ms.generatestring(40, 1.0, pattern='[bcd]{30}a9')
    ms.attach(samplefilter=lambda logits, text: np.where(np.arange(len(logits)) == 1, -np.inf, logits))
    assert '\n' not in ms.generatestring(60, 1.0, seed=1, forbid=dead)


def test_a_stream_can_end_early_and_shows_itself_at_a_prompt(
    trained: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = trained('char')
    pieces = ms.generatestring(10**6, stream=True, seed=1)
    assert next(pieces) == ms.generatestring(16, seed=1)
    assert repr(pieces) == '<pieces of a text, 16 characters so far>'
    short = ms.generatestring(30, stream=True, seed=1)
    capsys.readouterr()
    monkeypatch.setattr(sys, 'ps1', '>>> ', raising=False)
    assert repr(short) == '' and capsys.readouterr().out == ms.generatestring(30, seed=1)


def test_pieces_of_bytes_encode(make_run: MakeRun) -> None:
    ms = make_run(level='byte', text='日本語のテキスト。' * 60)
    train(ms, 20)
    assert isinstance(ms.chars, ByteSet)
    for seed in range(3):
        pieces = list(ms.generatestring(80, 1.0, seed=seed, stream=True))
        assert ''.join(pieces).encode() == str(ms.generatestring(80, 1.0, seed=seed)).encode()


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTM', 'RNN_TANH'])
def test_a_held_unit_keeps_its_value(trained: Any, modeltype: str) -> None:
    ms = trained(modeltype=modeltype, layers=2, state_size=8)
    held = ms.generatestring(30, 1.0, seed=1, clamp={(0, 3): 0.5, (1, 7): -1.0})
    h = held.state.carry['h']
    assert h[0, 0, 3] == 0.5 and h[1, 0, 7] == -1.0
    places: Any = {(np.int64(0), np.int32(3)): 0.5, (1, np.uint8(7)): -1.0}
    assert ms.generatestring(30, 1.0, seed=1, clamp=places) == held
    assert ms.generatestring(30, 1.0, seed=1, clamp={}) == ms.generatestring(30, 1.0, seed=1)
    with pytest.raises(HyperParamsError, match='layers 0 to 1 with units 0 to 7'):
        ms.generatestring(5, clamp={(2, 0): 1.0})


def test_attention_holds_no_unit(make_run: MakeRun) -> None:
    ms = make_run(modeltype='LSTMAttention')
    with pytest.raises(SamplingError, match='no unit of a LSTMAttention can be held'):
        ms.generatestring(5, clamp={(0, 0): 1.0})


def test_a_list_of_primes_writes_one_text_for_each(trained: Any) -> None:
    ms = trained('char')
    state = ms.read('so did')
    texts = ms.generatestring(20, 0, prime=['the ', state, 'a'])
    assert texts == [ms.generatestring(20, 0, prime=each) for each in ('the ', state, 'a')]
    assert all(isinstance(text.state, State) for text in texts)


def test_wishes_that_cannot_be_are_clear_errors(trained: Any) -> None:
    ms = trained('char')
    cases: list[tuple[dict[str, Any], Any, str]] = [
        ({'topk': 0}, HyperParamsError, 'topk=0'),
        ({'topk': 2.5}, HyperParamsError, 'topk=2.5'),
        ({'topp': 0}, HyperParamsError, 'topp=0'),
        ({'topp': 2}, HyperParamsError, 'topp=2'),
        ({'minp': -1}, HyperParamsError, 'minp=-1'),
        ({'stop': ''}, SamplingError, 'empty string'),
        ({'stop': ['a', '']}, SamplingError, 'empty string'),
        ({'stop': 5}, SamplingError, 'no string'),
        ({'stop': '☃'}, ValueError, 'U\\+2603'),
        ({'forbid': ''}, SamplingError, 'empty string'),
        ({'forbid': list(ms.chars.symbols)}, SamplingError, 'no symbol to draw'),
        ({'pattern': '('}, SamplingError, 'no pattern'),
        ({'pattern': 3}, SamplingError, 'no pattern'),
        ({'novel': 0}, HyperParamsError, 'novel=0'),
        ({'clamp': 3}, HyperParamsError, 'no dict'),
        ({'clamp': {(0, True): 1}}, HyperParamsError, 'clamp has'),
        ({'clamp': {3: 1}}, HyperParamsError, 'clamp has 3'),
        ({'clamp': {(0, 0): float('nan')}}, HyperParamsError, 'no finite number'),
        ({'stream': True, 'n': 2}, SamplingError, 'a stream is one text'),
        ({'stream': 1}, HyperParamsError, 'neither True nor False'),
        ({'prime': []}, SamplingError, 'a list of primes'),
        ({'prime': ['a'], 'n': 2}, SamplingError, 'a list of primes'),
        ({'prime': [3]}, SamplingError, '3 is no text'),
    ]
    for wrong, error, message in cases:
        with pytest.raises(error, match=message):
            generatestring(ms, 5, **wrong)


def test_a_pattern_without_its_package_says_which_one(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'regex', None)
    with pytest.raises(
        SamplingError, match='pattern= needs the package regex.\n  Next: at a shell: pip install regex$'
    ):
        generatestring(trained('char'), 5, pattern='.*')


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('level', LEVELS)
def test_a_forbidden_string_may_begin_in_the_prime_and_end_at_the_stop_string(
    trained: Any, level: str, engine: str
) -> None:
    ms = trained(level, engine)
    for prime in ('\n', 'the cat\n', None, ms.read('the cat\n')):
        plain = ms.generatestring(12, 0, prime=prime)
        stop = plain[4:6]
        line = ms.generatestring(12, 0, prime=prime, stop=stop)
        assert plain.startswith(f'{line}{stop}')
        assert ms.generatestring(12, 0, prime=prime, stop=stop, forbid=f'\n{line}{stop}') != line
        assert ms.generatestring(12, 0, prime=prime, stop=stop, forbid=f'i\n{line}{stop}') == line, 'no i before'
        assert not ms.generatestring(12, 0, prime=prime, forbid=f'\n{plain[:3]}').startswith(plain[:3])
        assert ms.generatestring(12, 0, prime=prime, forbid='\nZZZ') == plain
