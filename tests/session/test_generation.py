"""Texts at several temperatures, and the filter that a user attached."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ENGINES, MakeRun, learner_of, train

from charrnn import ModelState, SamplingError, State, temperatures
from charrnn.evaluation.cost import score_indices
from charrnn.sampling.sample import Sample
from charrnn.session.generation import sample_on_the_way
from charrnn.session.prime import indices_of
from charrnn.session.run import run_of


def test_temperatures_side_by_side(run: ModelState) -> None:
    found = temperatures(run, 'the cat', numchars=60)
    assert [sample.temp for sample in found] == [0.1, 0.5, 1.0, 2.0]
    assert found[1].text == run.generatestring(60, 0.5, prime='the cat', seed=0)
    costs = [sample.bits_per_char for sample in found]
    assert costs[0] < costs[2] < costs[3], 'hotter texts surprise the model more'
    with torch.no_grad():
        ids = torch.from_numpy(run.chars.encode('the cat' + found[2].text).astype(np.int64))
        outputs, _ = learner_of(run).model(ids[None], learner_of(run).model.zero_carry(1))
        nats = torch.nn.functional.cross_entropy(learner_of(run).model.logits(outputs)[0, 6:-1], ids[7:])
    assert found[2].bits_per_char == pytest.approx(float(nats) / math.log(2), rel=1e-5)
    assert repr(found).startswith('temp  bits/char\n 0.1 ') and '  │ ' in repr(found)
    assert temperatures(run, 'the cat', np.array([0.1, 0.5]), numchars=60) == found[:2]
    for wrong in ((), 'hot', 3):
        with pytest.raises(SamplingError, match='no sequence of temperatures'):
            temperatures(run, 'the', wrong)


JAPANESE = 'いろはにほへと ちりぬるを\n' * 60


def test_a_model_of_bytes_returns_a_str_that_encodes_and_its_bytes(make_run: MakeRun, tmp_path: Path) -> None:
    """The last character of 100 bytes is cut in half: it is U+FFFD in the text, and whole in the bytes."""
    ms = make_run(level='byte', text=JAPANESE)
    sample = ms.generatestring(100, 1.0, prime='いろはに', seed=3)
    assert isinstance(sample, Sample) and len(sample.bytes) == 100
    assert sample == sample.bytes.decode('utf-8', 'replace')
    (tmp_path / 'sample.txt').write_text(sample, encoding='utf-8')
    assert (tmp_path / 'sample.txt').read_bytes() == sample.encode()
    assert json.loads(json.dumps({'sample': sample})) == {'sample': sample}
    assert pickle.loads(pickle.dumps(sample)).bytes == sample.bytes


def test_a_prime_of_bytes_is_read_as_it_is(make_run: MakeRun) -> None:
    """A sample of a model of bytes goes on from its bytes, also where its text has U+FFFD for half a character."""
    ms = make_run(level='byte', text=JAPANESE)
    first = Sample('いろ\ufffd', 'いろは'.encode()[:-1])
    given: list[str | bytes] = [first, first.bytes]
    for prime in given:
        assert indices_of(run_of(ms), prime) == list(first.bytes)
        assert (
            ms.generatestring(20, prime=prime, seed=1).bytes == ms.generatestring(20, prime=first.bytes, seed=1).bytes
        )
        (tempered,) = temperatures(ms, prime, (0.5,), numchars=30, seed=2)
        assert isinstance(tempered.text, Sample) and len(tempered.text.bytes) == 30
        nats = score_indices(learner_of(ms).model, list(first.bytes), list(tempered.text.bytes))
        assert tempered.nats == pytest.approx(nats.mean()), 'the symbols that were drawn are measured, not their text'
    assert ms.generatestring(20, prime=str(first), seed=1) == ms.generatestring(20, prime=str(first).encode(), seed=1)
    with pytest.raises(SamplingError, match="b'the' is no text"):
        make_run('chars').generatestring(5, prime=b'the')


def test_a_sample_of_words_goes_on_after_its_prime_as_text(make_run: MakeRun) -> None:
    ms = make_run(level='word', text=LONG)
    train(ms, 30)
    for prime in ('the cat', 'the cat ', 'the cat\t', 'ran.\n', ' the'):
        for temp in (0.0, 1.0):
            (sample,) = ms.generatestring(12, temp, prime=prime, seed=2, n=1)
            before, whole = ms.chars.encode(prime).tolist(), ms.chars.encode(prime + sample).tolist()
            assert whole[: len(before)] == before and len(whole) == len(before) + 12
            assert sample == ms.generatestring(12, temp, prime=prime, seed=2)
            if prime[-1].isspace():
                assert not sample.startswith(' ')
            elif whole[len(before)] != ms.chars.encode('\n')[0]:
                assert sample.startswith(' ')
    assert not ms.generatestring(6, seed=1).startswith(' '), 'there is no text before it'
    assert not sample_on_the_way(run_of(ms)).startswith(' ')
    assert temperatures(ms, 'the cat', (0.0,))[0].text == ms.generatestring(200, 0.0, prime='the cat')


def test_words_too_are_measured_in_bits_per_character(make_run: MakeRun) -> None:
    ms = make_run(level='word')
    (sample,) = temperatures(ms, 'the cat', (1.0,), numchars=40)
    before, indices = (ms.chars.encode(text).tolist() for text in ('the cat', sample.text))
    nats = score_indices(learner_of(ms).model, before, indices).sum()
    assert sample.bits_per_char == pytest.approx(nats / math.log(2) / len(sample.text))
    assert sample.nats == pytest.approx(nats / len(indices))
    shown = repr(temperatures(ms, 'the cat', (1.0,), numchars=40)).splitlines()
    assert shown[0].split() == ['temp', 'bits/word', 'bits/char']
    assert shown[1].split() == ['1', f'{sample.nats / math.log(2):.3f}', f'{sample.bits_per_char:.3f}']


LONG = 'the cat sat on a mat, and ran.\nso did the é.\n' * 40


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_filter_that_changes_no_logit_changes_no_symbol(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, engine: str, level: str
) -> None:
    """Rule 11: with a filter, symbols are drawn one by one; without, C draws them in one call; the text is the same."""
    monkeypatch.setenv('CHARRNN_ENGINE', engine)
    ms = make_run(level=level, text=LONG)
    train(ms, 20)
    plain = {temp: ms.generatestring(60, temp, prime='the cat', seed=2, n=3) for temp in (0.0, 0.5, 2.0)}
    ms.attach(samplefilter=lambda logits, text: logits)
    for temp, texts in plain.items():
        assert ms.generatestring(60, temp, prime='the cat', seed=2, n=3) == texts


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_filter_sees_the_prime_and_the_text_so_far(make_run: MakeRun, level: str) -> None:
    ms, seen = make_run(level=level, text=LONG), list[str]()

    def look(logits: np.ndarray, text: str) -> np.ndarray:
        seen.append(text)
        return logits

    ms.attach(samplefilter=look)
    before = ms.chars.encode('the é.').tolist()
    found = ms.generatestring(30, 1.0, prime='the é.', seed=4)
    drawn = list(found.bytes) if level == 'byte' else ms.chars.encode(found).tolist()
    whole = [ms.chars.decode([*before, *drawn[:n]]) for n in range(30)]
    assert [text.rstrip('\ufffd') for text in seen] == [text.rstrip('\ufffd') for text in whole]


def test_the_state_of_several_texts_is_that_of_each(make_run: MakeRun) -> None:
    ms = make_run()
    texts: Any = ms.generatestring(5, n=2, seed=1)
    with pytest.raises(AttributeError, match=r'each has its own \.state\.  Next: \[text\.state for text in texts\]'):
        _ = texts.state
    assert all(isinstance(text.state, State) for text in texts)
    several: Any
    for several, name in (
        (ms.checkpoints(), 'number'),
        (ms.score(['the', 'cat']), 'nats'),
        (ms.copied(['the']), 'share'),
    ):
        with pytest.raises(AttributeError, match=rf'each has its own \.{name}\.'):
            getattr(several, name)
