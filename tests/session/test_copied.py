"""The spans of a text that the training text holds, in the symbols of every level; law 18."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, train

from charrnn import Copied, HyperParamsError, SamplingError

LINES = 'In the first line, é is a letter.\nThe second line has its own words too.\nAnd a third.\n'
TEXT = ''.join(f'{n}: {LINES}' for n in range(30))


def test_a_copied_span_stands_at_its_offset(make_run: MakeRun) -> None:
    ms = make_run(text=TEXT)
    found = ms.copied('I say: first line, é is a letter. And the second line has its own', 20)
    assert isinstance(found, Copied)
    training = ms.chars.decode(ms.data.train)
    pieces = [found.text[start:end] for start, end, _ in found.spans]
    assert pieces == [' first line, é is a letter.', 'he second line has its own']
    for piece, span in zip(pieces, found.spans, strict=True):
        assert span.offset == training.find(piece)
    assert found.symbols == len(found.text) and found.share == sum(map(len, pieces)) / found.symbols
    assert ms.copied(training[100:300]).share == 1
    assert ms.copied(TEXT[-40:]).spans != () and ms.copied('29:', 3).spans == (), 'that line is held out'


def test_an_unknown_symbol_ends_a_span(make_run: MakeRun) -> None:
    ms = make_run(text=TEXT)
    assert [span[:2] for span in ms.copied('first line, ☃ is a letter.', 10).spans] == [(0, 12), (13, 26)]
    words = make_run('words', text='a b c d e f\n' * 40 + 'x y\n' * 2, level='word', vocab_size=7, trainfrac=1.0)
    assert [span[:2] for span in words.copied('a b zz c d e', 2).spans] == [(0, 2), (3, 6)]
    assert words.copied('x y', 1).spans == (), 'both are index 0, and so is every other unknown word'
    assert words.copied('<unk> <unk>', 1).spans == ()
    marked = make_run('marked', text='ab\ufffdcd\n' * 40)
    assert len(marked.copied('b\ufffdc', 3).spans) == 1 and marked.copied('b☃c', 3).spans == ()


def test_the_levels_of_a_span(make_run: MakeRun) -> None:
    bytes_, words = make_run('b', text=TEXT, level='byte'), make_run('w', text=TEXT, level='word')
    found = bytes_.copied('xé is a letter.')
    assert found.spans == () and bytes_.copied('xé is a letter.', 14).spans[0][:2] == (1, 16)
    cells = list(bytes_.copied('xé is a letter.', 14).coloured().parts())
    assert cells[0][0] == 'x' and cells[1] == ('é', 1.0) and cells[0][1] != cells[0][1]
    assert bytes_.copied('é is a letter.'.encode()[1:], 10).share == 1
    (span,) = words.copied('yes,  the second\tline has its own', 3).spans
    assert span[:2] == (2, 7) and [piece for piece, value in words.copied('a third. 1: In', 2).coloured().parts()] == [
        *('a', ' ', 'third.', ' ', '1:', ' ', 'In')
    ]


def test_the_prompt_shows_the_longest_spans_and_their_share(make_run: MakeRun) -> None:
    ms = make_run(text=TEXT)
    assert repr(ms.copied('no word here stands there, or so it is')).splitlines() == [
        'no 20 characters in a row, and no whole line, stand in the training text'
    ]
    short = repr(ms.copied('a third'))
    assert short.endswith('stand in the training text\nthe text has 7 only: atleast=5 finds shorter spans')
    assert ms.copied('a third', atleast=5).share == 1
    found = ms.copied('The second line has its own xx first line, é is a letter.')
    training = ms.chars.decode(ms.data.train)
    first, second = (training.find(piece) for piece in ('The second line has its own ', ' first line, é is a letter.'))
    assert repr(found).splitlines() == [
        '96.5 % of 57 characters stand in the training text, in 2 spans of 20 or more, or of whole lines',
        'characters  start  in training  text',
        f"        28      0  {first:>11}  'The second line has its own '",
        f"        27     30  {second:>11}  ' first line, é is a letter.'",
    ]
    html = found._repr_html_()
    assert re.findall(r'<span style="[^"]*">(.)</span>', html)[0] == 'T' and 'xx' in html


def test_what_cannot_be_searched_is_told(make_run: MakeRun, tmp_path: Path) -> None:
    ms: Any = make_run()
    for wrong in (0, -1, 2.5, '20', None, True):
        with pytest.raises(HyperParamsError, match=r'atleast=.* must be a whole number, 1 or more'):
            ms.copied('the cat', wrong)
    for text, why in [
        ('', 'the text is empty'),
        (3, '3 is no text'),
        (tmp_path, 'is a path'),
        ([], 'no text in the list'),
    ]:
        with pytest.raises(SamplingError, match=why):
            ms.copied(text)
    with pytest.raises(SamplingError, match='text 2 is empty') as caught:
        ms.copied(['a', ''])
    assert caught.value.next_step == 'ms.copied([text for text in texts if text.strip()])'
    train(ms, 3)
    assert ms.copied(ms.generatestring(50), atleast=10**9).share == 0


NAMES = [*('Maria', 'Jo', 'Ana Ng', 'Otto', 'Jo', 'Ottokar', 'Zoë'), *(f'name {n}' for n in range(90))]


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_whole_line_is_copied_however_short(make_run: MakeRun, level: str) -> None:
    ms = make_run(text='\n'.join(NAMES) + '\n', level=level)
    asked = ['Jo', 'Mar', 'Ana Ng', 'tto', 'Ottok', 'Zoë\n', 'Otto\nMaria', 'Ana', 'Jo Jo', 'a\nJo\na']
    found = ms.copied(asked, atleast=8)
    shares = [1, 0, 1, 0, 0, 1, 1, 0, 0, {'char': 3 / 6, 'byte': 3 / 6, 'word': 2 / 5}[level]]
    assert [round(one.share, 9) for one in found] == [round(share, 9) for share in shares]
    assert [one.text for one in found] == asked and [ms.copied(each, 8).share for each in asked] == [
        one.share for one in found
    ]
    training = ms.chars.decode(ms.data.train)
    if level == 'char':
        assert found[0].spans == ((0, 2, training.find('Jo')),)
        assert found[6].spans == ((0, 5, training.find('Otto\n')), (5, 10, 0)), 'a line and its break, then a line'
        assert repr(found).splitlines()[:3] == [
            '4 of 10 texts stand in the training text as a whole, 5 not at all',
            'no.  share %  in training  text',
            '  1    100.0            6  Jo',
        ]
    samples: Any = ms.generatestring(5, n=3, stop='\n', seed=4)
    assert [one.text for one in ms.copied([text or 'Jo' for text in samples])] == [text or 'Jo' for text in samples]


def long_spans(ms: Any, text: str, most: int) -> list[Any]:
    """Return the spans of more than `most` symbols; a whole line may be shorter."""
    return [span for span in ms.copied(text, atleast=most + 1).spans if span.end - span.start > most]


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_novel_text_has_no_long_copy(make_run: MakeRun, level: str) -> None:
    """Law 18, the other way round: one verb writes no span that the other finds."""
    ms = make_run(text=TEXT, level=level, layers=1, state_size=16, learnrate=0.03)
    train(ms, 120)
    copies = 0
    for most in (1, 4, 30) if level != 'word' else (1, 2, 5):
        stream = ms.generatestring(60, 0.5, seed=1, novel=most, stream=True)
        assert ''.join(stream)
        texts = [
            ms.generatestring(60, 0.5, seed=2, novel=most),
            *ms.generatestring(60, 0.5, seed=2, n=2, novel=most, prime='the second'),
            *ms.generatestring(60, 0.5, seed=2, novel=most, prime=['first line', ms.read('In the')], stop='third'),
            stream.sample,
        ]
        for text in filter(None, texts):
            assert long_spans(ms, text, most) == []
            if level != 'byte':  # whose text lacks the bytes that are not UTF-8
                assert long_spans(ms, str(text), most) == []
        plain = ms.generatestring(60, 0.5, seed=2, n=2)
        copies += any(long_spans(ms, text, most) for text in plain)
    assert copies >= 2, 'the rule had something to do'
