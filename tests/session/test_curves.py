"""Pictures of the loss show exactly the rows of the history, the ladder and the checkpoints."""

from __future__ import annotations

import builtins
import sys
from dataclasses import replace
from typing import Any

import pytest
from conftest import MakeRun, train

from charrnn import ModelState, PlotError, TrainingError, plot
from charrnn.display.plots import Curves, draw


def test_a_picture_shows_what_the_history_holds(run: ModelState) -> None:
    axes = run.plot()
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    scored = [(row['epoch'], row['valid_nats']) for row in run.history if row.get('valid_nats') is not None]
    assert lines['run valid'] == [list(point) for point in scored]
    assert len(lines['run train']) == 6, 'reports; the mean of their round would be drawn twice'
    ladder = run.evaluate().ladder
    assert {name for text in axes.texts for name in text.get_text().split(', ')} == set(ladder)
    assert {line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1} >= set(ladder.values())
    level = {line.get_ydata()[0]: line.get_linestyle() for line in axes.lines if len(set(line.get_ydata())) == 1}
    assert {rung for rung, nats in ladder.items() if level[nats] == '--'} == {'xz', 'PPMd'}, 'adaptive'
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert 'static baseline' in legend and 'adaptive baseline (learns while it reads)' in legend
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


def test_runs_on_different_texts_are_refused(run: ModelState, make_run: MakeRun) -> None:
    other = make_run('other', text='another text of the same letters ' * 20)
    train(other, 2)
    with pytest.raises(PlotError, match=r'do not validate on the same text.*\n  Next: ms.plot\(\) for each'):
        plot(run, other)
    shorter = make_run('shorter', trainfrac=0.95)
    train(shorter, 2)
    plot(run, shorter)  # the end of one text


def test_the_learning_rate_is_in_the_legend_and_no_label_stands_on_a_curve(run: ModelState) -> None:
    axes = run.plot()
    assert 'learning rate' in [text.get_text() for text in axes.get_legend().get_texts()]
    axes.figure.canvas.draw()
    begins = axes.transData.transform((0, 0))[0]
    assert all(text.get_window_extent().x1 < begins for text in axes.texts)
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1, 'above the curves'


def test_a_plain_prompt_is_told_how_to_open_the_picture(
    run: ModelState, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = run.plot()
    assert capsys.readouterr().out == ''
    monkeypatch.setattr(sys, 'ps1', '>>> ', raising=False)
    run.plot(ax=axes)
    assert capsys.readouterr().out == ''
    run.plot()
    assert capsys.readouterr().out == 'import matplotlib.pyplot as plt; plt.show() opens the picture\n'


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
    with pytest.raises(PlotError, match='not installed.\n  Next: at a shell: pip install matplotlib'):
        run.plot()
