"""P6, P7, P14: load detects any changed byte and any truncation, loads the good parts and names the others."""

from __future__ import annotations

import random
import re
import shutil
import warnings
from pathlib import Path

import pytest
from conftest import MakeRun, learner_of, moment, train
from torture import TORTURE, count

from charrnn import CharRNNError, CheckpointError, ModelState, WorkspaceError
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.session.run import run_of

FLIPS = 12_000 if TORTURE else 250


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """Return a run with four checkpoints, a history with a resume row, and a ladder."""
    ms = make_run()
    for _ in range(2):
        train(ms, 2, valid_len=0)
    ms.restore(2)
    train(ms, 1)
    ms.evaluate()
    return ms.curdir


def assert_noticed(curdir: Path, path: Path, moments: dict[int, object]) -> None:
    """Assert that load names the damaged file: in an error for the dataset, else in a warning with a good load."""
    name = re.escape(path.name) if path.suffix != '.jsonl' else r'history\.jsonl'
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        try:
            loaded = ModelState.load(curdir, device='cpu')
        except CharRNNError as error:
            assert 'dataset' in path.parts, (path, error)
            assert re.search(name, str(error)) and 'Next: ' in str(error)
            return
    assert 'dataset' not in path.parts, path
    assert any(re.search(name, str(warning.message)) for warning in said), (path, [str(w.message) for w in said])
    newest = path.parent.name == f'{max(moments):06d}'
    assert moment(loaded) == moments[max(moments) - newest]


def moments_of(curdir: Path) -> dict[int, object]:
    ms = ModelState.load(curdir, device='cpu')
    return {row.number: moment(ms.restore(row.number)) for row in ms.checkpoints()}


def test_any_flipped_byte_of_any_file(run: Path) -> None:
    moments, draws = moments_of(run), random.Random(0)
    files = sorted(path for path in run.rglob('*') if path.is_file() and path.stat().st_size)
    assert {path.name for path in files} == {
        'dataset.json',
        'facts.json',
        'history.jsonl',
        'indices.bin',
        'ladder.json',
        'manifest.json',
        'tensors.safetensors',
        'writer.json',
    }
    for number in range(FLIPS):
        path = files[number % len(files)]
        content = path.read_bytes()
        place, flipped = draws.randrange(len(content)), draws.randrange(1, 256)
        path.write_bytes(content[:place] + bytes([content[place] ^ flipped]) + content[place + 1 :])
        assert_noticed(run, path, moments)
        path.write_bytes(content)
        count('flipped bytes noticed by load')


