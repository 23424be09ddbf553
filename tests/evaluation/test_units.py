"""Bits per byte is the unit in which all levels compare: unknown words pay for their spelling."""

import math
import re
import sys
from dataclasses import replace

import pytest
from conftest import MakeRun, train, words

from charrnn import Evaluation
from charrnn.evaluation.textsize import measure_pieces, measure_text
from charrnn.evaluation.units import perplexity
from charrnn.text import dataset

TEXT = 'the cat sat on the mat\nand so did the dog, é\n' * 40


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_every_unit_of_an_evaluation(make_run: MakeRun, level: str) -> None:
    ms = make_run(level=level, text=TEXT)
    train(ms, 5)
    found = ms.evaluate()
    text = ms.data.text('valid')
    spelled = measure_text(text, ms.data).spelling_nats
    total = found.nats * found.symbols + spelled
    assert found.symbols == len(ms.data.valid) and found.level == level
    assert found.bits_per_byte == pytest.approx(total / math.log(2) / len(text))
    assert found.spelled_nats == pytest.approx(total / len(ms.data.valid)) and (level == 'word' or spelled == 0)
    assert found.bits_per_char == pytest.approx(total / math.log(2) / len(text.decode(errors='ignore')), rel=0.01)
    assert found.perplexity == pytest.approx(math.exp(found.nats))
    count = len(text.split()) + text.count(b'\n')
    assert found.word_perplexity == pytest.approx(math.exp(total / count))


def test_an_unknown_word_pays_for_its_spelling(make_run: MakeRun) -> None:
    ms = make_run(level='word', text='ab ab ba\n' * 50)
    known = measure_text(b'ab ab\n', ms.data)
    assert (known.bytes, known.chars, known.words, known.spelling_nats) == (6, 6, 3, 0)
    # The alphabet: the characters of the training text, an end mark for each word, one symbol for all the rest.
    training = ms.data.text('train').decode()
    ends = len(training.split()) + training.count('\n')
    total = len(training) + len(set(training)) + ends + 1 + 1
    expected = [math.log(total / (training.count(c) + 1)) for c in 'aab'] + [math.log(total / (ends + 1))]
    assert measure_text(b'aab ab', ms.data).spelling_nats == pytest.approx(sum(expected))
    foreign = math.log(total) + math.log(0x110000) + math.log(total / (ends + 1))
    assert measure_text('é ab'.encode(), ms.data).spelling_nats == pytest.approx(foreign)
    assert measure_text(b'ab  ab', ms.data).spelling_nats > 0, 'white space that does not come back'


def test_the_spelling_alphabet_is_a_probability(make_run: MakeRun) -> None:
    ms = make_run(level='word', text='ab ba\n' * 50)
    cost = {c: measure_text(c.encode() + b'x' * 0, ms.data).spelling_nats for c in 'é'}
    end = measure_text(b'xx ab', ms.data).spelling_nats - 2 * (
        measure_text(b'xxx ab', ms.data).spelling_nats - measure_text(b'xx ab', ms.data).spelling_nats
    )
    known = {
        c: measure_text(f'zz{c} ab'.encode(), ms.data).spelling_nats - measure_text(b'zz ab', ms.data).spelling_nats
        for c in 'ab'
    }
    assert cost['é'] > max(known.values()) and end > 0
    assert sum(math.exp(-nats) for nats in known.values()) + math.exp(-end) < 1


def test_a_word_model_cannot_win_by_knowing_few_words(make_run: MakeRun) -> None:
    """Compare vocabularies: with fewer words, symbols are easier to predict, and bits per byte are higher."""
    text = words(30_000, seed=3) + ' '.join(f'word{i % 97}' for i in range(2000)) + '\n' + words(5000)
    found = {}
    for vocab_size in (None, 3, 2):
        ms = make_run(
            f'run{vocab_size}', level='word', text=text, vocab_size=vocab_size, modeltype='LSTM', trainfrac=0.8
        )
        train(ms, 60)
        found[vocab_size] = ms.evaluate()
    assert found[2].perplexity < found[3].perplexity < found[None].perplexity
    assert found[2].bits_per_byte > found[3].bits_per_byte > found[None].bits_per_byte


def test_an_evaluation_prints_as_lines() -> None:
    worse = Evaluation(
        3.5, 0.01, 1000, 5.0494, 5.0494, 33.12, 1e7, {'uniform': 4.1744, 'unigram': 3.3473}, 'valid: whole split'
    )
    assert str(worse) == (
        'loss        3.5000 ± 0.0100 nats/char over 1,000 characters\n'
        'bits        5.0494 per character, 5.0494 per byte\n'
        'perplexity  33.12 per char, 1e+07 per word of the text\n'
        '            per word: as unsure as among that many words, at each word and line break of the text\n'
        'ladder      static: uniform 4.1744, unigram 3.3473\n'
        'protocol    valid: whole split\n'
        'no better than guessing by letter frequency (3.35): train longer'
    )
    assert '>3.5000 ± 0.0100 nats/char over 1,000 characters</td>' in worse._repr_html_()
    assert eval(repr(worse)) == worse
    assert 'no better' not in str(Evaluation(3.0, 0.01, 1000, 4, 4, 20, 1e6, {'unigram': 3.3}))
    assert 'by word frequency (3.35)' in str(replace(worse, level='word'))
    spelled = replace(worse, level='word', spelled_nats=4.25)
    assert '\n            4.2500 nats/word with the letters of words it does not know' in str(spelled)
    assert eval(repr(spelled)) == spelled and 'letters' not in str(worse) + str(replace(worse, level='word'))
    assert "ms.restore('best')" in str(replace(worse, nats=1e8)) and 'train longer' not in str(replace(worse, nats=1e8))


