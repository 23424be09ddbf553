"""The page in a headless Chromium: what is typed is scored, and the buttons do what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import MakeRun, train
from export.browser import Browser, done, open_page, set_to
from export.test_runtime import torch_logits

from charrnn import ModelState, generatestring


def costs_of(ms: ModelState, text: str) -> list[float]:
    logits = torch_logits(ms, text).double()
    ids = ms.chars.encode(text)[1:]
    return [float(logits[at].logsumexp(0) - logits[at, index]) for at, index in enumerate(ids.tolist())]


def test_what_is_typed_is_scored_as_it_is_typed(trained: ModelState, browser: Browser) -> None:
    open_page(trained, browser)
    browser.click('#text')
    text = ''
    for key in 'the mat, ':
        browser.type(key)
        text += key
        assert done(browser) == text
    for _ in range(3):
        browser.press('ArrowLeft')
    browser.type('n')
    browser.press('Backspace')
    browser.type('na')
    assert done(browser) == 'the manat, '
    found = browser.value('cells.map(cell => cell.nats)')
    assert found[0] is None
    assert np.abs(np.array(found[1:]) - costs_of(trained, 'the manat, ')).max() < 0.02
    bits = np.array(costs_of(trained, 'the manat, ')) / np.log(2)
    assert browser.value("$('cost').textContent").startswith(f'11 characters, {bits.mean():.2f} bits a character; ')
    levels = browser.value('spans.map(span => span.className).slice(1)')
    assert [abs(int(name[1:]) - min(8, int(b))) <= 1 for name, b in zip(levels, bits, strict=True)] == [True] * 10
    assert levels.count('s0') < 10 and any(int(name[1:]) > 3 for name in levels)
    browser.type('é')
    done(browser)
    assert browser.value("spans.filter(span => span.classList.contains('unknown')).length") == 1
    assert '1 not in its vocabulary' in browser.value("$('cost').textContent")


def test_the_bars_are_the_distribution_at_the_caret(trained: ModelState, browser: Browser) -> None:
    open_page(trained, browser, prime='the ca')
    browser.value("$('temp').value = 1; $('temp').dispatchEvent(new Event('input', {bubbles: true}))")
    logits = torch_logits(trained, 'the ca').double()
    names = 'bars.filter(bar => !bar.item.hidden).map(bar => [bar.name.textContent, bar.bar.style.width])'
    for place in (6, 3):  # at the end, and after 'the'
        browser.value(f'area.setSelectionRange({place}, {place})')
        logits[:, 0] = -np.inf  # the unknown symbol never comes
        chances = logits[place - 1].softmax(0)
        rows = browser.wait(f"$('next-note').textContent.includes({json.dumps('the ca'[:place])} + '”') && {names}")
        for name, width in rows:
            index = trained.chars.encode({'␣': ' ', '⏎': '\n'}.get(name, name))[0]
            assert float(width.removesuffix('%')) / 100 == pytest.approx(float(chances[index]), abs=0.01)
        widths = [float(width.removesuffix('%')) for _, width in rows]
        assert widths == sorted(widths, reverse=True) and len(rows) == min(10, int((chances > 5e-4).sum()))
    assert 'Here stands ␣, a surprise of ' in browser.value("$('next-note').textContent")
    browser.click('#next li:nth-child(1) button')
    chosen = browser.value('cells[3].text')
    assert done(browser) == f'the{chosen} ca' and browser.value('caret()') == 4


def test_the_buttons_do_what_they_say(trained: ModelState, browser: Browser) -> None:
    open_page(trained, browser)
    set_to(browser, temp='0', length='30')
    first = generatestring(trained, 30, temp=0)
    browser.click('#write')
    assert done(browser) == f'\n{first}', 'an empty box begins as generatestring does'
    browser.click('#undo')
    assert done(browser) == ''
    browser.click('#text')
    browser.type('cat')
    browser.click('#clear')
    assert done(browser) == ''
    browser.click('#undo')
    assert done(browser) == 'cat'
    browser.click('#clear')
    browser.click('#text')
    browser.type('the cat')
    browser.press('Enter', control=True)
    long = generatestring(trained, 60, temp=0, prime='the cat')
    assert done(browser) == f'the cat{long[:30]}'
    browser.click('#write')
    assert done(browser) == f'the cat{long}', 'it goes on from its state'

    set_to(browser, temp='1', topk='1', until=long[5:9])
    browser.value('show(vocabulary.cells("the cat"))')
    browser.click('#write')
    assert done(browser) == 'the cat' + long[: long.index(long[5:9])], (
        'top-k 1 is the likeliest, and the stop is no part'
    )

    set_to(browser, topk='', until='', length='5000')
    browser.click('#write')
    browser.wait('cells.length > 60')
    browser.press('Escape')
    size = browser.value('cells.length')
    assert done(browser) and browser.value('cells.length') == size < 5000
    assert browser.value("$('stop').disabled && $('status').textContent") == 'Stopped.'


def test_three_continuations_are_drawn_side_by_side_and_one_is_kept(trained: ModelState, browser: Browser) -> None:
    open_page(trained, browser, prime='the cat ')
    set_to(browser, temp='1.5', length='40')
    browser.click('#fork')
    done(browser)
    texts = browser.value("[...document.querySelectorAll('.fork pre')].map(pre => pre.textContent)")
    assert len(set(texts)) == 3 and {len(text) for text in texts} == {40}
    boxes = browser.value("[...document.querySelectorAll('.fork')].map(fork => fork.getBoundingClientRect().top)")
    assert len(set(boxes)) == 1, 'side by side'
    assert browser.value("document.querySelectorAll('.fork pre [class^=s]').length") == 120
    browser.type('x')
    browser.click('.fork:nth-child(2) button')
    assert done(browser) == f'the cat {texts[1]}'
    assert browser.value("$('forks').hidden")
    found = browser.value('cells.map(cell => cell.nats).slice(1)')
    assert np.abs(np.array(found) - costs_of(trained, f'the cat {texts[1]}')).max() < 0.02


def test_a_unit_colours_the_text(trained: ModelState, browser: Browser) -> None:
    text = 'the cat sat on a mat'
    open_page(trained, browser, prime=text)
    browser.value("$('strip').scrollIntoView({block: 'center'})")
    x, y = browser.value("(box => [box.x + 20, box.y + 7 * 3 + 3])($('strip').getBoundingClientRect())")
    for kind in ('mousePressed', 'mouseReleased'):
        browser.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)
    number = browser.value('unit.order[3]')
    states = trained.trackneurons(text, layer=1)
    for _ in range(2):
        assert browser.value("[unit.number, Number($('unit').value), $('by-unit').checked]") == [number, number, True]
        names = browser.value('spans.map(span => span.className)')
        levels = [int(name[1:]) * (1 if name[0] == 'p' else -1) if name else 0 for name in names]
        assert np.abs(np.array(levels) / 4 - states[number]).max() < 0.14
        browser.press('ArrowDown')  # the strip has the focus
        number = browser.value('unit.order[4]')
    set_to(browser, unit='3')
    assert browser.value('unit.number') == 3
    browser.click('#by-unit')
    assert browser.value('spans[1].className')[0] == 's', 'the colours of surprise are back'
    row = browser.value("Array.from($('strip').getContext('2d').getImageData(0, 0, 20, 16).data)")
    alpha = np.array(row).reshape(16, 20, 4)[browser.value('unit.order.indexOf(3)'), :, 3] / 255
    assert np.abs(alpha - np.abs(states[3])).max() < 0.01


def test_bytes_are_written_as_whole_characters(make_run: MakeRun, browser: Browser) -> None:
    ms = make_run(text='é語 ran\n' * 300, level='byte', layers=1, state_size=16, seq_len=20, learnrate=0.04)
    train(ms, 60)
    open_page(ms, browser, prime='é')
    set_to(browser, temp='0', length='60')
    browser.click('#write')
    written = done(browser)
    assert '語' in written and written == 'é' + str(generatestring(ms, 60, temp=0, prime='é')).removesuffix('\ufffd')
    assert browser.value('cells.map(cell => cell.symbols).flat()')[: len(written.encode())] == list(written.encode())
    browser.press('Tab')
    browser.click('#text')
    browser.type('語')
    assert '語' in done(browser)
