"""Lines of the journal: each has its row number, and a changed line is detected."""

import json
from pathlib import Path

import pytest
from disk import Disk, watching

from charrnn import WorkspaceError
from charrnn.storage import journal as journals
from charrnn.storage.journal import Journal, append_rows

ROWS = {n: {'kind': 'report', 'n': n, 'sample': 'a "crc": é\x00\udcff\n'} for n in range(4)}


def read_journal(path: Path, *, bare: bool) -> Journal:
    return journals.read_journal(path, lambda row: isinstance(row.get('kind'), str), bare=bare)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'history.jsonl'
    append_rows(path, {0: ROWS[0], 1: ROWS[1]})
    append_rows(path, {2: ROWS[2], 3: ROWS[3]})
    return path


def test_rows_come_back_and_each_line_is_json(file: Path) -> None:
    journal = read_journal(file, bare=False)
    assert journal.rows == ROWS and not journal.damaged and not journal.trouble(4)
    assert [json.loads(line)['row'] for line in file.read_text().splitlines()] == [0, 1, 2, 3]


@pytest.mark.parametrize('bare', [False, True])
@pytest.mark.parametrize('mask', [0x01, 0x20, 0x80])
def test_any_flipped_byte_is_noticed_and_moves_no_other_row(file: Path, mask: int, bare: bool) -> None:
    content = file.read_bytes()
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :])
        journal = read_journal(file, bare=bare)
        assert journal.trouble(4), place
        assert len(journal.rows) >= 2 and all(ROWS[n] == row for n, row in journal.rows.items())


def test_a_byte_that_becomes_a_line_break_is_noticed(file: Path) -> None:
    content = file.read_bytes()
    for place in range(len(content) - 1):
        file.write_bytes(content[:place] + b'\n' + content[place + 1 :])
        assert content[place] == 10 or 'was changed or cut off' in read_journal(file, bare=False).trouble(4)


def test_every_truncation_is_noticed_and_the_next_append_mends_the_end(file: Path) -> None:
    content = file.read_bytes()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        # A missing last line break loses no row.
        before = read_journal(file, bare=False)
        assert bool(before.trouble(4)) == (size < len(content) - 1), size
        append_rows(file, {4: ROWS[0]})
        after = read_journal(file, bare=False)
        assert after.rows.items() >= {4: ROWS[0]}.items() and not after.damaged, 'the line that was cut off is removed'
        assert {n: row for n, row in after.rows.items() if n < 4} == before.rows, 'and no other line is'


def test_lines_without_numbers_are_those_of_format_1(tmp_path: Path) -> None:
    path = tmp_path / 'history.jsonl'
    path.write_text('{"kind": "a"}\n{"kind": "b\n{"kind": "c"}\n')
    assert read_journal(path, bare=True).rows == {0: {'kind': 'a'}, 2: {'kind': 'c'}}
    assert read_journal(path, bare=False).damaged == [1, 2, 3]
    append_rows(path, {3: ROWS[3]})
    with path.open('a') as file:
        file.write('{"kind": "d"}\n')
    journal = read_journal(path, bare=True)
    assert list(journal.rows) == [0, 2, 3] and journal.damaged == [2, 5], 'after the first CRC every line has one'


def test_a_trouble_is_named_in_few_words(tmp_path: Path) -> None:
    path = tmp_path / 'history.jsonl'
    assert read_journal(path, bare=False).trouble(0) == ''
    assert read_journal(path, bare=False).trouble(2) == 'row 0, 1 of 2 is missing'
    assert read_journal(path, bare=False).trouble(10**15).startswith('row 0, 1, 2 (and 999999999999997 more) of')
    path.write_text('x\n' * 5)
    assert read_journal(path, bare=False).trouble(0).startswith('line 1, 2, 3 (and 2 more) was changed')
    with pytest.raises(WorkspaceError, match='is not a plain file'):
        read_journal(tmp_path, bare=False)


def test_a_row_that_makes_no_sense_counts_as_damaged(file: Path) -> None:
    found = journals.read_journal(file, lambda row: row['n'] != 1, bare=False)
    assert list(found.rows) == [0, 2, 3] and found.damaged == [2]


def test_a_write_that_fails_leaves_the_file_as_it_was(file: Path) -> None:
    before = file.read_bytes()
    disk = Disk(file.parent)

    def full(number: int, name: str, path: str) -> None:
        if name == 'write':
            raise OSError(28, 'No space left on device')

    disk.before = full
    with watching(disk), pytest.raises(WorkspaceError, match=r'history\.jsonl.*No space left .* bytes needed'):
        append_rows(file, {4: ROWS[0]})
    assert file.read_bytes() == before


def test_a_line_that_is_being_appended_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process sees an append page by page: the first read ends within the last line."""
    path, read = tmp_path / 'history.jsonl', Path.read_bytes
    append_rows(path, {0: ROWS[0], 1: ROWS[0]})
    pieces = [read(path)[:-20]]
    monkeypatch.setattr(Path, 'read_bytes', lambda file: pieces.pop() if pieces else read(file))
    journal = read_journal(path, bare=False)
    assert list(journal.rows) == [0, 1] and not journal.damaged and not pieces
