"""Sealed folders: each appears whole or not at all, and any changed byte is detected."""

import json
import os
import shutil
from pathlib import Path

import pytest

from charrnn import CheckpointError, WorkspaceError
from charrnn.storage import sealed
from charrnn.storage.sealed import MANIFEST, new_folder, parse_json, read_sealed, share_sealed, verify, write_sealed


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


def test_a_newer_format_says_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sealed, 'FORMAT', sealed.FORMAT + 1)
        folder = seal(tmp_path / 'f')
    with pytest.raises(
        CheckpointError, match='newer charrnn.*\n  Next: git pull in the checkout of charrnn, then pip install .'
    ):
        verify(folder)


def test_a_flipped_format_is_damage_and_no_news(tmp_path: Path) -> None:
    folder = seal(tmp_path / 'f')
    path = folder / MANIFEST
    for other in range(10):
        text = f'"format": {sealed.FORMAT}'
        if other != sealed.FORMAT:
            path.write_text(path.read_text().replace(text, f'"format": {other}'))
            with pytest.raises(CheckpointError, match=r'manifest\.json was changed'):
                verify(folder)
            path.write_text(path.read_text().replace(f'"format": {other}', text))
    verify(folder)


def test_a_file_that_grew_is_not_even_read(tmp_path: Path) -> None:
    folder = seal(tmp_path / 'f')
    os.truncate(folder / 'one.bin', 1 << 34)
    with pytest.raises(CheckpointError, match=r'one\.bin has another size'):
        verify(folder)
    with pytest.raises(CheckpointError, match=r'one\.bin has another size'):
        read_sealed(folder, 'one.bin')


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs pipes in the file system')
def test_links_pipes_and_other_places_are_refused(tmp_path: Path) -> None:
    folder = seal(tmp_path / 'f')
    path, content = folder / 'one.bin', (folder / 'one.bin').read_bytes()
    (tmp_path / 'elsewhere').write_bytes(content)
    path.unlink()
    path.symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(CheckpointError, match=r'one\.bin is not a plain file'):
        verify(folder)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match=r'one\.bin is not a plain file'):
        read_sealed(folder, 'one.bin')
    path.unlink()
    path.write_bytes(content)
    verify(folder)
    (tmp_path / 'link').symlink_to(folder)
    with pytest.raises(CheckpointError, match='it is a link'):
        verify(tmp_path / 'link')
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest['files'] = {'../elsewhere': manifest['files']['one.bin']}
    manifest['sha256'] = sealed._own_digest(manifest)
    (folder / MANIFEST).write_text(sealed.as_json(manifest))
    with pytest.raises(CheckpointError, match=r'manifest\.json was changed'):
        verify(folder)


def test_json_that_would_fill_the_memory_is_refused() -> None:
    assert parse_json(b'{"a": [1, 2]}') == {'a': [1, 2]}
    for content in (
        b'[' * 10**6,
        b'[' + b'[],' * 10**6 + b'1]',
        b'NaN',
        b'[1e999, Infinity]',
        b'9' * 5000,
        b'\xff',
        b'',
    ):
        with pytest.raises(ValueError):
            parse_json(content)


def test_a_folder_stays_if_its_replacement_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = seal(tmp_path / 'f')
    before = verify(folder)
    rename = Path.rename

    def fail_at_last(path: Path, target: Path) -> Path:
        if target == folder and '.old.' not in path.name:
            raise OSError(5, 'Input/output error')
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'rename', fail_at_last)
        with pytest.raises(WorkspaceError, match='Input/output error'):
            write_sealed(folder, {'three': b'3'})
    assert verify(folder) == before
    write_sealed(folder, {'three': b'3'})
    assert read_sealed(folder, 'three') == [b'3']


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


@pytest.mark.parametrize('linked', [True, False])
def test_a_shared_folder_is_the_same_folder_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    source, target = tmp_path / 'a', tmp_path / 'deep' / 'b'
    digest = verify(seal(source))
    if not linked:
        monkeypatch.setattr(Path, 'hardlink_to', lambda self, target: os.link('/nowhere', self))
    share_sealed(source, target)
    assert verify(target) == verify(source) == digest
    same = [(target / name).samefile(source / name) for name in ('one.bin', 'two.json')]
    assert same == [linked, linked]
    shutil.rmtree(source)
    assert verify(target) == digest, 'each stays if the other is deleted'


def test_a_damaged_folder_is_not_shared(tmp_path: Path) -> None:
    source, target = tmp_path / 'a', tmp_path / 'b'
    seal(source)
    content = (source / 'one.bin').read_bytes()
    (source / 'one.bin').write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(CheckpointError, match=r"a': one.bin was changed"):
        share_sealed(source, target)
    (source / 'one.bin').unlink()
    (source / 'one.bin').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(CheckpointError, match=r"a': one.bin is not a plain file"):
        share_sealed(source, target)
    assert not target.exists()
