from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from conftest import MakeRun, train

from charrnn import ModelState
from charrnn.training.history import History, Row


def rows(history: History) -> list[int]:
    return [row['n'] for row in history]


def written(*numbers: int) -> dict[int, Row]:
    return {place: {'kind': 'report', 'n': n} for place, n in enumerate(numbers)}


def take(history: History) -> dict[int, dict[str, Any]]:
    """Return the rows that wait to be written, and mark them as written."""
    waiting = {number: dict(row) for number, row in history.waiting().items()}
    history.mark_written()
    return waiting


def test_rows_come_back_in_order_and_lost_ones_are_passed_over() -> None:
    history = History({5: {'kind': 'report', 'n': 2}, 0: {'kind': 'report', 'n': 0}, 1: {'kind': 'report', 'n': 1}})
    assert rows(history) == [0, 1, 2]
    assert history.length == 6
    assert history[-1]['n'] == 2 and [row['n'] for row in history[1:]] == [1, 2]
    assert history.column('n') == [0, 1, 2] and history.column('n', 'round') == []


def test_rows_after_the_restored_moment_are_superseded() -> None:
    history = History(written(0, 1, 2, 3))
    history.rewind(2)
    assert rows(history) == [0, 1]
    history.add({'kind': 'report', 'n': 4})
    new = take(history)
    assert [row['kind'] for row in new.values()] == ['resume', 'report'] and list(new) == [4, 5]
    everything = {**written(0, 1, 2, 3), **new}
    assert history.length == len(everything)
    assert rows(History(everything)) == rows(history) == [0, 1, 4]
    assert take(history) == {}


def test_going_back_to_a_superseded_moment_brings_its_rows_back() -> None:
    history = History(written(0, 1, 2, 3))
    history.rewind(1)
    history.add({'kind': 'report', 'n': 4})
    file = {**written(0, 1, 2, 3), **take(history)}
    history.rewind(4)
    assert rows(history) == [0, 1, 2, 3]
    history.add({'kind': 'report', 'n': 5})
    file |= take(history)
    assert rows(History(file)) == [0, 1, 2, 3, 5]


def test_rows_that_the_file_has_lost_keep_their_numbers() -> None:
    history = History(written(0, 1))
    history.rewind(4)
    history.add({'kind': 'report', 'n': 9})
    assert list(take(history)) == [4]


def test_reading_and_rewinding_write_nothing() -> None:
    history = History(written(0, 1, 2))
    history.rewind(3)
    assert take(history) == {}
    history.rewind(1)
    history.rewind(3)
    assert take(history) == {}


def test_numbers_that_json_lacks_become_null() -> None:
    history = History()
    history.add({'kind': 'report', 'loss': math.nan, 'norm': math.inf, 'fine': 1.5})
    assert take(history)[0] == {'kind': 'report', 'loss': None, 'norm': None, 'fine': 1.5}


def test_rows_that_could_not_be_written_wait_on() -> None:
    history = History(written(0))
    history.add({'kind': 'report', 'n': 1})
    first = history.waiting()
    history.add({'kind': 'report', 'n': 2})
    assert history.waiting()[1] == first[1] and len(history.waiting()) == 2
    assert history.length == 3


def test_thousands_of_resumes_are_read() -> None:
    file = written(0)
    for n in range(3000):
        file[len(file)] = {'kind': 'resume', 'keep': len(file) - 1}
        file[len(file)] = {'kind': 'report', 'n': n + 1}
    assert rows(History(file))[-1] == 3000


def test_only_validations_of_the_same_size_are_compared() -> None:
    history = History()
    for n, (nats, symbols) in enumerate([(4.0, 50), (2.0, 100), (1.0, 50), (1.5, 100)]):
        history.add({'kind': 'round', 'round': n, 'position': n, 'valid_nats': nats, 'valid_symbols': symbols})
    assert history.validations() == [(1, 2.0), (3, 1.5)]
    assert history.validated(3, 100) == 1.5
    assert history.validated(2, 100) is None and history.validated(3, 0) is None


