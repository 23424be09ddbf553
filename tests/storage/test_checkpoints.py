"""Checkpoints are read back as written, the newest good one and the best are found, and damage is named."""

import gc
import weakref
from pathlib import Path

import pytest
import torch
from conftest import MakeRun, moment, train

from charrnn import CheckpointError, ModelState
from charrnn.storage.checkpoints import Checkpoint, Checkpoints, best_of
from charrnn.storage.facts import FACTS, KEEP
from charrnn.storage.nearby import TENSORS
from charrnn.storage.sealed import NewerFormatError, as_json, write_sealed

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
    facts = {**SENSE, 'valid_nats': 2.5, 'x': [1, 2.5, None], 'y': 'é\u2028\0', 'attached': {'anyname': 'print'}}
    store = Checkpoints(tmp_path)
    read = store.read(store.write(tensors, facts, {'anyname': b'bytes'}))
    assert read.facts == facts and read.attached == {'anyname': ('print', b'bytes')}
    assert read.tensors.keys() == tensors.keys() and all(torch.equal(read.tensors[k], tensors[k]) for k in tensors)


def test_the_last_few_and_the_best_are_kept_and_numbers_only_grow(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for nats in [None, 2.0, 1.0, 1.5, None, 1.0, 3.0, None, 4.0]:
        write(tmp_path, nats)
    assert store.numbers() == [3, 5, 6, 7, 8, 9]
    assert len(store.numbers()) == KEEP + 1
    assert store.resolve('best') == 3
    assert store.read_newest('x', lambda found: found)[0].number == 9
    assert write(tmp_path) == 10
    assert best_of({1: {'valid_nats': None, 'position': 8}}) is None
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith('.')] == []


def test_keep_says_how_many_stay_and_lasts(make_run: MakeRun) -> None:
    ms = make_run()
    ms.trainmodel(9, 3, train_len=2, keep=7, print_every=0)
    best = [row.number for row in ms.checkpoints() if row.is_best]
    assert {row.number for row in ms.checkpoints()} == {*range(4, 11), *best}
    again = ModelState.load(ms.curdir, device='cpu')
    again.restore(5)
    train(again, 2)
    assert len(again.checkpoints()) >= 7, 'a restore does not go back to five'
    again.trainmodel(2, 3, train_len=1, valid_len=1, keep=1, print_every=0)
    best = [row.number for row in again.checkpoints() if row.is_best]
    assert {row.number for row in again.checkpoints()} == {13, *best}, 'the newest and the best stay always'
    assert 'keep' not in Checkpoints(make_run('plain').curdir / 'checkpoints').facts()[1], 'only if it is not five'


@pytest.mark.parametrize('keep', [0, -1, True, 2.0, '7', None, 2**60])
def test_a_keep_from_a_file_is_checked(tmp_path: Path, keep: object) -> None:
    store = Checkpoints(tmp_path)
    write_sealed(store.folder(1), {TENSORS: b'', FACTS: as_json({**SENSE, 'valid_nats': None, 'keep': keep}).encode()})
    assert store.facts() == {}
    with pytest.raises(CheckpointError, match='the keep in'):
        store.read(1)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
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
    found, troubles = Checkpoints(tmp_path).read_newest('x', lambda found: found)
    assert found.number == 2 and len(troubles) == 1 and 'facts.json' in troubles[0]
    with pytest.raises(
        CheckpointError, match=r'no checkpoint in .* can be read.*checkpoint 1 in .* belongs to another dataset'
    ):
        Checkpoints(tmp_path).read_newest('another', lambda found: found)
    for n in (1, 2):
        (tmp_path / f'00000{n}' / 'manifest.json').unlink()
    with pytest.raises(CheckpointError, match='no checkpoint in .* can be read'):
        Checkpoints(tmp_path).read_newest('x', lambda found: found)


