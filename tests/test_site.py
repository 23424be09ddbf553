"""The site: `tools/site` builds it without a warning, every link leads somewhere, and nothing comes from a server."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pages
import pictures
import pytest

import charrnn
from charrnn import ModelState

ROOT = Path(charrnn.__file__).parents[1]
LOADING = {'img': 'src', 'script': 'src', 'link': 'href', 'iframe': 'src', 'source': 'srcset', 'video': 'src'}
"""The attribute by which an element loads a file, with the page."""


class Page(HTMLParser):
    """The links, the files that are loaded and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {name for name in (given.get('id'), given.get('name')) if name}
        if tag == 'a' and given.get('href'):
            self.links.append(str(given['href']))
        if given.get(LOADING.get(tag, '')):
            self.loaded.append(str(given[LOADING[tag]]))


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site that tools/site has built."""
    if find_spec('mkdocs') is None or find_spec('material') is None:
        pytest.skip("there is no mkdocs-material to build the site: pip install -c constraints.txt '.[docs]'")
    folder = tmp_path_factory.mktemp('site')
    environment = {**os.environ, 'PYTHON': sys.executable, 'http_proxy': 'http://127.0.0.1:9'}
    done = subprocess.run(
        [ROOT / 'tools' / 'site', folder], cwd=folder, env=environment, text=True, capture_output=True
    )  # another folder than the checkout, and a way to the network that leads nowhere
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f'tools/site: built {folder}/index.html'], 'no warning'
    return folder


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    found = {path: Page(path) for path in site.rglob('*.html') if path.name != '404.html'}
    assert len(found) > 25
    wrong = defaultdict(list)
    for path, page in found.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = found[there].anchors if there in found else set()
            if not there.is_file() or (parts.fragment and there in found and unquote(parts.fragment) not in anchors):
                wrong[str(path.relative_to(site))].append(link)
    assert not wrong, dict(wrong)


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    elsewhere = {
        (path.name, file)
        for path in site.rglob('*.html')
        for file in Page(path).loaded
        if urlsplit(file).scheme or urlsplit(file).netloc
    }
    for path in site.rglob('*.css'):
        text = path.read_text(encoding='utf-8')
        elsewhere |= {(path.name, url) for url in re.findall(r'(?:@import|url\()\s*["\']?(?:https?:)?//[^)]*', text)}
    assert not elsewhere


def test_the_reference_has_every_public_name(site: Path) -> None:
    anchors = {name for path in (site / 'reference').glob('*.html') for name in Page(path).anchors}
    names = {name.lower() for name in charrnn.__all__ if name != '__version__'}
    verbs = {name.lower() for name in vars(ModelState) if not name.startswith('_')}
    assert (names | verbs) - {anchor.split('_1')[0] for anchor in anchors} == set()


def test_the_examples_of_the_generator() -> None:
    found = doctest.testmod(pages)
    assert found.attempted > 3 and not found.failed


def test_no_docstring_is_lost_in_the_reference() -> None:
    """Compare words: each word of a docstring stands in the page that is made of it."""
    for name, page in (('trainmodel', pages.modelstate_page()), ('score', pages.modelstate_page())):
        plain = re.sub(r'[\\`|*]', '', page.replace('&lt;', '<'))
        words = re.findall(r'\w+', inspect.getdoc(getattr(ModelState, name)) or '')
        assert words and set(words) <= set(re.findall(r'\w+', plain))


def test_the_pictures_are_those_of_their_script(tmp_path: Path) -> None:
    """To change one, change tools/pictures.py and run it."""
    pictures.main(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in pictures.FOLDER.iterdir()}
    assert made == kept
