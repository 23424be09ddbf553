"""A branch goes on bit for bit as its parent does, shares its text, and knows where it comes from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import MakeRun, files_below, moment, train

from charrnn import HyperParamsError, ModelState, WorkspaceError
from charrnn.session.fsck import fsck
from charrnn.storage.sealed import as_json, read_manifest, write_sealed


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'LSTMAttention'])
def test_a_branch_and_its_parent_go_on_bit_for_bit(make_run: MakeRun, modeltype: str) -> None:
    given = {'modeltype': modeltype, 'dropout': 0.3, 'optimizer': 'muon', 'average': 0.9}
    straight, parent = make_run('straight', **given), make_run('parent', **given)
    train(straight, 12)
    train(parent, 5)  # unsaved windows: the branch saves them first
    branch = parent.branch(parent.curdir.with_name('branch'))
    assert moment(branch) == moment(parent)
    train(branch, 3)
    resumed = ModelState.load(branch.curdir, device='cpu')
    for ms, windows in ((resumed, 4), (parent, 7)):
        train(ms, windows)
        assert moment(ms) == moment(straight)
    assert [row['position'] for row in resumed.history] == sorted({0, 40, 64, 96})
    assert fsck(branch.curdir).status == 0


def test_other_settings_are_a_row_of_the_branch_alone(make_run: MakeRun) -> None:
    parent = make_run()
    train(parent, 3)
    before = files_below(parent.curdir)
    branch = parent.branch(parent.curdir.with_name('slower'), learnrate=5e-4, dropout=0.2)
    assert files_below(parent.curdir) == before, 'its moment was saved already'
    assert (branch.hyper.learnrate, parent.hyper.learnrate) == (5e-4, 0.01)
    assert branch.history[-1]['changed'] == {'learnrate': [0.01, 5e-4], 'dropout': [0.0, 0.2]}
    assert list(branch.history)[:-1] == list(parent.history)
    again = ModelState.load(branch.curdir, device='cpu')
    assert again.hyper == branch.hyper and list(again.history) == list(branch.history)


def test_the_text_is_on_the_disk_once_and_stays_if_one_run_goes(make_run: MakeRun) -> None:
    parent = make_run()
    branch = parent.branch(parent.curdir.with_name('branch'))
    for name in ('indices.bin', 'dataset.json'):
        assert (branch.curdir / 'dataset' / name).samefile(parent.curdir / 'dataset' / name)
    shutil.rmtree(parent.curdir)
    train(ModelState.load(branch.curdir, device='cpu'), 2)


@pytest.mark.parametrize(('given', 'error', 'said'), [
    ({'learnrate': -1}, HyperParamsError, 'learnrate=-1 must be'),
    ({'state_size': 9}, HyperParamsError, 'state_size'),
    ({'seq_len': 10**6}, Exception, 'seq_len'),
])  # fmt: skip
def test_a_setting_that_cannot_be_leaves_no_directory(
    make_run: MakeRun, given: dict[str, float], error: type[Exception], said: str
) -> None:
    parent = make_run()
    where = parent.curdir.with_name('branch')
    with pytest.raises(error, match=said):
        parent.branch(where, **given)
    assert not where.exists()


def test_a_run_is_never_branched_over(make_run: MakeRun) -> None:
    parent = make_run()
    for where in (parent.curdir, make_run('other').curdir):
        before = files_below(where)
        with pytest.raises(WorkspaceError, match='already holds a run'):
            parent.branch(where)
        assert files_below(where) == before


def test_the_attached_functions_go_along(make_run: MakeRun) -> None:
    parent = make_run()
    parent.attach(schedule=lambda now: 0.25)
    branch = parent.branch(parent.curdir.with_name('branch'))
    parent.detach('schedule')
    train(branch, 1)
    assert branch.history[-1]['learnrate'] == 0.25
    with pytest.warns(UserWarning, match='this run has schedule attached'):
        ModelState.load(branch.curdir, device='cpu')


def test_the_family_is_a_tree_from_any_of_its_runs(make_run: MakeRun, tmp_path: Path) -> None:
    first = make_run('first')
    first.trainmodel(2, 3, train_len=2, print_every=0)
    slow = first.branch(tmp_path / 'slow', learnrate=5e-4)
    slow.trainmodel(1, 3, train_len=2, print_every=0)
    deep = slow.branch(tmp_path / 'elsewhere' / 'deep', dropout=0.1)
    make_run('stranger')
    first.branch(tmp_path / 'late')
    expected = [
        ('first', 0, None, {}),
        ('late', 1, 2, {}),
        ('slow', 1, 2, {'learnrate': 5e-4}),
        ('deep', 2, 3, {'dropout': 0.1}),
    ]
    found = deep.family()
    assert [(each.path.name, each.depth, each.forked, each.changes) for each in found] == expected
    assert [each.path.name for each in found if each.is_asked] == ['deep']
    assert [found[2].best_nats] == [row.valid_nats for row in slow.checkpoints() if row.is_best]
    assert '    ' in str(found) and 'learnrate=0.0005' in str(found)
    facts = json.loads((deep.curdir / 'checkpoints' / '000001' / 'facts.json').read_text())
    folder = slow.curdir / 'checkpoints' / f'{facts["parent"]["checkpoint"]:06d}'
    assert facts['parent']['digest'] == read_manifest(folder)['sha256']
    (tmp_path / 'moved').mkdir()
    for name in ('first', 'slow', 'late'):
        (tmp_path / name).rename(tmp_path / 'moved' / name)
    moved = ModelState.load(tmp_path / 'moved' / 'slow', device='cpu').family()
    assert [each.path.name for each in moved] == ['first', 'late', 'slow'], 'as long as they stay together'


def test_a_family_that_goes_in_a_circle_ends(make_run: MakeRun, tmp_path: Path) -> None:
    first = make_run('first')
    branch = first.branch(tmp_path / 'branch')
    for ms, other in ((first, branch), (branch, first)):
        folder = ms.curdir / 'checkpoints' / '000001'
        facts = json.loads((folder / 'facts.json').read_text())
        facts['parent'] = {'run': str(other.curdir), 'checkpoint': 1, 'digest': '', 'round': 0}
        tensors = (folder / 'tensors.safetensors').read_bytes()
        shutil.rmtree(folder)
        write_sealed(folder, {'facts.json': as_json(facts).encode(), 'tensors.safetensors': tensors})
    assert len(ModelState.load(first.curdir, device='cpu').family()) == 2
