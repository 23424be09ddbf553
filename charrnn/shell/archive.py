"""The commands compress and decompress: from one file to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from charrnn.arguments import path_of
from charrnn.errors import WorkspaceError
from charrnn.modelstate import ModelState
from charrnn.signatures import known_names_only
from charrnn.storage.durable import cannot_write, explained, is_there, write_whole
from charrnn.storage.nearby import unused

SUFFIX = '.crnn'


@dataclass(frozen=True)
class Written:
    """A file that a command has written, and the sizes of both files.

    Parameters
    ----------
    path : str
    before, after : int    bytes of the file that was read, and of this one
    """

    path: str
    before: int
    after: int

    def __str__(self) -> str:
        return f'{self.path}: {self.after:,} bytes, of {self.before:,}'


@known_names_only
def compress(ms: ModelState, file: str | Path, *, output: str | None = None, verify: bool = False) -> Written:
    """Compress a file with the predictions of a model.

    Parameters
    ----------
    file : path      any file; it stays
    output : str     the file to write; without it, FILE.crnn
    verify : bool    decompress before writing, which takes as long again
    """
    source = path_of('file', file)
    target = free(f'{source}{SUFFIX}', output)
    return write(source, target, ms.compress(source, verify=verify))


@known_names_only
def decompress(ms: ModelState, file: str | Path, *, output: str | None = None) -> Written:
    """Give back a file that was compressed with the same model.

    Parameters
    ----------
    file : path      as `compress` has written it; it stays
    output : str     the file to write; without it, FILE without .crnn
    """
    source = path_of('file', file)
    plain = str(source).removesuffix(SUFFIX)
    target = free(plain if plain != str(source) else f'{plain}.txt', output)
    return write(source, target, ms.decompress(source).bytes)


def free(default: str, output: str | None) -> Path:
    """Return the file to write; raise WorkspaceError if there is one already."""
    target = Path(default) if output is None else path_of('output', output, default)
    if is_there(target):
        raise WorkspaceError(f'{str(target)!r} is there already.', f'output={unused(str(target))!r}')
    return target


def write(source: Path, target: Path, data: bytes) -> Written:
    """Write a file, whole or not at all."""
    with explained(target, cannot_write):
        write_whole(target, data)
    return Written(str(target), source.stat().st_size, len(data))