def test_truncation_at_any_length(run: Path) -> None:
    moments = moments_of(run)
    for path in sorted(path for path in run.rglob('*') if path.is_file() and path.stat().st_size):
        content = path.read_bytes()
        end = len(content) - (
            path.name in ('history.jsonl', 'writer.json')
        )  # a row without its line break is still whole
        step = 1 if TORTURE else max(1, end // 8)
        for size in [*range(0, end, max(step, end // 400)), end - 1]:
            path.write_bytes(content[:size])
            assert_noticed(run, path, moments)
            count('truncations noticed by load')
        path.unlink()
        if path.name != 'writer.json':  # a run without a writer is valid
            assert_noticed(run, path, moments)
        path.write_bytes(content)


def test_a_run_without_a_good_checkpoint_is_a_clear_error(run: Path) -> None:
    for path in run.glob('checkpoints/*/tensors.safetensors'):
        path.write_bytes(b'')
    with pytest.raises(CheckpointError, match=r"(?s)no checkpoint in '.*' can be read.*000001.*\n  Next: a copy of"):
        ModelState.load(run, device='cpu')


def test_a_damaged_checkpoint_is_never_best_and_drops_no_good_one(run: Path) -> None:
    facts = run / 'checkpoints' / '000003' / 'facts.json'
    facts.write_text(facts.read_text().replace('"valid_nats": 2', '"valid_nats": 0'))
    with pytest.warns(UserWarning, match='000003'):
        ms = ModelState.load(run, device='cpu')
    assert 3 not in [row.number for row in ms.checkpoints()]
    for _ in range(7):
        ms.newcheckpoint()
    assert ms.restore('best').position in (16, 32)


def test_a_dataset_that_changed_under_the_session_stops_training_before_its_first_window(make_run: MakeRun) -> None:
    ms, path = make_run(), None
    train(ms, 1)
    path, before = ms.curdir / 'dataset' / 'indices.bin', moment(ms)
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(WorkspaceError, match=r'indices\.bin was changed'):
        train(ms, 1)
    assert moment(ms) == before and len(ms.history) == 2
    path.write_bytes(content)
    train(ms, 1)


def test_a_window_that_is_not_finite_leaves_every_checkpoint_and_says_where(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 2)
    kept = {p: p.read_bytes() for p in ms.curdir.rglob('*') if p.is_file() and p.suffix != '.jsonl'}
    next(iter(learner_of(ms).model.parameters())).data[:] = float('nan')
    with pytest.raises(ArithmeticError, match=r'window at position 16 \(round 2\)'):
        train(ms, 1)
    with pytest.raises(ArithmeticError, match='no checkpoint is made'):
        ms.newcheckpoint()
    assert {p: p.read_bytes() for p in ms.curdir.rglob('*') if p.is_file() and p.suffix != '.jsonl'} == kept


@pytest.mark.filterwarnings('ignore:since checkpoint')
@pytest.mark.parametrize('name', ['char', 'word'])
def test_a_history_without_checksums_never_breaks_a_load(name: str, tmp_path: Path) -> None:
    """Format 1 had none: load passes over invalid rows and believes the others."""
    curdir = tmp_path / 'run'
    shutil.copytree(Path(__file__).parent.parent / 'golden' / 'format1' / name, curdir)
    path = curdir / 'history.jsonl'
    content = path.read_bytes()
    for place in range(0, len(content), 1 if TORTURE else 29):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            assert 'ModelState' in repr(ModelState.load(curdir, device='cpu'))
        assert 'epoch' in status(curdir) and fsck(curdir).status in (0, 1)
    path.write_bytes(content)
    assert 'of format 1, which have no checksum' in str(fsck(curdir))


def test_fsck_and_load_agree(run: Path) -> None:
    """For any damage, fsck names the checkpoint that load takes, or says that nothing can be loaded."""
    for path in sorted(path for path in run.rglob('*') if path.is_file()):
        content = path.read_bytes()
        for damaged in (b'', content[:-2], content[:1] + b'?' + content[2:]):
            path.write_bytes(damaged)
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                try:
                    taken = run_of(ModelState.load(run, device='cpu')).saved['number']
                except CharRNNError:
                    taken = None
            assert fsck(run).newest == taken, path
        path.write_bytes(content)
    (run / 'history.jsonl').unlink()
    (run / 'history.jsonl').mkdir()
    with pytest.warns(UserWarning, match='it is not a plain file. Training does not read it'):
        ms = ModelState.load(run, device='cpu')
    assert ms.position == 24 and fsck(run).newest == 4
    train(ms, 1)  # the folder under the name of the history is renamed
    assert (run / 'history.jsonl').is_file() and len(list(run.glob('history.*.aside'))) == 1


def test_a_restore_that_fails_changes_nothing(run: Path) -> None:
    ms = ModelState.load(run, device='cpu')
    before, rows = moment(ms), list(ms.history)
    for name in ('manifest.json', 'facts.json', 'tensors.safetensors'):
        path = run / 'checkpoints' / '000001' / name
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(CheckpointError, match=name):
            ms.restore(1)
        path.write_bytes(content)
        assert moment(ms) == before and list(ms.history) == rows
    assert ms.restore(1).position == 0
