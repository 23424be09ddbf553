"""Pages of the site that are not files of docs/: mkdocs calls this module while `tools/site` builds.

reference/     the docstrings of all public names and of all verbs
repository/    Markdown files of the checkout outside of docs/ that the pages link to

A link of a page names a file of the checkout, so that it works where the repository is read. In the site, a link to
one of these pages leads to it; of a link to any other file outside of docs/, the words and the path remain.
"""

from __future__ import annotations

import inspect
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import charrnn
from charrnn.modelstate import PURPOSES, ModelState

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'benchmarks/RESULTS.md',
    'charrnn/models/engines/c/README.md',
)
"""The files outside of docs/ that are pages of the site."""
FENCED = re.compile(r'(^```.*?^```$)', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)')


# ---- links --------------------------------------------------------------------------------------------------


def place_of(path: str) -> str | None:
    """Return the place in the site of a file of the checkout; None if it is no page or picture there.

    >>> place_of('docs/guide/states.md'), place_of('SECURITY.md'), place_of('examples')
    ('guide/states.md', 'repository/SECURITY.md', None)
    """
    if path.startswith('docs/'):
        return path.removeprefix('docs/')
    return f'repository/{path}' if path in OUTSIDE else None


def relinked(text: str, place: str) -> str:
    """Return the Markdown of a page with the links that the site needs.

    Parameters
    ----------
    place : str    the place of the page in the site

    >>> relinked('[a](../examples) [b](../SECURITY.md#x) [c](format.md)', 'results.md')
    'a (`examples`) [b](repository/SECURITY.md#x) [c](format.md)'
    """
    path = place.removeprefix('repository/') if place.startswith('repository/') else f'docs/{place}'

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ''
        target = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120  a path as text
        there = place_of(target)
        if there is None:
            return f'`{target}`' if words.strip('`/') == target else f'{words} (`{target}`)'
        return f'[{words}]({os.path.relpath(there, os.path.dirname(place) or ".")}{anchor})'  # noqa: PTH120

    parts = FENCED.split(text)
    return ''.join(part if part.startswith('```') else LINK.sub(link, part) for part in parts)


# ---- docstrings ---------------------------------------------------------------------------------------------


def prose(text: str) -> str:
    """Return a paragraph of a docstring as Markdown: only backticks keep a meaning.

    >>> prose('U+FFFD or <unk>, ``a * b``')
    'U+FFFD or &lt;unk>, ``a * b``'
    """
    parts = re.split(r'(`+[^`]+`+)', text)
    return ''.join(part if part.startswith('`') else re.sub(r'([*_|\[])', r'\\\1', part.replace('<', '&lt;'))
                   for part in parts)  # fmt: skip


def table(lines: list[str]) -> Iterator[str]:
    """Yield a table of the entries below a heading such as Parameters.

    >>> print(*table(['n : int     texts', '            to draw', 'path']), sep='\\n')
    | name | type | meaning |
    |---|---|---|
    | `n` | int | texts to draw |
    | `path` |  |  |
    """
    yield '| name | type | meaning |'
    yield '|---|---|---|'
    for entry in re.split(r'\n(?=\S)', '\n'.join(lines)):
        head, *rest = entry.split('\n')
        found = re.match(r'(.+?) : (.+?)(?:  +(.*))?$', head) or re.match(r'(.+?)()(?:  +(.*))?$', head)
        assert found is not None
        meaning = ' '.join([found[3] or '', *map(str.strip, rest)]).strip()
        yield f'| `{found[1]}` | {prose(found[2])} | {prose(meaning)} |'


def paragraphs(docstring: str) -> Iterator[str]:
    """Yield the Markdown of a docstring, paragraph by paragraph."""
    for block in re.split(r'\n(?:[ \t]*\n)+', docstring.strip('\n')):
        lines = block.split('\n')
        rules = [i for i in range(1, len(lines)) if re.fullmatch('-{3,}', lines[i])]
        if rules:
            yield from sections(lines, rules)
        elif lines[0].startswith('>>>'):
            yield f'```python\n{block}\n```'
        elif any(re.search(r'\S  +\S', line) for line in lines[1:]) or block.startswith('  '):
            yield f'```text\n{textwrap.dedent(block)}\n```'
        else:
            yield prose(' '.join(lines))


