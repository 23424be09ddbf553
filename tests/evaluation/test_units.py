"""Bits per byte is the unit in which all levels compare: unknown words pay for their spelling."""

import math

import pytest
from conftest import MakeRun, train, words

from charrnn import Evaluation
from charrnn.evaluation.units import measure_text, spelling_nats

TEXT = 'the cat sat on the mat\nand so did the dog, é\n' * 40


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_every_unit_of_an_evaluation(make_run: MakeRun, level: str) -> None:
    ms = make_run(level=level, text=TEXT)
    train(ms, 5)
    found = ms.evaluate()
    text = ms.data.text('valid')
    spelled = spelling_nats(text.decode(), ms.chars, ms.data) if level == 'word' else 0.0  # type: ignore[arg-type]
    total = found.nats * found.symbols + spelled
    assert found.symbols == len(ms.data.valid) and found.level == level
    assert found.bits_per_byte == pytest.approx(total / math.log(2) / len(text))
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
        'perplexity  33.12 per char, 1e+07 per word of the text, spelling included\n'
        'ladder      uniform 4.1744, unigram 3.3473\n'
        'protocol    valid: whole split\n'
        'no better than guessing by letter frequency (3.35)'
    )
    assert '>3.5000 ± 0.0100 nats/char over 1,000 characters</td>' in worse._repr_html_()
    assert eval(repr(worse)) == worse
    assert 'no better' not in str(Evaluation(3.0, 0.01, 1000, 4, 4, 20, 1e6, {'unigram': 3.3}))
