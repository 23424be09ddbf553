"""Seeing a run: its table, its picture, its temperatures, its neurons; and changing its settings."""

from __future__ import annotations

import builtins
import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from conftest import MakeRun, moment, train

from charrnn import HyperParamsError, ModelState, PlotError, SamplingError, TrainingError, plot, temperatures
from charrnn.display.plots import Curves, draw
from charrnn.evaluation.cost import score_indices


@pytest.fixture
def run(make_run: MakeRun) -> ModelState:
    ms = make_run()
    for _ in range(3):
        train(ms, 6, print_every=3, valid_len=0)
    return ms


def test_columns_line_up_with_rows(run: ModelState) -> None:
    history = run.history
    assert history['kind'] == ['start', *['report', 'report', 'round'] * 3]
    assert history['epoch'][-1] == run.epoch and history['valid_nats'][1] is None
    assert history['bits_per_char'][-1] == history['valid_nats'][-1] / math.log(2)
    assert all(len(history[name]) == len(history) for name in history.columns)
    with pytest.raises(KeyError, match="no column 'loss'; there are kind, round"):
        history['loss']
    as_numbers = np.array(history['valid_nats'], float)  # what matplotlib does with it
    assert np.isnan(as_numbers).tolist() == [value is None for value in history['valid_nats']]


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_bits_go_by_the_name_of_their_unit(make_run: MakeRun, level: str) -> None:
    ms, rows = make_run(level=level), []
    ms.attach(onreport=rows.append)
    train(ms, 2, valid_len=0)
    ms.detach('onreport')
    ms.newcheckpoint()
    assert rows == [ms.history[-1]]
    bits = f'bits_per_{level}'
    assert [name for name in ms.history.columns if name.startswith('bits')] == [bits]
    assert [row[bits] for row in ms.history] == ms.history[bits], 'what a data frame takes'
    assert ms.history[f'{level}s_per_second'][-1] == pytest.approx(2 * 3 * 8 / ms.history['seconds'][-1])
    if level != 'word':  # what words cannot spell is paid for in the evaluation alone
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


def test_a_picture_shows_what_the_history_holds(run: ModelState) -> None:
    axes = run.plot()
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    scored = [(row['epoch'], row['valid_nats']) for row in run.history if row.get('valid_nats') is not None]
    assert lines['run valid'] == [list(point) for point in scored]
    assert len(lines['run train']) == 6, 'reports; the mean of their round would be drawn twice'
    ladder = run.evaluate().ladder
    assert {name for text in axes.texts for name in text.get_text().split(', ')} == set(ladder)
    assert {line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1} >= set(ladder.values())
    rates = axes.figure.axes[1].lines[0].get_ydata()
    assert list(rates) == run.history['learnrate']
    assert axes.get_ylim()[0] < min(ladder.values()) and axes.get_ylim()[1] > run.history['valid_nats'][0]
    (circles,) = axes.collections
    assert len(circles.get_offsets()) == 4, 'one for each checkpoint'
    seconds = plot(run, over='seconds')
    assert seconds.get_xlabel() == 'seconds' and not seconds.collections


def test_after_a_restore_no_circle_stands_beside_the_curve(run: ModelState) -> None:
    run.restore(run.checkpoints()[-2].number)
    axes = run.plot()
    scored = [(row['epoch'], row['valid_nats']) for row in run.history if row.get('valid_nats') is not None]
    drawn = {tuple(point) for circles in axes.collections for point in circles.get_offsets().tolist()}
    assert drawn and drawn <= set(scored) and len(drawn) == len(run.checkpoints()) - 1


def test_losses_that_explode_and_recover_do_not_press_the_rest_flat(run: ModelState) -> None:
    report = {**run.history[1], 'train_nats': 2000.0}
    curves = Curves('run', [run.history[0], report, *run.history[1:]], 'char', {'uniform': 3.0}, [])
    low, high = draw([curves]).get_ylim()
    assert low > 0 and high < 4
    unmeasured = replace(curves, rows=[report, *run.history[2:3]], ladder={})
    assert draw([unmeasured]).get_ylim()[1] > 2000, 'nothing says what is too high'


def test_several_runs_in_one_picture(run: ModelState, make_run: MakeRun) -> None:
    other = make_run('other')
    train(other, 3)
    labels = [line.get_label() for line in plot(run, other).lines]
    assert {'run train', 'run valid', 'other train', 'other valid'} <= set(labels)


def test_a_second_picture_in_the_same_axes_hides_nothing_of_the_first(run: ModelState) -> None:
    axes = draw([Curves('high', [{**run.history[3], 'valid_nats': 9.0}], 'char', {}, [])])
    low, high = run.plot(ax=axes).get_ylim()
    assert high > 9.0 and low < run.history['valid_nats'][-1]


def test_a_picture_that_cannot_be_drawn_says_why(
    run: ModelState, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlotError, match="over='rounds' is unknown"):
        run.plot(over='rounds')
    with pytest.raises(PlotError, match=r'per char and per word are not on one scale.\n  Next: compare'):
        plot(run, make_run('words', level='word'))
    with pytest.raises(PlotError, match='there is nothing to draw yet.\n  Next: ms.trainmodel'):
        draw([Curves('without a history', [], 'char', {'unigram': 3.0}, [])])
    with pytest.raises(TrainingError, match='is no ModelState'):
        plot([run])  # type: ignore[arg-type]
    with pytest.raises(PlotError, match=r'at least one ModelState'):
        plot()
    real = builtins.__import__

    def without(name: str, *given: Any, **more: Any) -> Any:
        if name.startswith('matplotlib'):
            raise ImportError(name)
        return real(name, *given, **more)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(PlotError, match='not installed.\n  Next: pip install matplotlib'):
        run.plot()


