"""A sorted list, whose end is another population than its beginning, is told with both losses and what helps."""

import contextlib
import math
import random
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeRun, words

from charrnn import HyperParamsError, ModelState
from charrnn.display.progress import Screen
from charrnn.evaluation.ladder import unigram_shift
from charrnn.session import beginnings
from charrnn.storage.nearby import begin_again

SYLLABLES = [consonant + vowel for consonant in 'bcdfghjklmnprstvwz' for vowel in 'aeio']


def names(size: int = 1500, seed: int = 1) -> list[str]:
    """Return names in the order of the alphabet."""
    draws = random.Random(seed)
    return sorted(''.join(draws.choices(SYLLABLES, k=draws.randint(1, 4))).capitalize() for _ in range(size))


def told(text: str, tmp_path: Path, **given: Any) -> list[str]:
    """Return the warnings of a beginning."""
    (tmp_path / 'text').write_text(text)
    settings = {'layers': 1, 'state_size': 4, 'seq_len': 8, 'device': 'cpu', 'init_checkpoint': False}
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        ModelState.initfromsrcfile(tmp_path / 'text', tmp_path / 'run', **{**settings, **given})
    return [str(each.message) for each in found]


@pytest.mark.parametrize('level', ['char', 'byte'])
def test_a_sorted_list_is_told_with_both_losses_and_the_option(tmp_path: Path, level: str) -> None:
    (line,) = told('\n'.join(names()), tmp_path, level=level)
    what, _, step = line.partition('  Next: ')
    text = '\n'.join(names())
    train, end = text[: int(0.9 * len(text))], text[int(0.9 * len(text)) :]
    counts, V = Counter(train), 256 if level == 'byte' else len(set(text))
    own = -sum(math.log(counts[symbol] / (len(train) - 1 + V)) for symbol in train) / len(train)
    other = -sum(math.log((counts[symbol] + 1) / (len(train) + V)) for symbol in end) / len(end)
    assert '\n' not in line and f'it has {other:.2f} nats/{level}, the training text itself {own:.2f}.' in what
    call = step.removesuffix(' is for a list, whose lines stand each for itself')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        ms = eval(call)
    assert ms.data.options['shuffle_lines'] is True and ms.data.chars.level == level
    assert sorted((ms.data.text('train') + ms.data.text('valid')).decode().splitlines()) == names()


def test_a_list_without_order_and_plain_text_are_not_told(tmp_path: Path) -> None:
    lines = names()
    random.Random(2).shuffle(lines)
    assert told('\n'.join(lines), tmp_path) == []
    assert told(words(9000), tmp_path, modeltype='LSTM', level='word') == []
    assert told('\n'.join(names()), tmp_path, level='word') == []
    assert told('\n'.join(names()), tmp_path, trainfrac=1.0) == []
    assert told('\n'.join(names(100)), tmp_path) == [], 'too few symbols to be sure'


def test_a_text_without_lines_is_told_without_the_option(tmp_path: Path) -> None:
    (line,) = told(' '.join(names()), tmp_path)
    assert 'is unlike the text before it' in line and 'shuffle' not in line


def test_the_threshold_counts_each_symbol_without_itself() -> None:
    """Compare with a plain computation; and expect no shift between two halves of the same many symbols."""
    draws = np.random.default_rng(0)
    train, split = draws.integers(1, 9, size=900), draws.integers(5, 9, size=100)
    train[:500] = draws.integers(1, 3, size=500)
    found = unigram_shift(np.bincount(train, minlength=9), np.bincount(split, minlength=9))
    assert found is not None
    own = -sum(math.log(((train == s).sum() - 1 + 1) / (900 - 1 + 8)) for s in train) / 900
    other = -sum(math.log(((train == s).sum() + 1) / (900 + 8)) for s in split) / 100
    assert found == pytest.approx((own, other))
    many = draws.integers(1, 4000, size=3000)
    halves = (np.bincount(part, minlength=4000) for part in (many[:2700], many[2700:]))
    assert unigram_shift(*halves) is None


def test_the_option_belongs_to_one_file(tmp_path: Path) -> None:
    (tmp_path / 'train.txt').write_text(words(300))
    with pytest.raises(HyperParamsError, match='shuffle_lines=True belongs to one file; the directory'):
        ModelState.initfromsrcfile(tmp_path, tmp_path / 'run', shuffle_lines=True)


def test_another_beginning_gets_a_free_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('run-2').mkdir()
    assert begin_again('a b', 'run/', {'seed': 3}) == "ModelState.initfromsrcfile('a b', 'run-3', seed=3)"


@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_long_text_is_read_under_a_bar(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    bars: list[tuple[str, int]] = []
    ticks: list[str] = []

    def bar(screen: Screen, label: str, windows: int, symbols: int) -> contextlib.AbstractContextManager[None]:
        bars.append((label, windows))
        return contextlib.nullcontext()

    def advance(screen: Screen, loss_nats: float | None = None) -> None:
        ticks.append(bars[-1][0])

    monkeypatch.setattr(Screen, 'bar', bar)
    monkeypatch.setattr(Screen, 'advance', advance)
    make_run('short', level=level)
    assert 'reading' not in capsys.readouterr().out
    monkeypatch.setattr(beginnings, 'SLOW_BYTES', 100)
    bars.clear()
    ticks.clear()
    make_run('long', level=level)
    passes = {'char': 2, 'byte': 2, 'word': 3}[level]
    assert f'reading 700 bytes, {passes} times ...' in capsys.readouterr().out
    assert bars[0] == ('reading', passes) and ticks.count('reading') == passes
