"""The test split is measured on the best checkpoint, and a text symbol by symbol."""

import csv
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, moment, train

import charrnn.session.scores as scores
from charrnn import CharSetError, HyperParamsError, ModelState, SamplingError, Score, TrainingError

TEXT = 'the cat sat on the mat\nand so did the dog, é\n' * 40


def test_the_test_split_is_measured_on_the_best_checkpoint(make_run: MakeRun, tmp_path: Path) -> None:
    source = tmp_path / 'source'
    source.mkdir()
    for name, text in (('train', TEXT), ('valid', TEXT[:400]), ('test', 'the dog sat on the cat\n' * 9)):
        (source / f'{name}.txt').write_text(text)
    ms = ModelState.initfromsrcfile(source, tmp_path / 'run', state_size=6, seq_len=8, device='cpu', learnrate=0.01)
    train(ms, 40, valid_len=0)
    best = ms.checkpoints()[-1]
    assert best.is_best
    twin = ModelState.load(ms.curdir, device='cpu')
    expected = twin.evaluate('test').nats
    del twin
    learner_of(ms).hyper.__dict__['learnrate'] = 0.5  # makes the weights worse
    train(ms, 20, valid_len=0)
    before = moment(ms)
    found = ms.evaluate('test')
    assert found.protocol.startswith(f'test: checkpoint {best.number} (best), whole split')
    assert found.nats == pytest.approx(expected) and found.nats != ms.evaluate().nats
    assert moment(ms) == before
    with pytest.raises(TrainingError, match='no test split'):
        make_run('other').evaluate('test')


def test_a_score_is_a_value_with_all_its_numbers(make_run: MakeRun, tmp_path: Path) -> None:
    ms = make_run()
    train(ms, 5)
    found = ms.score('the cat')
    assert isinstance(found, Score)
    assert len(found) == 7 and found.symbols == tuple('the cat') and found.text == 'the cat'
    assert list(found) == found.nats.tolist() == np.asarray(found).tolist() and found[2] == found.nats[2]
    with pytest.raises(ValueError, match='read-only'):
        found.nats[0] = 0
    with pytest.raises(AttributeError):
        found.nats = found.nats  # type: ignore[misc]
    found.to_csv(tmp_path / 'score.csv')
    with (tmp_path / 'score.csv').open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['symbol'] for row in rows] == list('the cat') and [row['number'] for row in rows] == list('0123456')
    assert [float(row['nats']) for row in rows] == found.nats.tolist()
    assert float(rows[3]['bits']) == pytest.approx(found.nats[3] / math.log(2))


def test_without_colours_a_score_shows_its_totals_and_the_most_surprising_places(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 5)
    found = ms.score('the cat sat on the mat')
    lines = repr(found).splitlines()
    assert lines[0].startswith(f'22 characters: {found.total / math.log(2):.4g} bits, {found.bits_per_char:.4f} per ch')
    assert lines[1] == f'perplexity {found.perplexity:.4g} per char, {found.word_perplexity:.4g} per word'
    most = int(found.nats.argmax())
    assert lines[3].split()[:2] == [f'{found.nats[most] / math.log(2):.2f}', str(most)]
    assert len(lines) == 2 + 1 + 10 + 1
    assert 'title=' in found._repr_html_()


def test_the_bytes_of_a_character_are_one_cell(make_run: MakeRun) -> None:
    ms = make_run(level='byte', text='いろは ab\n' * 60)
    found = ms.score('い a\n')
    assert found.symbols == ('\\xe3', '\\x81', '\\x84', ' ', 'a', '\n')
    cells = [(piece, value) for piece, value in found.coloured().parts()]
    assert [piece for piece, _ in cells] == ['い', ' ', 'a', '\n']
    assert cells[0][1] == pytest.approx(sum(found[:3]) / math.log(2))
    cut = ms.score('い'.encode()[:2] + b'a')
    assert (
        len(cut) == 3 and cut.text == '\ufffd\ufffda' and cut.bits_per_char * 3 == pytest.approx(cut.bits_per_byte * 3)
    )


def test_words_keep_their_spaces_and_pay_for_what_is_not_encoded(make_run: MakeRun) -> None:
    ms = make_run(level='word', text='the cat sat\non the mat\n' * 60)
    known, odd = ms.score('the  cat\nsat'), ms.score('the zebra', errors='replace')
    assert known.symbols == ('the', 'cat', '\n', 'sat')
    assert [piece for piece, _ in known.coloured().parts()] == ['the', '  ', 'cat', '\n', 'sat']
    assert odd.spelling_nats > 10
    assert odd.bits_per_char == pytest.approx((odd.total + odd.spelling_nats) / math.log(2) / len('the zebra'))
    assert 'of the bits spell what the model cannot encode' in repr(odd)
    assert ms.score(' sat', prime='cat').spelling_nats == 0 < ms.score(' sat', prime='\n').spelling_nats
    assert ms.score(['the cat', 'the zebra'], errors='replace')[0].text == 'the zebra'