def test_numbers_that_are_none_are_shown_in_words() -> None:
    """Show neither nan nor a bound: a single block has no standard error, a text may have no words or cost too much."""
    short = Evaluation(2.5, math.nan, 4, 5, 5, 12, math.nan, {'uniform': 0.0, 'unigram': 0.0}, 'valid: whole split')
    shown = str(short)
    assert '2.5000 nats/char over 4 characters, in one block: too short a text for an error bar' in shown
    assert 'no words in the text' in shown and 'nan' not in shown and 'per word:' not in shown
    again = eval(repr(short))
    assert again.nats == 2.5 and math.isnan(again.stderr) and math.isnan(again.word_perplexity)
    assert perplexity(709) == math.exp(709) and perplexity(710) == math.inf and math.isnan(perplexity(math.nan))
    assert 'inf per word' in str(replace(short, word_perplexity=math.inf))


def test_a_text_that_repeats_one_symbol_is_not_said_to_need_training() -> None:
    flat = Evaluation(0.1, 0.01, 100, 0.1, 0.1, 1.1, 2.0, {'uniform': 0.0, 'unigram': 0.0})
    assert 'train longer' not in str(flat) and 'diverged' not in str(flat)


def test_rungs_fitted_on_the_measured_text_are_shown_as_such(make_run: MakeRun) -> None:
    ms = make_run()
    found = ms.evaluate('train')
    assert found.in_sample and not ms.evaluate().in_sample and eval(repr(found)).in_sample
    lines = str(found).split('\n')
    ladder = next(place for place, line in enumerate(lines) if line.startswith('ladder'))
    assert re.match(r'ladder +static: uniform \d\S+; fitted on this same text: unigram .*, Kneser-Ney', lines[ladder])
    assert re.match(r' +adaptive: fitted on this same text: xz', lines[ladder + 1])
    assert 'fitted' not in str(ms.evaluate())


def test_places_of_spelled_parts_are_paid(make_run: MakeRun) -> None:
    """Charge for the choice of the spelled ones among the white spaces, known words, and words with index 0."""
    ms = make_run(level='word', text='ab ab ba\n' * 50)

    def cost(text: str) -> float:
        return measure_text(text.encode(), ms.data).spelling_nats

    one, two = cost('ab ab ab'), cost('ab  ab ab')
    assert one == 0 and cost('ab  ab  ab') - 2 * two == pytest.approx(math.log(6) - 2 * math.log(4))
    assert cost('xx') * 2 == pytest.approx(cost('xx xx')), 'index 0 says where unknown words are'
    assert cost('<eos> ab') > 0 and cost('ab ') > 0 and cost(' ab') > 0
    assert measure_text(b' ab', ms.data, b'b').spelling_nats == 0 < measure_text(b' ab', ms.data, b'\n').spelling_nats


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_text_is_measured_in_pieces_as_in_one(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    lines = 'ab ab é\n\nba  ab xx\n<eos> ab\n'
    ms = make_run(level=level, text=('ab ab ba <unk>\n' * 3 + lines + 'zz 北京 \n ab') * 40)
    for split, before in (('train', b''), ('valid', b'x')):
        whole = ms.data.text(split)
        expected = measure_text(whole, ms.data, before)
        for size in (1, 2, 7, 50, 10**6):
            monkeypatch.setattr(dataset, 'CHUNK_BYTES', size)
            pieces = list(ms.data.pieces(split))
            assert b''.join(pieces) == whole and (len(pieces) > 1 or size > 50)
            assert level != 'word' or all(piece.endswith(b'\n') for piece in pieces[:-1])
            found = measure_pieces(pieces, ms.data, before)
            assert found.spelling_nats == pytest.approx(expected.spelling_nats, rel=1e-12)
            assert found == replace(expected, spelling_nats=found.spelling_nats)
    assert level != 'word' or expected.spelling_nats > 0
    broken = measure_pieces([b'a\xc3', b'\xa9b', b' \xc3'], ms.data)
    assert (broken.bytes, broken.chars, broken.words) == (6, 5, 2)


def test_each_rung_is_shown_as_static_or_adaptive(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = {'uniform': 4.0, '6-gram': 2.5, 'xz': 2.0, 'PPMd': 1.4}
    found = Evaluation(1.5, 0.01, 9, 2.2, 2.2, 4.5, 90, ladder, adaptive=('xz', 'PPMd'))
    static, adaptive = 'static: uniform 4.0000, 6-gram 2.5000', 'adaptive: xz 2.0000, PPMd 1.4000 (an adaptive coder'
    assert f'\nladder      {static}\n            {adaptive} learns while it reads)\nprotocol' in str(found)
    assert static in found._repr_html_() and adaptive in found._repr_html_()
    assert eval(repr(found)) == found and "adaptive=('xz', 'PPMd')" in repr(found)
    assert 'pip install pyppmd' not in str(found)
    monkeypatch.setitem(sys.modules, 'pyppmd', None)
    measured = make_run().evaluate()
    assert measured.adaptive == ('xz',) and str(measured).count('pip install pyppmd') == 1
