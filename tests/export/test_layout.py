"""The page in a headless Chromium: strangers' texts, the policy, the layout, the keyboard."""

from __future__ import annotations

import pytest
from conftest import MakeRun
from export.browser import Browser, done, open_page, set_to, text_of
from export.test_page import HOSTILE

from charrnn import ModelState


def test_a_strangers_vocabulary_does_nothing(make_run: MakeRun, browser: Browser) -> None:
    ms = make_run(text=HOSTILE * 10, layers=1, seq_len=8)
    open_page(ms, browser, prime=HOSTILE, name=HOSTILE, licence=HOSTILE)
    assert browser.value('document.scripts.length') == 5
    assert browser.value("document.querySelectorAll('img, iframe, object').length") == 0
    shown = done(browser)
    assert shown.replace('␀', '\0').replace('␛', '\x1b').replace('␍', '\r') == HOSTILE
    assert browser.value('cells.map(cell => cell.symbols[0])') == ms.chars.encode(HOSTILE).tolist()
    set_to(browser, temp='2', length='200')
    browser.click('#write')
    assert len(done(browser)) >= len(HOSTILE) + 200
    assert '\0' not in text_of(browser)
    browser.click('#text')
    browser.press('Backspace')
    done(browser)


def test_nothing_leaves_the_page(run: ModelState, browser: Browser) -> None:
    open_page(run, browser, prime=None)
    tries = {
        'connect-src': "fetch('https://example.org/').catch(() => {})",
        'img-src': "new Image().src = 'https://example.org/a.png'",
        'form-action': "$('settings').action = 'https://example.org/'; $('settings').submit()",
    }
    for directive, script in tries.items():
        blocked = browser.value(
            f"""new Promise(end => {{
              const noted = event => end(event.effectiveDirective)
              document.addEventListener('securitypolicyviolation', noted, {{once: true}})
              {script}
            }})"""
        )
        assert blocked == directive
    for script in ("element('script').textContent = '1'", "document.body.innerHTML = 'x'", "setTimeout('1')"):
        assert browser.value(f'try {{ {script} }} catch (error) {{ error.name }}') in ('TypeError', 'EvalError')
    browser.events = [
        event for event in browser.events if 'example.org' not in str(event) and 'Log.' not in event['method']
    ]


@pytest.mark.parametrize('width', [360, 1280])
def test_the_page_fits_and_is_readable(trained: ModelState, browser: Browser, width: int) -> None:
    open_page(trained, browser, prime=None)
    grounds = set()
    for scheme in ('light', 'dark'):
        browser.show(width, 800, scheme)
        assert browser.value('document.documentElement.scrollWidth') == width, 'nothing stands out to the side'
        text, colours = browser.value(
            "[$('text'), $('colours')].map(e => (({width, height, x}, s) => [width, height, x, s.font, s.padding])"
            '(e.getBoundingClientRect(), getComputedStyle(e)))'
        )
        assert text == colours, 'each letter lies on its colour'
        grounds.add(browser.value('getComputedStyle(document.body).backgroundColor'))
        for name in ('s8', 'p4', 'n4'):
            assert contrast(browser, name) >= 4.5, (name, scheme)
        small = browser.value(
            "[...document.querySelectorAll('button, select, input')].filter(e => e.offsetParent && !e.closest('.next'))"
            ".filter(e => e.type !== 'checkbox' && e.type !== 'range' && e.getBoundingClientRect().height < 36).length"
        )
        assert small == 0, 'every control is large enough for a finger'
    assert len(grounds) == 2


def contrast(browser: Browser, name: str) -> float:
    """Return the contrast (WCAG 2) of the text on a colour over the sheet."""
    ink, over, sheet = browser.value(
        f"(() => {{ const s = document.createElement('span'); s.className = {name!r}; colours.append(s); "
        'const found = [getComputedStyle(area).color, getComputedStyle(s).backgroundColor, '
        "getComputedStyle($('sheet')).backgroundColor]; s.remove(); return found })()"
    )
    numbers = [[float(part) for part in text[text.index('(') + 1 : -1].split(',')] for text in (ink, over, sheet)]
    *colour, alpha = numbers[1]
    mixed = [alpha * a + (1 - alpha) * b for a, b in zip(colour, numbers[2], strict=True)]

    def luminance(rgb: list[float]) -> float:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(numbers[0]), luminance(mixed)))
    return (high + 0.05) / (low + 0.05)


def test_everything_is_reached_by_the_keyboard(trained: ModelState, browser: Browser) -> None:
    open_page(trained, browser, prime='the cat')
    reached: list[str] = []
    for _ in range(60):
        browser.press('Tab')
        name = browser.value(
            "document.activeElement.id || document.activeElement.closest('.next, .rows')?.className || ''"
        )
        if name == '' or name in reached[:1]:
            break
        reached.append(name)
    wanted = ['text', 'write', 'fork', 'clear', 'temp', 'topk', 'length', 'until', 'next', 'layer', 'unit', 'sort']
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    assert {'by-unit', 'strip'} <= set(reached)
