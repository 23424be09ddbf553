"""A run without its text, as when only the weights were mailed: load says what is missing, why, and what to type."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRun, train

from charrnn import CheckpointError, ModelState, SourceTextError, WorkspaceError, generatestring
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell.commands import run_command

WEIGHTS = 'Generating needs only the weights'
NEW = "or a new run: ModelState.initfromsrcfile(..., 'workspaces/text')"


def spoil(run: Path, part: str) -> None:
    """Delete a folder or a file of a run."""
    path = run / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    'part', ['dataset', 'dataset/indices.bin', 'dataset/dataset.json', 'dataset/manifest.json'], ids=str
)
def test_a_run_without_its_text_says_what_is_missing(make_run: MakeRun, part: str) -> None:
    ms = make_run()
    spoil(ms.curdir, part)
    missing = str(ms.curdir / part)
    calls: list[Callable[[], object]] = [lambda: ModelState.load(ms.curdir, device='cpu'), lambda: train(ms, 1)]
    if part != 'dataset/indices.bin':  # the status of a run reads no text
        calls.append(lambda: status(ms.curdir))
    for call in calls:
        with pytest.raises(CheckpointError) as caught:
            call()
        assert f'is incomplete: its text and vocabulary are missing ({missing!r}). {WEIGHTS}' in caught.value.what
        assert caught.value.next_step == f'copy {missing!r} from where the run was made; {NEW}'
    assert len(generatestring(ms, 5)) == 5, 'an open run still generates'


def test_a_dataset_folder_that_is_empty_counts_as_missing(make_run: MakeRun) -> None:
    ms = make_run()
    spoil(ms.curdir, 'dataset')
    (ms.curdir / 'dataset').mkdir()
    with pytest.raises(CheckpointError, match=r'are missing \(.*dataset.\)'):
        ModelState.load(ms.curdir, device='cpu')


def test_a_changed_dataset_is_not_called_missing(make_run: MakeRun) -> None:
    ms = make_run()
    for name in ('indices.bin', 'manifest.json'):
        (ms.curdir / 'dataset' / name).write_bytes(b'{}')
        with pytest.raises(CheckpointError, match=f'{name} (has another size|was changed)') as caught:
            ModelState.load(ms.curdir, device='cpu')
        assert caught.value.next_step == 'a copy of the whole directory from a backup'


def test_fsck_and_the_commands_say_it_in_their_words(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    ms = make_run()
    spoil(ms.curdir, 'dataset')
    inspection = fsck(ms.curdir)
    assert inspection.status == 2 and [found.name for found in inspection.findings if found.trouble] == ['dataset']
    step = f'copy {str(ms.curdir / "dataset")!r} from where the run was made'
    assert f'Nothing here can be loaded.  Next: {step}; {NEW}' in str(inspection)
    assert run_command(['generate', str(ms.curdir)]) == 1
    complaint = capsys.readouterr().err
    assert f'Next: {step}; or a new run: python -m charrnn init FILE workspaces/text' in complaint


def test_one_checkpoint_alone_and_its_file_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run().curdir
    folder = shutil.copytree(run / 'checkpoints' / '000001', tmp_path / 'mailed')
    for path in (folder, folder / 'tensors.safetensors'):
        with pytest.raises(WorkspaceError, match=f'is one checkpoint without the rest of its run. {WEIGHTS}') as caught:
            ModelState.load(path)
        assert caught.value.next_step == f'a copy of the whole directory from where the run was made; {NEW}'
    spoil(run, 'dataset')  # what is left is still known as a run, by itself and in the folder around it
    for path in (run / 'checkpoints', run / 'checkpoints' / '000001' / 'tensors.safetensors', run.parent):
        with pytest.raises(WorkspaceError) as caught:
            ModelState.load(path)
        assert f'ModelState.load({str(run)!r})' in caught.value.next_step


def test_a_relative_path_that_is_not_there_names_the_present_folder(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run('poems')
    (tmp_path / 'below').mkdir()
    monkeypatch.chdir(tmp_path / 'below')
    with pytest.raises(
        WorkspaceError, match="no directory 'workspaces/poems' in the present folder, '.*below'"
    ) as caught:
        ModelState.load('workspaces/poems')
    assert caught.value.next_step == (
        "the same in the folder that holds 'workspaces'; or "
        "ModelState.initfromsrcfile(..., 'workspaces/poems') begins one"
    )
    assert run_command(['train', 'poems']) == 1
    said = capsys.readouterr().err
    assert "Next: the same in the folder that holds 'poems'; or python -m charrnn init FILE poems begins one" in said
    with pytest.raises(
        SourceTextError, match=r"cannot read 'a\.txt': No such file or directory in the present folder, '"
    ):
        ModelState.initfromsrcfile('a.txt', 'run')
    with pytest.raises(WorkspaceError, match=r"there is no directory '[^']*nothing'\.\n  Next: ModelState.init"):
        ModelState.load(tmp_path / 'nothing')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError) as caught:
        ModelState.load('poem')
    assert caught.value.next_step == "ModelState.load('poems')", 'a run alike is the likelier one'
