"""Law 19: the units that follow a feature are found, by the correlation of numpy; one unit colours a text."""

from __future__ import annotations

import html
import io
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train

from charrnn import CharSetError, HyperParamsError, ModelState, SamplingError, TrainingError
from charrnn.evaluation.correlation import correlations
from charrnn.session import followers
from charrnn.session.run import run_of
from charrnn.text.features import FEATURES

SENTENCE = 'The cat (A) sat: "On (a) Mat", 12.\n'
LEVELS = ['char', 'byte', 'word']


def features_of(text: str, name: str) -> np.ndarray[Any, Any]:
    return np.array(list(FEATURES[name](text)), float)


@pytest.fixture
def made(make_run: MakeRun) -> ModelState:
    """Return a model of one layer whose unit 2 follows capitals, 4 their opposite, and 1 remembers brackets."""
    ms = make_run(text=SENTENCE * 20, modeltype='RNN_TANH', layers=1, emsize=40)
    model: Any = learner_of(ms).model
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
        model.embedding_weight[:] = torch.eye(40)[: len(ms.chars)]
        layer = model.layers[0]
        for index, symbol in enumerate(ms.chars.symbols, 1):  # 0 is the unknown symbol
            layer.w_in[2, index] = 4.0 if symbol.isupper() else -4.0
            layer.w_in[4, index] = 0.0 if symbol == '.' else -2.0 if symbol.isupper() else 2.0
            layer.w_in[1, index] = {'(': 20.0, ')': -20.0}.get(symbol, 0.0)
        layer.w_h[1, 1] = 5.0
        layer.b_h[3] = 0.5  # a constant unit, which is not zero
        layer.b_h[1] = -0.1
    return ms


def test_a_unit_that_was_made_to_follow_a_feature_is_first(made: ModelState) -> None:
    best, second, *rest = found = made.findneurons(SENTENCE, 'upper')
    assert best[:2] == (0, 2) and best.correlation > 0.999
    assert second[:2] == (0, 4) and -0.999 < second.correlation < -0.95
    assert len(found) == 6 and all(abs(unit.correlation) < 0.9 for unit in rest)
    assert {unit.unit: unit.correlation for unit in rest if unit.unit in (0, 3, 5)} == dict.fromkeys((0, 3, 5), 0.0)
    (bracket,) = made.findneurons(None, 'bracket', k=1)
    assert bracket[:2] == (0, 1) and bracket.correlation > 0.999
    assert made.findneurons('valid', 'upper', 1)[0][:2] == made.findneurons('train', 'upper', 1)[0][:2] == (0, 2)
    opposite = made.findneurons(SENTENCE, lambda text: (not char.isupper() for char in text))
    assert [unit.unit for unit in opposite[:2]] == [2, 4] and opposite[0].correlation < -0.999


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'GRUResize', 'RNN_RELU', 'LSTM', 'GRU', 'LSTMAttention'])
def test_a_correlation_is_that_of_numpy(make_run: MakeRun, modeltype: str) -> None:
    ms = make_run(modeltype=modeltype)
    train(ms, 3)
    text = 'the cat sat on a mat, and ran.\nso'.replace('so', 'the')
    states = np.asarray(ms.trackneurons(text))
    for feature in (features_of(text, 'line'), np.arange(len(text)) % 3 == 0, list(range(len(text)))):
        found = ms.findneurons(text, feature, k=99)
        assert len(found) == 12 and len({unit[:2] for unit in found}) == 12
        for layer, unit, correlation in found:
            series = states[layer, unit].astype(float)
            expected = np.corrcoef(series, np.asarray(feature, float))[0, 1] if series.std() > 1e-9 else 0.0
            assert correlation == pytest.approx(expected, abs=1e-6)
        sizes = [abs(unit.correlation) for unit in found]
        assert sizes == sorted(sizes, reverse=True)
        assert found[:2] == tuple(ms.findneurons(text, feature, k=2))
    named, given = ms.findneurons(text, 'line', 3), ms.findneurons(text, features_of(text, 'line'), 3)
    assert tuple(named) == tuple(given) == tuple(ms.findneurons(text, FEATURES['line'], 3))


def test_units_that_stand_still_or_jump_once() -> None:
    draws = np.random.default_rng(0)
    feature = (draws.random((3, 50)) < 0.4).astype(float)
    series = draws.normal(size=(50, 1, 3, 5))
    series[..., 0] = 0.1  # which has no exact mean
    series[..., 1] = feature.T[:, None] * 1e-6 + 0.7
    series[..., 2] = -feature.T[:, None] * 1e6
    series[1:, ..., 3] = 0.1
    found = correlations(iter(series), feature)
    assert found.shape == (1, 5) and found[0, 0] == 0
    assert found[0, 1] == pytest.approx(1) and found[0, 2] == pytest.approx(-1)
    for unit in range(1, 5):
        values = series[:, 0, :, unit].ravel()
        assert found[0, unit] == pytest.approx(np.corrcoef(values, feature.T.ravel())[0, 1], abs=1e-7)


