"""A sealed folder appears whole or not at all, and any changed byte is noticed."""

import json
from pathlib import Path

import pytest

from charrnn import CheckpointError, WorkspaceError
from charrnn.storage import sealed
from charrnn.storage.sealed import MANIFEST, new_folder, verify


def seal(target: Path) -> Path:
    with new_folder(target) as folder:
        (folder / 'one.bin').write_bytes(bytes(range(50)))
        (folder / 'two.json').write_text('{"a": 1}')
    return target


def test_any_flipped_byte_of_any_file_is_noticed(tmp_path: Path) -> None:
    folder = seal(tmp_path / 'f')
    name = verify(folder)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in range(len(content)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :])
            with pytest.raises(CheckpointError, match=r"'.*f': (one\.bin|two\.json|manifest\.json)"):
                verify(folder)
        path.write_bytes(content)
    assert verify(folder) == name


def test_every_truncation_and_any_missing_file_is_noticed(tmp_path: Path) -> None:
    folder = seal(tmp_path / 'f')
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for size in range(len(content)):
            path.write_bytes(content[:size])
            with pytest.raises(CheckpointError):
                verify(folder)
        path.unlink()
        with pytest.raises(CheckpointError, match=f'{path.name} is missing'):
            verify(folder)
        path.write_bytes(content)


def test_a_newer_format_says_upgrade(tmp_path: Path) -> None:
    folder = seal(tmp_path / 'f')
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, 'format': sealed.FORMAT + 1}))
    with pytest.raises(CheckpointError, match='newer charrnn.*\n  Next: pip install --upgrade charrnn'):
        verify(folder)


@pytest.mark.parametrize(
    'content', ['', '[]', '{}', 'null', '{"format": "1"}', '{"format": 1, "files": 3, "sha256": ""}']
)
def test_a_manifest_of_any_other_kind_is_damaged(tmp_path: Path, content: str) -> None:
    folder = seal(tmp_path / 'f')
    (folder / MANIFEST).write_text(content)
    with pytest.raises(CheckpointError, match=MANIFEST):
        verify(folder)


def test_a_failure_at_any_moment_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for fail_in in ('block', '_seal', 'rename'):
        with monkeypatch.context() as patch:

            def fail(*unused: object) -> None:
                raise OSError(28, 'No space left on device')

            if fail_in == '_seal':
                patch.setattr(sealed, '_seal', fail)
            elif fail_in == 'rename':
                patch.setattr(Path, 'rename', fail)
            with (
                pytest.raises(WorkspaceError, match='No space left on device .* bytes free'),
                new_folder(tmp_path / 'f'),
            ):
                if fail_in == 'block':
                    fail()
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / 'f'):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