def test_the_table_of_several_scores_numbers_the_texts_as_given(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 20)
    found = ms.score(['the cat ', 'tttttttt', 'sat on the\nmat ' * 9])
    lines = repr(found).splitlines()
    assert lines[0].split() == ['no.', 'bits/char', 'chars', 'text']
    assert lines[1].split()[0] == '2' and lines[1].endswith('8  tttttttt')
    assert all(len(line) < 80 for line in lines)
    assert found[0].number == 2 and found[0].text == 'tttttttt'
    assert '… 30 more' in repr(ms.score(['the'] * 50)) and ms.score(('the',))[0].total == ms.score('the').total


def test_a_score_tells_what_the_model_may_know_by_heart(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [f'line {n} of the chat' for n in range(10, 70)] + ['Jo', 'no', 'the cat sat on the mat']
    ms = make_run(text='\n'.join(lines) + '\n', trainfrac=0.9)
    asked = [*lines[:30], 'Jox', 'line 10 of the', 'this one is not in the chat, or is it']
    found = ms.score(asked, errors='replace')
    copied = {one.number: one.copied for one in found}
    assert [copied[n] for n in range(1, 34)] == [1.0] * 30 + [0.0] * 3
    said = '30 of these 33 texts stand word for word in the training text: the model may know them by heart'
    assert said in repr(found)
    half = ms.score('cat line 12 of the chat\nline 13 of the chat')
    assert half.copied == pytest.approx(39 / 43) and '91 % of it stands word for word in the training' in repr(half)
    for shown in (repr(found), repr(half)):
        following = shown.split('Next: ')[1].split(', which reads half')[0]
        assert f'{str(tmp_path / "run-2")!r}' in following and 'trainfrac=0.5)' in following
    for step in following.removeprefix('ms = ').split(', then '):
        ms = eval(step.replace('trainmodel()', 'trainmodel(quiet=True)'), {'ModelState': ModelState, 'ms': ms})
    assert ModelState.load(tmp_path / 'run-2', device='cpu').data.train_size == len('\n'.join(lines) + '\n') // 2
    ms = ModelState.load(tmp_path / 'run', device='cpu')
    assert 'stand' not in repr(ms.score(['Jox', 'nope'], errors='replace'))
    monkeypatch.setattr(scores, 'MOST_SEARCHED', 100)
    assert {one.number: one.copied for one in ms.score(lines[:9:8])} == {1: 1, 2: 0}, 'it stands further on'
    Path(ms.data.files[0].path).unlink()
    assert 'by heart' in repr(ms.score(lines[0])) and 'Next' not in repr(ms.score(lines[0]))


def test_short_texts_at_the_top_are_explained(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 20)
    odd = max(set(ms.chars.symbols) - set('\n '), key=lambda each: ms.score(2 * each).bits_per_char)
    texts = [2 * odd] * 20 + ['the cat sat on the mat'] * 25
    assert 'short texts cost more per character' in repr(ms.score(texts))
    assert 'short texts' not in repr(ms.score(texts[20:] + texts[:2]))


@pytest.mark.filterwarnings('ignore::ResourceWarning')  # of the next step, which leaves its file open
def test_what_cannot_be_scored_is_told(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ms: Any = make_run()
    monkeypatch.chdir(tmp_path)
    Path('chat.txt').write_text('the cat')
    for text, error, why, following in [
        ('', SamplingError, 'the text is empty', r"ms.score('ran.\non ')"),
        (5, SamplingError, '5 is no text', r"ms.score('ran.\non ')"),
        (None, SamplingError, 'None is no text', r"ms.score('ran.\non ')"),
        (b'the', SamplingError, "b'the' is no text", r"ms.score('ran.\non ')"),
        (ms, SamplingError, 'is no text', r"ms.score('ran.\non ')"),
        ('the é', CharSetError, "'é' (U+00E9) at offset 4", "ms.chars shows them; errors='replace'"),
        (Path('chat.txt'), SamplingError, 'is a path', "ms.score(Path('chat.txt').read_text(encoding='utf-8'))"),
        ('chat.txt', SamplingError, "'chat.txt' is a path", "ms.score(Path('chat.txt').read_text(encoding='utf-8'))"),
        ([], SamplingError, 'there is no text in the list', r"ms.score(['ran.\non '])"),
        (['the', ''], SamplingError, 'text 2 is empty', 'ms.score([text for text in texts if text.strip()])'),
        (['the', 'é'], CharSetError, "text 2: 'é' (U+00E9)", "ms.chars shows them; errors='replace'"),
        (['the', 7], SamplingError, '7 is no text', r"ms.score(['ran.\non '])"),
    ]:
        with pytest.raises(error, match=re.escape(why)) as caught:
            ms.score(text)
        assert caught.value.next_step.startswith(following)
    with pytest.raises(SamplingError, match='the prime is empty'):
        ms.score('the', prime='')
    with pytest.raises(CharSetError):
        ms.score('the', prime='é')
    with pytest.raises(HyperParamsError, match="errors='ignore' is unknown"):
        ms.score('the', errors='ignore')
    assert len(ms.score(eval('open(\'chat.txt\', encoding="utf-8").read()'))) == 7
    words = make_run('words', level='word')
    with pytest.raises(SamplingError, match='the text holds no words'):
        words.score(' \t ')
    with torch.no_grad():
        learner_of(ms).model.readout_bias.fill_(math.nan)
    with pytest.raises(SamplingError, match='no longer numbers'):
        ms.score('the')