@pytest.mark.parametrize('level', LEVELS)
def test_a_split_is_read_in_lanes_that_were_led_to_their_places(
    make_run: MakeRun, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'Él (uno) "dos" y\n  tres: 123 '.encode() * 40
    ms = make_run(text=text.decode(), level=level, trainfrac=0.5, seq_len=3)
    train(ms, 3)
    size = len(ms.data.valid)
    readings, plain = list[followers.Reading](), followers._reading

    def kept(*given: Any, **named: Any) -> followers.Reading:
        readings.append(plain(*given, **named))
        return readings[-1]

    monkeypatch.setattr(followers, '_reading', kept)
    shown = repr(ms.findneurons(None, 'quote', 2))
    reading = readings[0]
    lanes, length = reading.ids.shape
    assert lanes > 1 and size - lanes < lanes * length <= size
    assert f"{lanes * length:,} {level if level != 'char' else 'character'}s of 'valid', {lanes} lanes" in shown
    assert np.array_equal(reading.ids.ravel(), ms.data.valid[: lanes * length])
    ring = np.concatenate([ms.data.train, ms.data.valid]).astype(np.int64)
    for lane in range(lanes):
        start = len(ms.data.train) + lane * length
        assert np.array_equal(reading.before[lane], ring[start - 3 : start])
    given = reading.given
    if level != 'byte':
        assert all(given.text[a:b] == ms.chars.decode([i]) for (a, b), i in zip(given.places, given.ids, strict=True))
    quotes = features_of(given.text, 'quote')
    marks = [max(quotes[a:b]) for a, b in given.places]
    assert tuple(ms.findneurons('valid', 'quote', 2)) == tuple(ms.findneurons('valid', marks, 2))
    assert tuple(ms.findneurons('valid', quotes, 2)) == tuple(ms.findneurons('valid', marks, 2)), 'one for a character'
    assert ms.findneurons('train', 'quote', 1) and ms.showneuron('valid', 0, 1).text.startswith(given.text)
    monkeypatch.setattr(followers, 'MOST_OF_A_SPLIT', 20)
    ms.findneurons('train', 'line')
    assert readings[-1].given.ids.tolist() == ms.data.train[: readings[-1].ids.size].tolist()
    assert 20 - 20 // 3 <= readings[-1].ids.size <= 20


def test_words_that_are_read_otherwise_than_they_were_spelled(make_run: MakeRun) -> None:
    ms = make_run(text='a <b> "c"\nd e.\n' * 60, level='word', punctuation=True, vocab_size=6)
    given = followers._reading(run_of(ms), 'train', 'strict', '{}', 50, 1).given
    assert '<unk>' in given.symbols and len(given.symbols) == len(given.ids)
    assert [given.text[a:b] for a, b in given.places] == [ms.chars.decode([i]) for i in given.ids]


@pytest.mark.parametrize('level', LEVELS)
def test_a_unit_colours_a_text(make_run: MakeRun, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run(text='the é sat on a mat\n' * 50, level=level)
    train(ms, 3)
    third: Any = np.int64(3)
    found = ms.showneuron('the é sat', -1, third)
    states = np.asarray(ms.trackneurons('the é sat'))
    assert (found.layer, found.unit) == (1, 3) and found.symbols[0] == ('the' if level == 'word' else 't')
    np.testing.assert_array_equal(found.values, states[1, 3])
    cells = {piece: value for piece, value in found.coloured().parts() if value == value}
    place = {'char': 4, 'byte': 5, 'word': 1}[level]
    assert cells['é'] == pytest.approx(states[1, 3, place]), 'after the last byte'
    shown = found.coloured().values
    lines = repr(found).splitlines()
    noun = {'char': 'characters', 'byte': 'bytes', 'word': 'words'}[level]
    assert lines[0].startswith(f'layer 1, unit 3, over {len(found.values)} {noun}: {found.values.min():+.3f} to ')
    assert lines[2].split()[0] == f'{shown.max():+.3f}' and lines[1].split()[:2] == ['state', 'offset']
    assert lines[-2].split()[0] == f'{shown.min():+.3f}'
    page = found._repr_html_()
    assert html.unescape(re.sub('<[^>]*>', '', page.split('</pre>')[0])) == 'the é sat' and 'state"' in page


def test_a_long_text_shows_the_extremes(made: ModelState) -> None:
    lines = repr(made.showneuron('valid', 0, 2)).splitlines()
    assert [line.split()[0] for line in lines[2:-1]] == ['+0.999'] * 5 + ['-0.999'] * 5
    assert lines[-1] == 'the highest and the lowest states; .values has all'
    still = made.showneuron(SENTENCE, 0, 0)
    assert (still.values == 0).all() and 'state' in still._repr_html_(), 'no division by a range of zero'


def test_the_ranking_is_a_table(made: ModelState) -> None:
    found = made.findneurons(SENTENCE, 'upper', 2)
    assert repr(found).splitlines() == [
        "2 of 6 units: correlation with 'upper' over 35 characters",
        'layer  unit  correlation',
        '    0     2       +1.000',
        f'    0     4       {found[1].correlation:+.3f}',
        'ms.showneuron(text, 0, 2) colours a text by the first',
    ]
    assert '<td' in found._repr_html_() and found[1].correlation < 0


@pytest.mark.parametrize(
    ('given', 'what', 'following'),
    [
        ((None, 'quotes'), "no feature 'quotes'", "feature='quote'"),
        ((None, 'Upercase'), "no feature 'Upercase'", "feature='upper'"),
        ((None, 'parenthesis'), "no feature 'parenthesis'", "feature='bracket'"),
        ((None, 'xyzzy'), "no feature 'xyzzy'", "one of 'quote', 'line', 'upper', 'bracket', 'indent', 'digit'"),
        ((SENTENCE, [0, 1]), 'the feature has 2 values, and 35 characters are read', "feature='line'"),
        ((SENTENCE, np.eye(35)), 'feature is array.*: a number for each of 35 characters is needed', "feature='line'"),
        ((SENTENCE, None), 'feature is None: a number for each of', "feature='line'"),
        ((SENTENCE, 10**400), 'a number for each of', "feature='line'"),
        ((SENTENCE, ['ab']), 'a number for each of', "feature='line'"),
        ((SENTENCE, str.isupper), 'the feature gives False: a number for each of', "feature='line'"),
        ((SENTENCE, lambda: 0), 'a function that does not take a text', "feature='line'"),
        ((SENTENCE, [np.nan] * 35), 'the feature holds nan or inf', 'numbers that are finite, such as 0 and 1'),
        ((SENTENCE, [1] * 35), 'the feature is 1 at all characters that are read', "feature='quote'"),
        ((SENTENCE, 'indent'), "'indent' is 0 at all characters that are read", "feature='quote'"),
        (('t', 'quote'), "'quote' is 0 at all", "a longer text, such as ms.findneurons('train', 'line')"),
        ((SENTENCE, 'line', 0), 'k=0 must be a whole number, 1 or more', 'k=10'),
        ((SENTENCE, 'line', '3'), "k='3' must be a whole number", 'k=3'),
    ],
)
def test_what_cannot_be_followed_is_told(made: ModelState, given: Any, what: str, following: str) -> None:
    with pytest.raises(HyperParamsError, match=what) as caught:
        made.findneurons(*given)
    assert caught.value.next_step == following
    if following.startswith('feature='):
        assert made.findneurons(given[0], following.removeprefix('feature=').strip("'"))


def test_texts_layers_and_units_that_are_not_there(made: ModelState, make_run: MakeRun, tmp_path: Path) -> None:
    ms: Any = made
    verbs: list[tuple[str, tuple[Any, ...]]] = [('findneurons', ('line',)), ('showneuron', (0, 0))]
    for text, why in [('', 'the text is empty'), (3, '3 is no text'), (tmp_path, 'is a path'), ([SENTENCE], 'no text')]:
        for verb, rest in verbs:
            with pytest.raises(SamplingError, match=why):
                getattr(ms, verb)(text, *rest)
    for name, size in (('layer', 1), ('unit', 6)):
        for wrong in (size, -size - 1, '0', 0.0, True, None):
            place = {'layer': 0, 'unit': 0, name: wrong}
            with pytest.raises(HyperParamsError, match=rf'no {name} .*: .* has {size}\.') as caught:
                ms.showneuron('The', **place)
            assert caught.value.next_step == f'{name}={size - 1}'
    for verb, rest in verbs:
        with pytest.raises(CharSetError, match="'я'"):
            getattr(ms, verb)('Theя', *rest)
        assert getattr(ms, verb)('Theя', *rest, errors='replace')
        with pytest.raises(TrainingError, match='no test split') as missing:
            getattr(ms, verb)('test', *rest)
        assert missing.value.next_step.startswith(
            f"ms.{verb}('valid', {', '.join(map(repr, rest))}) or ms.{verb}('train', "
        )
        whole = make_run(verb, trainfrac=1.0)
        with pytest.raises(TrainingError, match=rf"no validation split.\n  Next: ms.{verb}\('train', "):
            getattr(whole, verb)(None, *rest)
    model: Any = learner_of(ms).model
    with torch.no_grad():
        model.layers[0].b_h[:] = np.nan
    for verb, rest in verbs:
        with pytest.raises(SamplingError, match='no longer numbers'):
            getattr(ms, verb)('The', *rest)


def test_a_terminal_shows_the_units_in_colours(made: ModelState, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv('NO_COLOR')
    monkeypatch.setenv('TERM', 'xterm-256color')
    monkeypatch.setattr(sys, 'stdout', Terminal())
    shown = [repr(value) for value in (made.showneuron(SENTENCE, 0, 2), made.copied(SENTENCE))]
    assert all('\x1b[' in each for each in shown)
    assert re.sub(r'\x1b\[[0-9;]*m', '', shown[0]).startswith(SENTENCE[:-1])
