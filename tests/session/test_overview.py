"""The command status shows a run on one screen, and changes nothing."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun, files_below, moment, train

from charrnn import CheckpointError, ModelState, WorkspaceError
from charrnn.display.text import number, sparkline
from charrnn.session.fsck import Finding, fsck
from charrnn.session.overview import status
from charrnn.session.run import run_of
from charrnn.shell.commands import run_command


def test_status_is_one_screen(curdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_below(curdir)
    assert run_command(['status', str(curdir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 and lines[0] == f'{curdir}   GRUEncode 2x6'
    assert lines[1].startswith('  text     630 train + 70 valid characters of ')
    assert lines[2] == '  writer   no process is writing it'
    assert re.match(r'  newest   round \d s ago: epoch 0\.15, round 2, train \d\.\d{3} nats/char, ', lines[3])
    assert '  2      1   0.08' in lines[-3] and lines[-3].endswith('  best')
    assert files_below(curdir) == before
    assert run_command(['fsck', str(curdir)]) == 0


def test_status_of_a_folder_of_runs_lists_them(make_run: MakeRun, tmp_path: Path) -> None:
    for name in ('one', 'two', 'bad'):
        make_run(name, seed=1).trainmodel(1, quiet=True)
    (tmp_path / 'bad/dataset/manifest.json').write_text('{}')
    ms = ModelState.load(tmp_path / 'two', device='cpu')
    before = files_below(tmp_path)
    heads, *lines, following = str(status(tmp_path)).splitlines()
    assert heads.split() == ['run', 'model', 'round', 'epoch', 'valid', 'best', 'unit']
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert list(rows) == ['bad', 'one', 'two']
    best = min(nats for _, nats in run_of(ms).history.validations())
    valid, epoch = number(ms.history[-1]['valid_nats']), f'{run_of(ms).learner.epoch:.2f}'
    shown = ['GRUEncode', '2x6', '1', epoch, valid, number(best)]
    assert rows['two'] == rows['one'] == [*shown, 'nats/char']
    assert 'manifest.json' in ' '.join(rows['bad']), 'what is wrong with it'
    assert following.startswith(f'Next: ModelState.load({str(tmp_path / "bad")!r})')
    assert files_below(tmp_path) == before


def test_status_and_fsck_work_while_a_run_is_written(curdir: Path) -> None:
    ms = ModelState.load(curdir, device='cpu')
    train(ms, 1)
    assert f'process {os.getpid()} on ' in status(curdir) and ') is writing it now' in status(curdir)
    assert fsck(curdir).status == 0
    train(ms, 1)


def test_an_incomplete_run_is_shown_as_far_as_it_goes(curdir: Path, tmp_path: Path) -> None:
    for path in curdir.glob('checkpoints/*/manifest.json'):
        path.unlink()
    (curdir / 'history.jsonl').unlink()
    assert 'no readable checkpoint' in status(curdir) and 'no checkpoints yet' in status(curdir)
    with pytest.raises(WorkspaceError, match='there is no directory'):
        status(tmp_path / 'nothing')


def assert_best_is_one(ms: ModelState) -> None:
    """Raise AssertionError unless every place that names a best checkpoint names one loss, and it can be restored."""
    said = re.search(r'best ([\d,.]+) in round (\d+)', repr(ms))
    listed = [row for row in ms.checkpoints() if row.is_best]
    screen = re.search(r'best ([\d.]+) in checkpoint (\d+)', status(ms.curdir))
    assert bool(said) == bool(listed) == bool(screen)
    if said is None or screen is None:
        with pytest.raises(CheckpointError, match='none is best'):
            ms.restore('best')
        return
    (best,) = listed
    assert best.valid_nats == min(row.valid_nats for row in ms.checkpoints() if row.valid_nats is not None)
    assert (int(said[2]), int(screen[2])) == (best.round, best.number)
    assert float(said[1]) == pytest.approx(best.valid_nats, abs=0.005)
    assert fsck(ms.curdir).findings[best.number] == Finding('checkpoint', best.number, '', 'best')
    before = moment(ms)
    other = ModelState.load(ms.curdir, device='cpu').restore('best')
    assert other.evaluate().nats == pytest.approx(best.valid_nats, rel=1e-9)
    assert moment(ms) == before


@pytest.mark.parametrize('rate', [1e8, 0.01])
@pytest.mark.parametrize('valid_len', [0, 1])
def test_the_best_that_is_named_is_the_best_that_comes_back(make_run: MakeRun, rate: float, valid_len: int) -> None:
    """Also after a training that diverged at finite losses, after a restore, and beside superseded checkpoints."""
    ms = make_run(learnrate=rate)
    assert_best_is_one(ms)
    for _ in range(2):
        train(ms, 5, valid_len=valid_len)
        assert_best_is_one(ms)
    if valid_len == 0:
        assert (ms.restore('best').position == 0) == (rate == 1e8), 'the untrained model beats a diverged one'
    ms.restore(2)
    assert_best_is_one(ms)
    train(ms, 1, valid_len=1)
    assert_best_is_one(ms)


def test_a_training_that_diverged_at_finite_losses_is_named_and_its_advice_helps(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    ms = make_run(learnrate=1e8)
    train(ms, 10, valid_len=0)
    advice = "ms.restore('best'), then ms.sethyperparams(learnrate=0.001)"
    found = re.search(r'  valid [\d,]+ nats, far above guessing uniformly \(2\.71\): diverged', repr(ms))
    assert found and repr(ms).endswith(f'  Next: {advice}')
    assert f'{found[0]}.  Next: {advice}\n' in capsys.readouterr().out
    train(ms, 10, valid_len=0)
    assert len(repr(ms).splitlines()) == 6 and all(len(line) <= 80 for line in repr(ms).splitlines())
    for call in advice.split(', then '):
        exec(call, {'ms': ms})
    train(ms, 10, valid_len=0)
    assert 'diverged' not in repr(ms) and 'too few' in repr(ms)


def test_a_run_with_few_updates_is_told_to_train_on(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    ms = make_run()
    ms.trainmodel(2, 9, train_len=4, print_every=0)
    told = [line for line in capsys.readouterr().out.splitlines() if 'too few' in line]
    assert told == ['  8 updates are too few to learn from.  Next: ms.trainmodel(20)'], 'at the end'
    assert '  8 updates are too few to learn from\n' in repr(ms) and repr(ms).endswith('Next: ms.trainmodel(20)')
    exec(repr(ms).rsplit('Next: ')[1], {'ms': ms})
    assert 'too few' not in repr(ms)


def test_a_text_that_is_learned_by_heart_is_named(make_run: MakeRun) -> None:
    draws = random.Random(5)
    text = ''.join(draws.choice('aaaaaaaabcdefghij') for _ in range(200))  # there is nothing to learn but counts
    ms = make_run(text=text, trainfrac=0.75, layers=1, state_size=24)
    for _ in range(6):
        train(ms, 12, valid_len=0)
    found = re.search('the validation loss has risen since round (\\d+): learning the text by heart', repr(ms))
    assert found and repr(ms).endswith("Next: ms.restore('best')")
    assert repr(ms).splitlines()[3].endswith(sparkline([nats for _, nats in ms.history.validations()]))
    assert f'in round {found[1]} ' in repr(ms)
    assert ms.restore('best').history[-1]['round'] == int(found[1])
    assert 'by heart' not in repr(ms)


def test_after_a_restore_the_status_names_the_checkpoint_that_load_takes(make_run: MakeRun) -> None:
    ms = make_run()
    for _ in range(3):
        train(ms, 40, valid_len=0)
    ms.restore(3)
    assert repr(ms).endswith('  saved  checkpoint 3, but load takes 4, the newest.  Next: ms.newcheckpoint()')
    assert run_of(ModelState.load(ms.curdir, device='cpu')).saved['number'] == 4
    exec(repr(ms).rsplit('Next: ')[1], {'ms': ms})
    assert '  saved  checkpoint 5.  Next: generatestring' in repr(ms)
    assert ModelState.load(ms.curdir, device='cpu').position == ms.position
    ms.restore(1)
    assert 'checkpoint 1, but load takes 5, the newest' in repr(ms)
    assert 'but load' not in repr(ms.restore()) and 'but load' not in repr(ms.restore(5))
    train(ms.restore(3), 1)
    assert 'but load' not in repr(ms)


def test_the_status_of_a_directory_gives_the_advice_of_the_prompt(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> list[str]:
        assert run_command(['status', 'run']) == 0
        return capsys.readouterr().out.splitlines()

    monkeypatch.chdir(tmp_path)
    draws = random.Random(5)
    text = ''.join(draws.choice('aaaaaaaabcdefghij') for _ in range(200))
    ms = make_run(text=text, trainfrac=0.75, layers=1, state_size=24)
    assert told()[-1] == 'Next: python -m charrnn train run'
    train(ms, 2, valid_len=0)
    capsys.readouterr()
    here, step = repr(ms).splitlines()[-2:]
    assert 'too few' in here and step.endswith('Next: ms.trainmodel(20)')
    assert status('run').endswith(f"Next: ms = ModelState.load('run'), then {step.split('Next: ')[1]}")
    assert told()[-1] == 'Next: python -m charrnn train run --num-rounds 20'
    for _ in range(6):
        ms.trainmodel(2, train_len=12, quiet=True)
    here = repr(ms).splitlines()[-2]
    assert 'learning the text by heart' in here and here in told()
    assert status('run').endswith("Next: ms = ModelState.load('run'), then ms.restore('best')")
    found: dict[str, Any] = {'ModelState': ModelState}
    exec(status('run').split('Next: ')[1].replace(', then ', ';'), found)
    assert found['ms'].position < ms.position
    assert told()[-1] == (
        "Next: ms = ModelState.load('run'), then ms.restore('best')  (at the Python prompt: python -m charrnn)"
    )
    other = make_run('learned')
    train(other, 100, valid_len=0)
    capsys.readouterr()
    assert run_command(['status', 'learned']) == 0
    assert capsys.readouterr().out.endswith('Next: python -m charrnn generate learned --temp 0.5\n')
