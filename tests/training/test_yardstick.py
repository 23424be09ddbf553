"""Bits per byte compare models of different levels, and a word model pays for what it cannot encode."""

import math

import pytest
from conftest import MakeRun, train, words

from charrnn import Comparison, Evaluation, ModelState, TrainingError, compare
from charrnn.evaluation.units import measure_text, spelling_nats
from charrnn.session import comparison

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
    """The fewer words it knows, the easier its symbols are to predict, and the more its bits per byte are."""
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


def test_models_of_every_level_stand_on_one_table(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their splits begin at different places; what is scored is the same text, behind all that stands before it."""
    states = [make_run(level, level=level, text=TEXT, trainfrac=0.83) for level in ('char', 'byte', 'word')]
    assert len({ms.data.text('valid') for ms in states}) > 1
    for ms in states:
        train(ms, 10)
    scored, score = [], comparison.evaluate_split

    def note(model: object, before: object, split: object, *rest: object) -> object:
        ms = next(ms for ms in states if ms._run.learner.model is model)
        scored.append(ms.chars.decode(split).replace('<unk>', 'é'))  # type: ignore[arg-type]
        assert len(before) + len(split) == sum(ms.data.sizes)  # type: ignore[arg-type]
        return score(model, before, split, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(comparison, 'evaluate_split', note)
    table = compare(*states)
    assert len(set(scored)) == 1 and TEXT.endswith(scored[0]) and len(scored[0].encode()) == table.text_bytes
    assert isinstance(table, Comparison) and {row.level for row in table} == {'char', 'byte', 'word'}
    assert [row.bits_per_byte for row in table] == sorted(row.bits_per_byte for row in table)
    shown = repr(table)
    assert 'bits/byte' in shown and 'xz' in shown and f'{table.text_bytes:,} bytes of held-out text' in shown
    assert 0 < table.text_bytes <= min(len(ms.data.text('valid')) for ms in states)


def test_on_one_directory_a_comparison_equals_the_evaluations(make_run: MakeRun, tmp_path) -> None:  # type: ignore[no-untyped-def]
    source = tmp_path / 'source'
    source.mkdir()
    for name, text in (('train', TEXT), ('valid', TEXT[:400]), ('test', 'the dog sat\n' * 9)):
        (source / f'{name}.txt').write_text(text)
    states = [
        ModelState.initfromsrcfile(source, tmp_path / level, level=level, state_size=6, seq_len=8, device='cpu')
        for level in ('char', 'byte', 'word')
    ]
    for row in compare(*states):
        ms = next(ms for ms in states if ms.chars.level == row.level)
        assert row.bits_per_byte == pytest.approx(ms.evaluate().bits_per_byte, rel=1e-6)
    assert 'test' in repr(states[0].data)


def test_what_cannot_be_compared(make_run: MakeRun) -> None:
    one, other = make_run('one'), make_run('other', text='another text altogether\n' * 40)
    with pytest.raises(TrainingError, match='do not validate on the same text'):
        compare(one, other)
    with pytest.raises(TrainingError, match='nothing to compare'):
        compare()
    with pytest.raises(TrainingError, match='no validation split'):
        compare(one, make_run('all', trainfrac=1.0))


def test_the_test_split_is_measured_on_the_best_checkpoint(make_run: MakeRun, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from conftest import moment

    source = tmp_path / 'source'
    source.mkdir()
    for name, text in (('train', TEXT), ('valid', TEXT[:400]), ('test', 'the dog sat on the cat\n' * 9)):
        (source / f'{name}.txt').write_text(text)
    ms = ModelState.initfromsrcfile(source, tmp_path / 'run', state_size=6, seq_len=8, device='cpu', learnrate=0.01)
    train(ms, 40, valid_len=0)
    expected = None
    best = ms.checkpoints()[-1]
    assert best.is_best
    twin = ModelState.load(ms.curdir, device='cpu')
    expected = twin.evaluate('test').nats
    del twin
    ms._run.learner.hyper.__dict__['learnrate'] = 0.5  # ruin it
    train(ms, 20, valid_len=0)
    before = moment(ms)
    found = ms.evaluate('test')
    assert found.protocol.startswith(f'test: checkpoint {best.number} (best), whole split')
    assert found.nats == pytest.approx(expected) and found.nats != ms.evaluate().nats
    assert moment(ms) == before
    with pytest.raises(TrainingError, match='no test split'):
        make_run('other').evaluate('test')


def test_how_an_evaluation_prints() -> None:
    worse = Evaluation(
        3.5, 0.01, 1000, 5.0494, 5.0494, 33.12, 1e7, {'uniform': 4.1744, 'unigram': 3.3473}, 'valid: whole split'
    )
    assert str(worse) == (
        'nats        3.5000 ± 0.0100 per char, over 1,000 characters\n'
        'bits        5.0494 per character, 5.0494 per byte\n'
        'perplexity  33.12 per char, 1e+07 per word of the text, spelling included\n'
        'ladder      uniform 4.1744, unigram 3.3473\n'
        'protocol    valid: whole split\n'
        'not better than the unigram rung: counting characters does as well'
    )
    assert '>3.5000 ± 0.0100 per char, over 1,000 characters</td>' in worse._repr_html_()
    assert eval(repr(worse)) == worse
    assert 'not better' not in str(Evaluation(3.0, 0.01, 1000, 4, 4, 20, 1e6, {'unigram': 3.3}))
