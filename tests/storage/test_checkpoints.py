from pathlib import Path

import pytest
import torch
from conftest import MakeRun, moment, train

from charrnn import CheckpointError, ModelState
from charrnn.storage.checkpoints import KEEP, Checkpoints, best_number

SENSE = {
    **dict.fromkeys(('position', 'symbols', 'round', 'seed', 'history_length', 'seconds'), 1),
    'schedule': {},
    'hyper': {},
    **dict.fromkeys(('modeltype', 'data_digest', 'written'), 'x'),
}


def write(root: Path, valid_nats: float | None = None) -> int:
    return Checkpoints(root).write({'a': torch.arange(6.0).view(2, 3)}, {**SENSE, 'valid_nats': valid_nats})


def test_tensors_and_facts_come_back(tmp_path: Path) -> None:
    tensors = {'a': torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).t(), 'b': torch.tensor(3.0)}
    facts = {**SENSE, 'valid_nats': 2.5, 'x': [1, 2.5, None], 'y': 'é\u2028\0', 'attached': {'onreport': 'print'}}
    store = Checkpoints(tmp_path)
    read = store.read(store.write(tensors, facts, {'onreport': b'bytes'}))
    assert read.facts == facts and read.attached == {'onreport': ('print', b'bytes')}
    assert read.tensors.keys() == tensors.keys() and all(torch.equal(read.tensors[k], tensors[k]) for k in tensors)


def test_the_last_few_and_the_best_are_kept_and_numbers_only_grow(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for nats in [None, 2.0, 1.0, 1.5, None, 1.0, 3.0, None, 4.0]:
        write(tmp_path, nats)
    assert store.numbers() == [3, 5, 6, 7, 8, 9]
    assert len(store.numbers()) == KEEP + 1
    assert store.resolve('best') == 3
    assert store.read_newest('x')[0].number == 9
    assert write(tmp_path) == 10
    assert best_number({1: {'valid_nats': None}}) is None
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith('.')] == []


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    for wanted in (7, 'newest', 0, 1.0, -1):
        with pytest.raises(CheckpointError, match=f'no checkpoint {wanted!r}; there: 1'):
            Checkpoints(tmp_path).resolve(wanted)
    with pytest.raises(CheckpointError, match='none is best'):
        Checkpoints(tmp_path).resolve('best')


def test_the_newest_that_verifies_wins(tmp_path: Path) -> None:
    for _ in range(3):
        write(tmp_path)
    (tmp_path / '000003' / 'facts.json').write_text('{}')
    found, troubles = Checkpoints(tmp_path).read_newest('x')
    assert found.number == 2 and len(troubles) == 1 and 'facts.json' in troubles[0]
    with pytest.raises(CheckpointError, match=r'checkpoint 1 in .* is not of this dataset'):
        Checkpoints(tmp_path).read_newest('another')
    for n in (1, 2):
        (tmp_path / f'00000{n}' / 'manifest.json').unlink()
    with pytest.raises(CheckpointError, match='no checkpoint in .* can be read'):
        Checkpoints(tmp_path).read_newest('x')


def test_the_damaged_are_neither_counted_nor_dropped(tmp_path: Path) -> None:
    for _ in range(5):
        write(tmp_path, 2.0)
    for number in (2, 3, 4, 5):
        path = tmp_path / f'00000{number}' / 'tensors.safetensors'
        path.write_bytes(path.read_bytes()[:-1] + b'?')
    store = Checkpoints(tmp_path)
    found, troubles = store.read_newest('x')
    assert found.number == 1 and len(troubles) == 4 and store.best() == 1
    for _ in range(6):
        store.write({'a': torch.zeros(1)}, {**SENSE, 'valid_nats': None})
    assert store.numbers() == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]


def test_load_names_a_damaged_checkpoint_and_falls_back(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 2)
    good = moment(ms)
    train(ms, 2)
    path = ms.curdir / 'checkpoints' / '000003' / 'tensors.safetensors'
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r'000003.*tensors\.safetensors.*Loaded checkpoint 2'):
        loaded = ModelState.load(ms.curdir, device='cpu')
    assert moment(loaded) == good
    with pytest.raises(CheckpointError, match='000003'):
        loaded.restore(3)
    assert moment(loaded) == good, 'a failed restore changes nothing'
    with pytest.warns(UserWarning, match='Loaded checkpoint 2 instead'):
        loaded.restore()
    assert moment(loaded) == good, 'last is the newest that verifies'
    train(loaded, 1)
    assert [row.number for row in loaded.checkpoints()] == [1, 2, 4], 'the damaged one keeps its number'


def test_a_failed_save_leaves_everything_as_it_was(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from charrnn import WorkspaceError
    from charrnn.storage import sealed

    ms = make_run()
    train(ms, 2)
    before, files = moment(ms), {p: p.read_bytes() for p in ms.curdir.rglob('*') if p.is_file()}

    def full(folder: Path) -> None:
        raise OSError(28, 'No space left on device', str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(sealed, '_seal', full)
        with pytest.raises(WorkspaceError, match='No space left'):
            ms.newcheckpoint()
    assert {p: p.read_bytes() for p in ms.curdir.rglob('*') if p.is_file()} == files
    assert moment(ms) == before
    assert ms.newcheckpoint() == 3


def test_best_is_the_lowest_whole_split_validation(make_run: MakeRun) -> None:
    ms = make_run()
    for _ in range(3):
        train(ms, 20, valid_len=0)
    train(ms, 1, valid_len=1)
    table = ms.checkpoints()
    scored = {row.number: row.valid_nats for row in table if row.valid_nats is not None}
    assert len(scored) == 4, 'three rounds and the untrained beginning'
    best = min(scored, key=lambda n: scored[n])
    assert best_number({1: {'valid_nats': 1.0, 'position': 0}, 2: {'valid_nats': None, 'position': 8}}) is None
    assert [row.number for row in table if row.is_best] == [best]
    ms.restore('best')
    assert ms.evaluate().nats == pytest.approx(scored[best], rel=1e-12)
    assert ' best' in repr(table)