def test_temperatures_side_by_side(run: ModelState) -> None:
    found = temperatures(run, 'the cat', numchars=60)
    assert [sample.temp for sample in found] == [0.1, 0.5, 1.0, 2.0]
    assert found[1].text == run.generatestring(60, 0.5, prime='the cat', seed=0)
    costs = [sample.bits_per_char for sample in found]
    assert costs[0] < costs[2] < costs[3], 'hotter texts surprise the model more'
    with torch.no_grad():
        ids = torch.from_numpy(run.chars.encode('the cat' + found[2].text).astype(np.int64))
        outputs, _ = run._run.learner.model(ids[None], run._run.learner.model.zero_carry(1))
        nats = torch.nn.functional.cross_entropy(run._run.learner.model.logits(outputs)[0, 6:-1], ids[7:])
    assert found[2].bits_per_char == pytest.approx(float(nats) / math.log(2), rel=1e-5)
    assert repr(found).startswith('temp  bits/char\n 0.1 ') and '  │ ' in repr(found)
    assert temperatures(run, 'the cat', np.array([0.1, 0.5]), numchars=60) == found[:2]
    for wrong in ((), 'hot', 3):
        with pytest.raises(SamplingError, match='no sequence of temperatures'):
            temperatures(run, 'the', wrong)


def test_words_too_are_measured_in_bits_per_character(make_run: MakeRun) -> None:
    ms = make_run(level='word')
    (sample,) = temperatures(ms, 'the cat', (1.0,), numchars=40)
    before, indices = (ms.chars.encode(text).tolist() for text in ('the cat', sample.text))
    nats = score_indices(ms._run.learner.model, before, indices).sum()
    assert sample.bits_per_char == pytest.approx(nats / math.log(2) / len(sample.text))
    assert sample.nats == pytest.approx(nats / len(indices))
    shown = repr(temperatures(ms, 'the cat', (1.0,), numchars=40)).splitlines()
    assert shown[0].split() == ['temp', 'bits/word', 'bits/char']
    assert shown[1].split() == ['1', f'{sample.nats / math.log(2):.3f}', f'{sample.bits_per_char:.3f}']


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTM', 'LSTMAttention'])
def test_neurons_are_the_hidden_states(make_run: MakeRun, modeltype: str) -> None:
    ms = make_run(modeltype=modeltype)
    train(ms, 2)
    tracked = ms.trackneurons('the cat sat')
    assert tracked.shape == (2, 6, 11) and tracked.dtype == np.float32
    for end in (1, 7, 11):
        ids = torch.from_numpy(ms.chars.encode('the cat sat'[:end]).astype(np.int64))
        with torch.no_grad():
            _, carry = ms._run.learner.model(ids[None], ms._run.learner.model.zero_carry(1))
        np.testing.assert_allclose(tracked[:, :, end - 1], carry['h'][:, 0].numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(SamplingError, match='the text is empty'):
        ms.trackneurons('')


def test_settings_change_between_rounds_and_are_part_of_the_moment(make_run: MakeRun) -> None:
    straight, ms = make_run('straight'), make_run()
    for each in (straight, ms):
        train(each, 4)
        new = each.sethyperparams(learnrate=0.002, dropout=0.25, seq_len=5, decay=0.5, regcost=1.0)
        assert new == each.hyper and (new.learnrate, new.seq_len, new.layers) == (0.002, 5, 2)
    assert ms.history[-1]['kind'] == 'change'
    assert ms.history[-1]['changed']['learnrate'] == [0.01, 0.002] and ms.position == 32
    train(straight, 6)
    train(ms, 2)
    ms = ModelState.load(ms.curdir, device='cpu')
    assert ms.hyper.seq_len == 5 and ms._run.learner.optimizer.param_groups[0]['alpha'] == 0.5
    train(ms, 4)
    assert moment(ms) == moment(straight) and ms.position == 32 + 6 * 5
    assert [row['learnrate'] for row in ms.history if row['kind'] == 'round'] == [0.01, 0.002, 0.002]
    ms.restore(2)
    assert ms.hyper.seq_len == 8 and ms.hyper.learnrate == 0.01, 'a moment has the settings that it had'


def test_windows_of_another_length_leave_every_lane_where_it_is(make_run: MakeRun) -> None:
    ms = make_run(modeltype='LSTMAttention')
    train(ms, 4)
    before = {name: t.clone() for name, t in ms.carry.items()} if ms.carry else {}
    ms.sethyperparams(seq_len=5)
    assert ms.hyper.memory == 8, 'the memory is as long as it was'
    ms._run.learner.lay_lanes(3)
    assert ms.carry and all(torch.equal(before[name], ms.carry[name]) for name in before)
    train(ms, 2)
    assert ModelState.load(ms.curdir, device='cpu').position == 32 + 10


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'layers': 3}, r'layers cannot change from 2 to 3: .*\n  Next: a new run: .*layers=3'),
        ({'optimizer': 'sgd'}, 'optimizer cannot change'),
        ({'lr': 1}, r'learnrate=... \(RMSProp step size'),
        ({'dropout': 1.5}, 'dropout=1.5 is not'),
        ({'seq_len': 10_000}, 'seq_len=10000, and the text has 630 training symbols'),
        ({'learnrate': 0.5, 'tied': True}, 'tied cannot change'),
    ],
)
def test_a_change_that_is_refused_changes_nothing(run: ModelState, given: dict[str, Any], said: str) -> None:
    before, rows = moment(run), len(run.history)
    with pytest.raises(HyperParamsError, match=said):
        run.sethyperparams(**given)
    assert moment(run) == before and len(run.history) == rows and run.hyper.learnrate == 0.01
    assert run.sethyperparams(learnrate=0.01) == run.hyper and len(run.history) == rows, 'nothing changed, nothing said'