def test_the_newest_that_is_accepted_wins(tmp_path: Path) -> None:
    for _ in range(4):
        write(tmp_path)
    (tmp_path / '000004' / 'facts.json').write_text('{}')
    store, asked = Checkpoints(tmp_path), list[int]()

    def accept(found: Checkpoint) -> str:
        asked.append(found.number)
        if found.number > 2:
            raise CheckpointError(f'checkpoint {found.number} is too new.', 'an older one')
        return f'accepted {found.number}'

    result, troubles = store.read_newest('x', accept)
    assert result == 'accepted 2' and asked == [3, 2]
    assert 'facts.json' in troubles[0] and troubles[1:] == ['checkpoint 3 is too new.']
    assert store.damaged == {4}, 'the bytes of the third are good'

    def refuse(found: Checkpoint) -> str:
        raise CheckpointError('it is not accepted.', 'another directory')

    with pytest.raises(
        CheckpointError, match=r'no checkpoint in .* can be read(.* it is not accepted\.){3}\n  Next: a copy'
    ):
        store.read_newest('x', refuse)
    write(tmp_path / 'one')
    with pytest.raises(CheckpointError, match=r'^it is not accepted\.\n  Next: another directory$'):
        Checkpoints(tmp_path / 'one').read_newest('x', refuse)
    with pytest.raises(CheckpointError, match=r'^checkpoint 1 in .* belongs to another dataset\.\n  Next: a copy of'):
        Checkpoints(tmp_path / 'one').read_newest('another', refuse)

    def upgrade(found: Checkpoint) -> str:
        raise NewerFormatError('it is newer.', 'an upgrade')

    with pytest.raises(NewerFormatError, match='it is newer'):
        store.read_newest('x', upgrade)


def test_an_error_of_an_older_attempt_keeps_nothing_alive(tmp_path: Path) -> None:
    """A reference cycle through the error's frames would delay the release of the lock."""

    class Held:
        pass

    def fall_back() -> weakref.ref[Held]:
        held = Held()
        Checkpoints(tmp_path).read_newest('x', lambda found: found)
        return weakref.ref(held)

    for _ in range(2):
        write(tmp_path)
    (tmp_path / '000002' / 'facts.json').unlink()
    gc.disable()
    try:
        assert fall_back()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize('attached', [{'': 'x'}, {'../x': 'x'}, {'a b': 'x'}, {'n' * 41: 'x'}, {'onreport': 1}, ['x']])
def test_an_invalid_attached_function_is_refused(tmp_path: Path, attached: object) -> None:
    store = Checkpoints(tmp_path)
    store.write({'a': torch.zeros(1)}, {**SENSE, 'valid_nats': None, 'attached': attached})
    with pytest.raises(CheckpointError, match=r'makes no sense: .*attached.* in facts\.json .* invalid'):
        store.read(1)
    assert store.facts() == {}


@pytest.mark.parametrize(
    ('name', 'value', 'said'), [('round', -1, 'invalid'), ('round', True, 'invalid'), ('x', 1, '')]
)
def test_an_invalid_fact_is_named(tmp_path: Path, name: str, value: object, said: str) -> None:
    store = Checkpoints(tmp_path)
    store.write({'a': torch.zeros(1)}, {**SENSE, 'valid_nats': None, name: value})
    if said:
        with pytest.raises(CheckpointError, match=f'makes no sense: the {name} in facts.json is {said}'):
            store.read(1)
    else:
        store.read(1)
    store.write({'a': torch.zeros(1)}, SENSE)
    with pytest.raises(CheckpointError, match=r'the valid_nats in facts\.json is missing'):
        store.read(2)


def test_the_damaged_are_neither_counted_nor_dropped(tmp_path: Path) -> None:
    for _ in range(5):
        write(tmp_path, 2.0)
    for number in (2, 3, 4, 5):
        path = tmp_path / f'00000{number}' / 'tensors.safetensors'
        path.write_bytes(path.read_bytes()[:-1] + b'?')
    store = Checkpoints(tmp_path)
    found, troubles = store.read_newest('x', lambda found: found)
    assert found.number == 1 and len(troubles) == 4 and store.best() == (1, 1, 2.0)
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
    assert best_of({1: {'valid_nats': 1.0, 'position': 0}, 2: {'valid_nats': None, 'position': 8}}) is None
    assert [row.number for row in table if row.is_best] == [best]
    ms.restore('best')
    assert ms.evaluate().nats == pytest.approx(scored[best], rel=1e-12)
    assert ' best' in repr(table)
