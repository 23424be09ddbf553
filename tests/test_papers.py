"""Law 16: everything cited in the tree is defined in the tree, and every file that the papers name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'charrnn'
PAPERS = [*sorted((ROOT / 'docs').rglob('*.md')), *sorted(ROOT.glob('*.md')), ROOT / 'workspaces' / 'README.md']
PLACES = (PACKAGE, ROOT, ROOT / 'tests' / 'golden' / 'format2' / 'word')
"""The folders that a path in backticks may start from: the package, the checkout, a run."""

NUMBERED = re.compile(r'\b(law|rule)s?\s+(\d+(?:(?:,\s*|\s*[-–]\s*|\s+(?:and|or|to)\s+)\d+)*)', re.IGNORECASE)
PROMISE = re.compile(r'\bP\d+\b')
DEFINED = re.compile(r'^(?:\| |- )\*\*((?:Law|Rule) \d+|P\d+)\*\*', re.MULTILINE)
LINK = re.compile(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)')
NAMED = re.compile(r'`([\w.-]+(?:/[\w.-]+)*(?:\.(?:py|c|h|md|cff|toml|cfg)|/))`')
FOLDER = re.compile(r'^\| `([\w/]+)/` \|[^|]*\| ((?:`\w+` ?)+)\|$', re.MULTILINE)


def cited(text: str) -> Iterator[str]:
    """Yield each 'Law 5', 'Rule 9' and 'P12' of a text; of a range, every number."""
    for found in NUMBERED.finditer(text):
        numbers = re.sub(r'(\d+)(?:\s*[-–]\s*|\s+to\s+)(\d+)', _spelled_out, found[2])
        yield from (f'{found[1].capitalize()} {number}' for number in re.findall(r'\d+', numbers))
    yield from PROMISE.findall(text)


def _spelled_out(found: re.Match[str]) -> str:
    """Return every number of a range, separated by commas."""
    return ', '.join(map(str, range(int(found[1]), int(found[2]) + 1)))


def definitions() -> list[str]:
    """Return every law, promise and rule that the two pages define."""
    texts = ((ROOT / 'docs' / name).read_text(encoding='utf-8') for name in ('promises.md', 'architecture.md'))
    return [name for text in texts for name in DEFINED.findall(text)]


def sources() -> Iterator[Path]:
    """Yield the files in which a citation may stand."""
    yield from (*ROOT.glob('*.md'), ROOT / 'setup.cfg', ROOT / 'pyproject.toml')
    for folder in ('charrnn', 'tests', 'docs', 'benchmarks', 'examples', 'tools', 'workspaces'):
        suffixes = ('.py', '.md', '.c', '.h') if folder != 'workspaces' else ('README.md',)
        yield from (path for path in (ROOT / folder).rglob('*') if path.name.endswith(suffixes) and path.is_file())


def is_there(name: str) -> bool:
    """Return True if a name in backticks is a file, or with a slash at its end a folder, below one of PLACES."""
    return any((place / name).is_dir() if name.endswith('/') else (place / name).is_file() for place in PLACES)


def missing_names(paper: Path) -> list[str]:
    """Return the links and the names in backticks of a paper that lead nowhere."""
    text = paper.read_text(encoding='utf-8')
    broken = [name for name in LINK.findall(text) if not (paper.parent / name).exists()]
    return broken + [name for name in NAMED.findall(text) if not is_there(name)]


def test_everything_cited_is_defined_once() -> None:
    defined = definitions()
    assert not [name for name in defined if defined.count(name) > 1]
    wrong = {
        f'{path.relative_to(ROOT)}: {name}'
        for path in sources()
        for name in set(cited(path.read_text(encoding='utf-8'))) - set(defined)
    }
    assert not wrong, sorted(wrong)


def test_every_law_and_promise_names_its_tests() -> None:
    text = (ROOT / 'docs' / 'promises.md').read_text(encoding='utf-8')
    rows = {found[1]: line for line in text.splitlines() if (found := DEFINED.match(line))}
    assert [f'P{number}' for number in range(1, 25)] == [name for name in rows if name.startswith('P')]
    assert not [name for name, row in rows.items() if not re.search(r'`tests/\S+\.py`', row)]


def test_every_file_that_the_papers_name_exists() -> None:
    missing = {f'{paper.relative_to(ROOT)}: {name}' for paper in PAPERS for name in missing_names(paper)}
    assert not missing, '\n'.join(sorted(missing))


def test_the_table_of_folders_is_the_tree() -> None:
    """Compare both ways: a file that is moved or added has to be so in the table of docs/architecture.md, too."""
    text = (ROOT / 'docs' / 'architecture.md').read_text(encoding='utf-8')
    named = {
        (f'{folder}/' if folder != 'charrnn' else '') + f'{name}.py'
        for folder, names in FOLDER.findall(text)
        for name in re.findall(r'\w+', names)
    }
    there = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob('*.py') if not path.name.startswith('__')}
    assert named, 'no row of the table is read'
    wrong = [f'{name} is not there' for name in named - there] + [f'{name} is not named' for name in there - named]
    assert not wrong, '\n'.join(sorted(wrong))


@pytest.mark.parametrize(
    ('text', 'names'),
    [
        ('LAW 5: a test.', ['Law 5']),
        ('see laws 1 to 3, and rule\n9', ['Law 1', 'Law 2', 'Law 3', 'Rule 9']),
        ('rules 1–2, 4 and 6', ['Rule 1', 'Rule 2', 'Rule 4', 'Rule 6']),
        ('P6, P7: a flipped byte of UTF8 and P2P', ['P6', 'P7']),
        ('lawful rulers of 5', []),
    ],
)
def test_what_counts_as_a_citation(text: str, names: list[str]) -> None:
    assert list(cited(text)) == names


def test_a_name_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    paper = tmp_path / 'paper.md'
    paper.write_text(
        '[a](paper.md) [b](gone.md#part) [c](https://x.org) `errors.py` `storage/lost.py` `dataset/` `lo/`'
    )
    assert missing_names(paper) == ['gone.md', 'storage/lost.py', 'lo/']