def sections(lines: list[str], rules: list[int]) -> Iterator[str]:
    """Yield what stands before the first heading, and each heading with its table."""
    if rules[0] > 1:
        yield prose(' '.join(lines[: rules[0] - 1]))
    for start, end in zip(rules, [*[rule - 1 for rule in rules[1:]], len(lines)], strict=True):
        yield f'**{lines[start - 1]}**'
        yield '\n'.join(table(lines[start + 1 : end]))


def signature(name: str, value: Any) -> str:
    """Return a call with all arguments and their defaults, without types, in lines that fit."""
    try:
        found = inspect.signature(value)
    except ValueError:  # of a class that is made by the library alone
        return name
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()]
    text = str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    return '\n'.join(textwrap.wrap(f'{name}{text}', 80, subsequent_indent='    ', break_long_words=False))


def entry(title: str, call: str, value: Any, level: int = 2) -> str:
    """Return the Markdown of one name: a heading, the call, the docstring."""
    parts = [f'{"#" * level} {title}', f'```python\n{call}\n```' if call else '']
    return '\n\n'.join(filter(None, [*parts, *paragraphs(inspect.getdoc(value) or '')]))


def modelstate_page() -> str:
    """Return the page of ModelState: its verbs by purpose, and its properties."""
    parts = ['# ModelState', 'A recurrent language model in training, and all it needs to go on.']
    for purpose, names in PURPOSES.items():
        parts.append(f'## {purpose.capitalize()}')
        for name in names:
            verb = getattr(ModelState, name)
            call = f'ModelState.{name}' if inspect.ismethod(verb) else f'ms.{name}'
            parts.append(entry(name, re.sub(r'\(ms(, )?', '(', signature(call, verb), count=1), verb, 3))
    parts.append('## Values')
    values = {name: value for name, value in vars(ModelState).items() if isinstance(value, property)}
    parts += [entry(name, '', value.fget, 3) for name, value in sorted(values.items())]
    return '\n\n'.join(parts)


def reference() -> dict[str, str]:
    """Return the reference pages, by file name: every name of charrnn.__all__ is on one of them."""
    values = {name: getattr(charrnn, name) for name in charrnn.__all__ if name not in ('__version__', 'ModelState')}
    errors = [name for name, value in values.items() if inspect.isclass(value) and issubclass(value, Exception)]
    functions = [name for name, value in values.items() if inspect.isfunction(value)]
    rest = [name for name in values if name not in ('HyperParams', *errors, *functions)]
    headings = {
        'functions.md': ('Functions', 'The names beside ModelState that `from charrnn import *` gives.', functions),
        'values.md': ('Values', 'What the verbs return and take.', rest),
    }
    pages = {'modelstate.md': modelstate_page()}
    for file, (title, first, names) in headings.items():
        shown = (entry(name, signature(name, values[name]) if name in functions else '', values[name])
                 for name in names)  # fmt: skip
        pages[file] = '\n\n'.join([f'# {title}', first, *shown])
    pages['hyperparams.md'] = entry('HyperParams', '', charrnn.HyperParams, 1)
    listed = (entry(name, '', values[name]) for name in errors)
    pages['errors.md'] = '\n\n'.join(['# Errors', *paragraphs(inspect.getdoc(charrnn.errors) or ''), *listed])
    return pages


# ---- what mkdocs calls --------------------------------------------------------------------------------------


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of reference/ and repository/ to the files of docs/."""
    from mkdocs.structure.files import File

    for name, text in reference().items():
        files.append(File.generated(config, f'reference/{name}', content=text))
    for name in OUTSIDE:
        files.append(File.generated(config, f'repository/{name}', content=(ROOT / name).read_text(encoding='utf-8')))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return the text of a page with the links of the site."""
    return relinked(markdown, page.file.src_uri)
