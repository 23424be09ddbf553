"""A table has one source: its text and its HTML show the same cells, escaped, and its rows are aligned."""

import copy
import pickle
from html.parser import HTMLParser
from typing import Any

import pytest

from charrnn.display.tables import CheckpointRow, CheckpointTable, Column, Several, Table


def test_checkpoints_print_as_a_table() -> None:
    rows = [
        CheckpointRow(1, 0, 0.0, None, '2026-01-02T03:04:05Z', False),
        CheckpointRow(2, 1, 1.0, 1.5, '2026-01-02T03:05:06Z', True),
    ]
    assert repr(CheckpointTable(rows)) == (
        'no.  round  epoch  valid nats  written (UTC)\n'
        '  1      0   0.00           -  2026-01-02T03:04:05\n'
        '  2      1   1.00      1.5000  2026-01-02T03:05:06  best'
    )


HOSTILE = '<b>&\x1b[31m\n\tx\u202e"'
COLUMNS = [Column('name'), Column('nats', '.3f', '>'), Column('symbols', ',', '>')]
ROWS = [(HOSTILE, 1.5, 1000), ('short', None, 7), ('', -12.25, 1_234_567)]


class Cells(HTMLParser):
    """The rows of an HTML table, unescaped; every other element is counted."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == 'tr':
            self.rows.append([])
        elif tag in ('td', 'th'):
            self.rows[-1].append('')

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_text_and_html_show_the_same_harmless_cells() -> None:
    table = Table(COLUMNS, ROWS)
    lines = str(table).split('\n')
    assert len(lines) == 4 and len({len(line) for line in lines}) == 1, 'rows are lines of one width'
    assert lines[1].startswith('<b>&\\x1b[31m  x\\u202e"  ')
    ends = [tuple(line.rindex(word) + len(word) for word in line.split()[-2:]) for line in lines]
    assert len(set(ends)) == 1, 'numbers end below each other'
    page = table.html()
    assert '\x1b' not in page and '\u202e' not in page and '<b>' not in page and '&lt;b&gt;&amp;' in page
    found = Cells(page)
    assert found.tags == {'table', 'tr', 'td', 'th'}
    assert [' '.join(row).split() for row in found.rows] == [line.split() for line in lines]


def test_texts_around_the_rows_are_escaped_too() -> None:
    table = Table(COLUMNS, ROWS[:1], [HOSTILE], before=HOSTILE, after=HOSTILE)
    text, page = str(table), table.html()
    for shown in (text, page):
        assert '\x1b' not in shown and '\u202e' not in shown and shown.count('\\x1b[31m') == 4
    assert '<b>' not in page and page.count('&lt;b&gt;') == 4
    assert text.split('\n')[4:6] == ['  │ <b>&\\x1b[31m', '  │ \tx\\u202e"'], 'the text below a row keeps its lines'


def test_an_empty_table() -> None:
    assert str(Table((), ())) == '' and Table((), ()).html() == '<table></table>'
    assert str(Table(COLUMNS, ())) == 'name  nats  symbols'
    assert Cells(Table(COLUMNS, ()).html()).rows == [['name', 'nats', 'symbols']]
    assert str(Table([Column(''), Column('')], [(1, None)])) == '1  -', 'no line of heads without a head'
    assert repr(CheckpointTable()) == 'no checkpoints yet.  Next: ms.newcheckpoint()'
    assert 'no checkpoints yet' in CheckpointTable()._repr_html_()
    with pytest.raises(ValueError, match='zip'):
        str(Table(COLUMNS, [(1, 2)]))


class Names(Several, list[str]):
    """Several texts."""


def test_an_attribute_of_one_that_is_asked_of_several_is_told() -> None:
    names: Any = Names(['Jo', 'Ana'])
    with pytest.raises(AttributeError) as caught:
        _ = names.upper
    assert str(caught.value) == 'these are texts, and each has its own .upper.  Next: [text.upper for text in texts]'
    assert eval(str(caught.value).split('Next: ')[1], {'texts': names})[0]() == 'JO'
    for several, name in ((names, 'uper'), (Names(), 'upper'), (names, '_private')):
        with pytest.raises(AttributeError, match=f"'Names' object has no attribute '{name}'"):
            getattr(several, name)
    assert copy.copy(names) == pickle.loads(pickle.dumps(list(names))) == names