def test_columns_line_up_with_rows(run: ModelState) -> None:
    history = run.history
    assert history['kind'] == ['start', *['report', 'report', 'round'] * 3]
    assert history['epoch'][-1] == run.epoch and history['valid_nats'][1] is None
    assert history['bits_per_char'][-1] == history['valid_nats'][-1] / math.log(2)
    assert all(len(history[name]) == len(history) for name in history.columns)
    with pytest.raises(KeyError, match="no column 'loss'; there are kind, round"):
        history['loss']
    as_numbers = np.array(history['valid_nats'], float)  # as matplotlib converts it
    assert np.isnan(as_numbers).tolist() == [value is None for value in history['valid_nats']]


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_the_column_of_bits_is_named_after_its_unit(make_run: MakeRun, level: str) -> None:
    ms, rows = make_run(level=level), list[Row]()
    ms.attach(onreport=rows.append)
    train(ms, 2, valid_len=0)
    ms.detach('onreport')
    ms.newcheckpoint()
    assert rows == [ms.history[-1]]
    bits = f'bits_per_{level}'
    assert [name for name in ms.history.columns if name.startswith('bits')] == [bits]
    assert [row[bits] for row in ms.history] == ms.history[bits], 'what a data frame takes'
    assert ms.history[f'{level}s_per_second'][-1] == pytest.approx(2 * 3 * 8 / ms.history['seconds'][-1])
    if level != 'word':  # the spelling of unknown words is counted in the evaluation alone
        assert ms.history[bits][-1] == pytest.approx(getattr(ms.evaluate(), bits), rel=1e-9)
    assert repr(ms.history).splitlines()[-2].split()[5] == f'{ms.history[bits][-1]:.4f}'
    assert list(ModelState.load(ms.curdir, device='cpu').history) == list(ms.history)


def test_a_data_frame_takes_it_as_it_is(run: ModelState) -> None:
    frame = pandas.DataFrame(run.history)
    assert set(frame.columns) <= set(run.history.columns) >= {'bits_per_char'}
    for name in ('valid_nats', 'bits_per_char', 'learnrate'):
        np.testing.assert_array_equal(frame[name].to_numpy(float), np.array(run.history[name], float))
    assert list(frame['kind']) == run.history['kind']


def test_the_table_at_the_prompt(run: ModelState) -> None:
    lines = repr(run.history).splitlines()
    assert lines[0].split() == ['kind', 'round', 'epoch', 'train', 'valid', 'bits', 'learnrate', 'gradient', 'chars/s']
    assert len(lines) == 12 and all(len(line) <= 80 for line in lines)
    assert lines[-2].split()[:2] == ['round', '3'] and lines[-1].startswith("ms.history['valid_nats'] is a column")
    for _ in range(6):
        train(run, 6, print_every=3)
    assert repr(run.history).splitlines()[0] == '… 8 earlier rows'
    assert '<th style="text-align: right">chars/s</th>' in run.history._repr_html_()


def test_csv_comes_back(run: ModelState, tmp_path: Path) -> None:
    run.history.to_csv(tmp_path / 'history.csv')
    with (tmp_path / 'history.csv').open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert [row['kind'] for row in rows] == run.history['kind']
    assert [float(row['valid_nats']) if row['valid_nats'] else None for row in rows] == run.history['valid_nats']
    assert [row['sample'] or None for row in rows] == run.history['sample'], 'line breaks and commas included'


def test_a_torn_last_line_costs_its_row_alone(run: ModelState) -> None:
    path = run.curdir / 'history.jsonl'
    kinds = run.history['kind']
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(UserWarning, match='row 9 of 10 is missing'):
        assert ModelState.load(run.curdir, device='cpu').history['kind'] == kinds[:-1]
