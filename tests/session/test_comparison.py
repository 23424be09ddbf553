"""Models of every level are compared on the same bytes of text."""

import math
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, learner_of, train

from charrnn import Comparison, ModelState, TrainingError, compare
from charrnn.evaluation.archivers import coded_bytes
from charrnn.evaluation.protocol import SplitScore, evaluate_split
from charrnn.models import LanguageModel
from charrnn.session import comparison
from charrnn.session.comparison import ComparedModel
from charrnn.text.vocabulary import Indices

TEXT = 'the cat sat on the mat\nand so did the dog, é\n' * 40


def test_models_of_every_level_stand_on_one_table(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Score the same text at every level, after all text before it, though the splits begin at different places."""
    states = [make_run(level, level=level, text=TEXT, trainfrac=0.83) for level in ('char', 'byte', 'word')]
    assert len({ms.data.text('valid') for ms in states}) > 1
    for ms in states:
        train(ms, 10)
    scored = []

    def note(model: LanguageModel, before: Indices, split: Indices, seq_len: int, **rest: Any) -> SplitScore | None:
        ms = next(ms for ms in states if learner_of(ms).model is model)
        scored.append(ms.chars.decode(split).replace('<unk>', 'é'))
        assert len(before) + len(split) == sum(ms.data.sizes)
        return evaluate_split(model, before, split, seq_len, **rest)

    monkeypatch.setattr(comparison, 'evaluate_split', note)
    table = compare(*states)
    assert len(set(scored)) == 1 and TEXT.endswith(scored[0]) and len(scored[0].encode()) == table.text_bytes
    assert isinstance(table, Comparison) and {row.level for row in table} == {'char', 'byte', 'word'}
    assert [row.bits_per_byte for row in table] == sorted(row.bits_per_byte for row in table)
    shown = repr(table)
    assert (
        'bits/byte' in shown
        and 'xz' in shown
        and 'PPMd' in shown
        and f'{table.text_bytes:,} bytes of held-out text' in shown
    )
    assert 0 < table.text_bytes <= min(len(ms.data.text('valid')) for ms in states)
    assert table.compressed_bytes == table.text_bytes and 'sample' not in shown
    monkeypatch.setattr(comparison, 'MOST_MEASURED', 30)
    part = compare(*states)
    assert [*part] == [*table] and part.text_bytes == table.text_bytes
    assert 'learns while it reads, measured on the first 30: a sample' in repr(part)
    begun = TEXT.encode()[-table.text_bytes :][:30]
    training = max((ms.data.text('train') for ms in states), key=len)
    assert part.xz_bits_per_byte == coded_bytes(training, begun)['xz'] * 8 / 30


def test_on_one_directory_a_comparison_equals_the_evaluations(make_run: MakeRun, tmp_path: Path) -> None:
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


def test_runs_on_different_texts_cannot_be_compared(make_run: MakeRun) -> None:
    one, other = make_run('one'), make_run('other', text='another text altogether\n' * 40)
    with pytest.raises(TrainingError, match='do not validate on the same text'):
        compare(one, other)
    with pytest.raises(TrainingError, match='nothing to compare'):
        compare()
    with pytest.raises(TrainingError, match='no validation split'):
        compare(one, make_run('all', trainfrac=1.0))


def test_without_a_line_break_it_begins_where_symbols_of_every_model_begin(make_run: MakeRun) -> None:
    """The common text would begin in the middle of a word, of which a word model scores nothing."""
    text = 'the cat and the dog sat on a mat ' * 30
    states = [make_run('c', text=text, trainfrac=0.9), make_run('w', text=text, level='word', trainfrac=0.8)]
    table = compare(*states)
    assert len(states[0].data.text('valid')) > table.text_bytes
    held = text[-table.text_bytes :]
    assert held[0] == ' ' and len(held) > len(states[0].data.text('valid')) - 5
    assert held[1:].split()[0] in text.split()


@pytest.mark.filterwarnings('ignore:the end of')
@pytest.mark.parametrize('end', [' ' * 40, '\t\xa0' * 20, '\x0c' * 40], ids=ascii)
def test_held_out_white_space_has_no_perplexity_per_word(make_run: MakeRun, end: str) -> None:
    text = 'the cat sat ' * 20 + end
    states = [make_run(level, level=level, text=text) for level in ('char', 'byte')]
    table = compare(*states)
    assert all(math.isnan(row.word_perplexity) and math.isfinite(row.bits_per_byte) for row in table)
    assert 'nan' not in repr(table) and sum(line.endswith(' -') for line in repr(table).splitlines()) == 2
    with pytest.raises(TrainingError, match='nowhere in them does a symbol of every model begin'):
        compare(*states, make_run('word', level='word', text=text))


def test_xz_and_ppmd_stand_where_they_belong() -> None:
    def row(name: str, bits: float) -> ComparedModel:
        return ComparedModel(name, 'char', 'GRU', 9, bits, math.nan, math.inf)

    table = Comparison([row('good', 1.0), row('bad', 3.0)])
    table.text_bytes, table.xz_bits_per_byte = 99, 2.0
    assert [line.split()[0] for line in repr(table).splitlines()[1:4]] == ['good', 'xz', 'bad']
    assert 'inf' in repr(table) and 'nan' not in repr(table)
    assert 'pip install pyppmd' in repr(table)
    table.ppmd_bits_per_byte = 0.5
    lines = repr(table).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ['PPMd', 'good', 'xz', 'bad'] and 'pyppmd' not in repr(table)
    assert all('adaptive' in lines[place] for place in (1, 3)) and lines[-1].endswith('learns while it reads')


def test_the_rest_of_a_character_is_scored_by_no_model(make_run: MakeRun) -> None:
    """The validation split of bytes begins in the middle of a character, and a model of characters is beside it."""
    text = 'a' + '€' * 100
    states = [make_run('b', text=text, level='byte', trainfrac=0.9), make_run('c', text=text, trainfrac=0.8)]
    assert states[0].data.text('valid')[:1] == '€'.encode()[2:]
    assert compare(*states).text_bytes == 30 == len(states[0].data.text('valid')) - 1
    assert compare(states[0]).text_bytes == 31 and states[0].evaluate().symbols == 31
