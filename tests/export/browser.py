"""A headless Chromium, driven by the Chrome DevTools protocol over two pipes, so that nothing has to be installed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import time
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from charrnn import ModelState

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome')
SECONDS = 20.0
"""The longest wait for an answer or a condition."""


def found_chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser of its own, without a profile that outlives it.

    Parameters
    ----------
    program : str     Chromium or Chrome
    profile : Path    an empty folder
    Attributes
    ----------
    events : list     the events of the protocol so far, in the order in which they came
    """

    def __init__(self, program: str, profile: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self._number, self._answers, self._bytes = 0, dict[int, dict[str, Any]](), b''
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        options = ['--headless=new', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--no-first-run',
                   '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update',
                   '--hide-scrollbars', f'--user-data-dir={profile}']  # fmt: skip
        # Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
        moves = [fcntl(end, F_DUPFD_CLOEXEC, 10) for end in (theirs_in, theirs_out)]
        actions = [
            *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)),
            *((os.POSIX_SPAWN_DUP2, end, place) for place, end in enumerate(moves, 3)),
        ]
        self._process = os.posix_spawn(program, [program, *options, 'about:blank'], os.environ, file_actions=actions)
        for end in (theirs_in, theirs_out, *moves):
            os.close(end)
        self._session = ''
        targets = self._until(lambda: [t for t in self.call('Target.getTargets')['targetInfos'] if t['type'] == 'page'])
        self._session = self.call('Target.attachToTarget', targetId=targets[0]['targetId'], flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(f'{domain}.enable')

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {'id': self._number, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._out, json.dumps(message).encode() + b'\0')
        end = time.monotonic() + SECONDS
        while self._number not in self._answers:
            self._receive(end)
        answer = self._answers.pop(self._number)
        assert 'error' not in answer, f'{method}: {answer}'
        result: dict[str, Any] = answer['result']
        return result

    def _receive(self, end: float) -> None:
        """Read what has come; wait for something until the time `end`."""
        ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
        assert ready, 'the browser does not answer'
        piece = os.read(self._in, 1 << 20)
        assert piece, 'the browser has ended'
        *messages, self._bytes = (self._bytes + piece).split(b'\0')
        for message in map(json.loads, messages):
            if 'id' in message:
                self._answers[message['id']] = message
            else:
                self.events.append(message)

    def _until(self, condition: Any) -> Any:
        end = time.monotonic() + SECONDS
        while not (found := condition()):
            assert time.monotonic() < end, 'the browser never came so far'
            time.sleep(0.01)
        return found

    # ---- a page -------------------------------------------------------------------------------------------------

    def open(self, page: Path, width: int = 1280, height: int = 900, scheme: str = 'light') -> None:
        """Open a page from the disk, and wait until it has been read."""
        self.show(width, height, scheme)
        self.call('Page.navigate', url=page.as_uri())
        self.wait("document.readyState === 'complete' && typeof cells === 'object' && scored === cells.length")

    def show(self, width: int, height: int, scheme: str = 'light') -> None:
        """Set the size of the window and the preferred colour scheme."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def value(self, script: str) -> Any:
        """Return the value of an expression in the page, as JSON; a promise is waited for."""
        found = self.call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in found, found['exceptionDetails']
        return found['result'].get('value')

    def wait(self, condition: str) -> Any:
        """Wait until an expression in the page is true, and return its value."""
        return self._until(lambda: self.value(condition))

    def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element."""
        x, y = self.value(
            f'(() => {{ const found = document.querySelector({json.dumps(selector)}); '
            'found.scrollIntoView({block: "center"}); const box = found.getBoundingClientRect(); '
            'return [box.x + box.width / 2, box.y + box.height / 2] })()'
        )
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call('Input.insertText', text=text)

    def press(self, key: str, control: bool = False) -> None:
        """Press a key, such as 'Enter'."""
        codes = {
            'Enter': 13,
            'Escape': 27,
            'Tab': 9,
            'ArrowDown': 40,
            'ArrowLeft': 37,
            'Backspace': 8,
            'Home': 36,
            ' ': 32,
        }
        text = {'Enter': '\r', ' ': ' '}.get(key, '')
        given: dict[str, Any] = {'key': key, 'code': key, 'windowsVirtualKeyCode': codes[key], 'modifiers': 2 * control}
        self.call('Input.dispatchKeyEvent', type='keyDown' if text else 'rawKeyDown', text=text, **given)
        self.call('Input.dispatchKeyEvent', type='keyUp', **given)

    def picture(self, path: Path, whole: bool = False) -> None:
        """Write what is visible, or the whole page, to a PNG file."""
        found = self.call(
            'Page.captureScreenshot', captureBeyondViewport=whole, **({'clip': self._clip()} if whole else {})
        )
        path.write_bytes(base64.b64decode(found['data']))

    def _clip(self) -> dict[str, Any]:
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        return {'x': 0, 'y': 0, 'width': size['width'], 'height': size['height'], 'scale': 1}

    @property
    def requests(self) -> list[str]:
        """The addresses that the page has asked for."""
        return [e['params']['request']['url'] for e in self.events if e['method'] == 'Network.requestWillBeSent']

    @property
    def troubles(self) -> list[str]:
        """The errors of scripts and the messages of the console."""
        kinds = ('Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded')
        return [json.dumps(event['params']) for event in self.events if event['method'] in kinds]


# ---- a page of a run ------------------------------------------------------------------------------------------------


def open_page(ms: ModelState, browser: Browser, prime: str | None = '', **given: Any) -> None:
    """Export a run and open its page."""
    path = Path(f'{ms.curdir}.html')
    ms.exporthtml(path, prime=prime, **given)
    browser.open(path)


def text_of(browser: Browser) -> str:
    """Return the text in the box, which has to be the text of the cells and of the colours below it."""
    text, cells, colours = browser.value(
        "[$('text').value, textOf(cells), $('colours').textContent.replace(/\\u200b$/, '')]"
    )
    assert text == cells == colours
    return str(text)


def done(browser: Browser) -> str:
    """Wait until nothing is read or drawn any more, and return the text."""
    browser.wait('scored === cells.length && !writers.length && !waiting')
    return text_of(browser)


def set_to(browser: Browser, **values: str) -> None:
    """Set controls, as their names say, to values."""
    for name, value in values.items():
        browser.value(
            f'$({name!r}).value = {value!r}; $({name!r}).dispatchEvent(new Event("input", {{bubbles: true}}))'
        )
