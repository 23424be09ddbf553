"""Dataset: a source, encoded once into an array of indices that is memory-mapped read-only.

    Source ──scan──► Vocabulary ──encode──► indices on disk ──map──► Dataset ──► train | valid | test

Every pass streams, so the size of a text is bounded by the disk, not by memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from charrnn.arguments import LARGEST, whole
from charrnn.display.text import NOUNS, fitted
from charrnn.errors import MOST_SHOWN, HyperParamsError, SourceTextError, TrainingError, shown
from charrnn.text.byteset import ByteSet
from charrnn.text.charset import CharSet
from charrnn.text.fingerprints import Fingerprint
from charrnn.text.folders import SPLITS
from charrnn.text.lanes import step_for_short
from charrnn.text.shuffle import SHUFFLED, shuffled_copy
from charrnn.text.sources import LEVELS, Source, refuse_no_text, source_files, split_size
from charrnn.text.vocabulary import Indices, Vocabulary, errors_for
from charrnn.text.wordset import WordSet

VOCABULARIES: dict[str, type[Vocabulary[Any]]] = dict(zip(LEVELS, (CharSet, ByteSet, WordSet), strict=True))
INDICES, ORIGINAL, FACTS = 'indices.bin', 'text.bin', 'dataset.json'
PIECE = 1 << 24
NO_SPLIT = {
    'valid': ('validation', 'ms = ModelState.initfromsrcfile(..., trainfrac=0.9), a new run'),
    'test': ('test', 'a new run on a directory with train.txt, valid.txt and test.txt'),
}
"""For each split that a run may lack: its name in words, and what has one."""
RARE = ('trainfrac', 'vocab_size', 'mincount', 'errors', 'shuffle_lines')
"""Options that the facts have only if they are not the defaults."""


@fitted
@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """An encoded source and its splits, read-only.

    Parameters
    ----------
    indices : unsigned integers, shape (n_source,)     train, valid and test, one after the other; read-only
    sizes : tuple of int                               the number of symbols in train, valid and test
    source : str                                       the path of the file or directory, for display
    chars : Vocabulary
    original : uint8 array and tuple of int, or None   the UTF-8 text and the bytes of each split, if the text cannot
                                                       be decoded from the indices (words)
    digest : str                                       identifies this encoding and split
    files : tuple of Fingerprint                       of the files that were read, to notice later changes
    options : dict                                     arguments other than the defaults with which they were read
    """

    indices: Indices
    sizes: tuple[int, int, int]
    source: str
    chars: Vocabulary[Any]
    original: tuple[Indices, tuple[int, int, int]] | None = None
    digest: str = ''
    files: tuple[Fingerprint, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def train_size(self) -> int:
        """n: the number of symbols in the training ring."""
        return self.sizes[0]

    @property
    def train(self) -> Indices:
        """The training ring, shape (n,)."""
        return self.indices[: self.sizes[0]]

    @property
    def valid(self) -> Indices:
        """The validation split; may be empty."""
        return self.indices[self.sizes[0] : self.sizes[0] + self.sizes[1]]

    @property
    def test(self) -> Indices:
        """The test split; may be empty."""
        return self.indices[self.sizes[0] + self.sizes[1] :]

    def split(self, name: str, call: str = 'ms.evaluate({})') -> Indices:
        """Return the split called 'train', 'valid' or 'test'.

        Parameters
        ----------
        call : str          the verb as the user may type it again, with {} for a split

        Raises
        ------
        HyperParamsError    another name
        TrainingError       this run has no such split
        """
        if name not in SPLITS:
            raise HyperParamsError(*self._no_split(name, call))
        indices: Indices = getattr(self, name)
        if not len(indices):
            kind, other = NO_SPLIT[name]
            raise TrainingError(f'this run has no {kind} split.', f'{self._splits(call)}, or {other}')
        return indices

    def _splits(self, call: str) -> str:
        """Return the calls that measure the splits which this run has."""
        return ' or '.join(call.format(repr(name)) for name in ('valid', 'train', 'test') if len(getattr(self, name)))

    def _no_split(self, given: object, call: str) -> tuple[str, str]:
        """Return the message and the next step for what is no split: a name, or a text to measure."""
        lines = isinstance(given, list | tuple) and bool(given) and all(isinstance(line, str) for line in given)
        if not lines and not (isinstance(given, str) and ('\n' in given or len(given) > MOST_SHOWN)):
            return f'no split {shown(given)}.', self._splits(call)
        what = f'{shown(given)} is a text, and evaluate measures a split of the text of the run.'
        return what, f'ms.score({"lines" if lines else "text"}{errors_for(self.chars, given)}), or {self._splits(call)}'

    def before(self, name: str) -> Indices:
        """Return the symbols before a split, read to warm up the carry; for 'train' the ring itself."""
        return self.indices[: self.sizes[0] + (self.sizes[1] if name == 'test' else 0)]

    def text(self, name: str, most: int | None = None) -> bytes:
        """Return the text of a split as UTF-8 (bytes as they are), or its last `most` bytes."""
        if self.original is not None:
            text, sizes = self.original
            end = sum(sizes[: SPLITS.index(name) + 1])
            start = end - sizes[SPLITS.index(name)]
            return text[start if most is None else max(start, end - most) : end].tobytes()
        indices = self.split(name)
        if most is not None:
            indices = indices[max(0, len(indices) - most) :]
        data = self.chars.to_bytes(indices)
        return data if most is None else data[-most:]

    def byte_before(self, name: str) -> bytes:
        """Return the last byte of the text before a split; empty for 'train'."""
        earlier = [split for split in SPLITS[: SPLITS.index(name)] if len(getattr(self, split))]
        return self.text(earlier[-1], 1) if earlier else b''

    def __repr__(self) -> str:
        sizes = ' + '.join(f'{size:,} {name}' for size, name in zip(self.sizes, SPLITS, strict=True) if size)
        return f'<Dataset {self.source!r}: {sizes} symbols>'


def write_dataset(folder: Path, source: Source, seq_len: int, seed: int = 0) -> None:
    """Encode a source into an empty folder, in streaming passes; the seed is that of the order of its lines.

    Raises
    ------
    SourceTextError     a file is empty, unreadable or not text
    HyperParamsError    an unknown encoding, an option for one file and a directory, or nothing to shuffle
    TrainingError       the training split is shorter than one window
    """
    files, options = source_files(source), source.options()
    one = len(files) == 1
    if not one:
        source = replace(source, trainfrac=1.0)  # all of train.txt trains
    present = [path for path in files if path is not None]
    for path in present:
        refuse_no_text(path, source)
    fingerprints = [Fingerprint.of(path).facts() for path in present]
    read, paths = source, present
    if source.shuffle_lines:
        read = replace(source, encoding='utf-8', errors='strict')
        paths = [shuffled_copy(source, present[0], folder, seed)]
    vocabulary, found = VOCABULARIES[source.level].scan(read, paths)
    for path, size in zip(present, found, strict=True):
        if not size:
            what = 'is empty' if not path.stat().st_size else f'holds no {NOUNS[source.level]}'
            raise SourceTextError(f'{str(path)!r} {what}.', 'a file with at least one window of text')
    if one:
        train_size = split_size(source.trainfrac, found[0])
        sizes = [train_size, found[0] - train_size, 0]
    else:
        rest = iter(found)
        sizes = [next(rest) if path is not None else 0 for path in files]
    if sizes[0] < seq_len:
        share = f', of which {sizes[0]:,} train (trainfrac={source.trainfrac:g})' if one else ' in train.txt'
        raise TrainingError(
            f'{str(source.path)!r} has {sum(sizes) if one else sizes[0]:,} {NOUNS[source.level]}{share}: '
            f'fewer than one window of seq_len={seq_len}.',
            step_for_short(sizes[0], found[0] if one else sizes[0], seq_len, source.trainfrac),
        )
    keeps = source.level == 'word'
    boundary = sizes[0] if one else None
    with (folder / INDICES).open('wb') as out, (folder / ORIGINAL).open('wb') as text:
        bytes_of = [
            _encode_file(path, vocabulary, read, size, out, text if keeps else None, boundary)
            for path, size in zip(paths, found, strict=True)
        ]
    if not keeps:
        (folder / ORIGINAL).unlink()
    (folder / SHUFFLED).unlink(missing_ok=True)
    if one:
        byte_sizes = [*bytes_of[0], 0]
    else:
        written = iter(bytes_of)
        byte_sizes = [sum(next(written)) if path is not None else 0 for path in files]
    facts: dict[str, Any] = {
        'sizes': sizes,
        'byte_sizes': byte_sizes if keeps else None,
        'level': source.level,
        'vocabulary': vocabulary.facts(),
        'source': os.fsencode(source.path).decode('utf-8', 'replace'),
        'encoding': source.encoding,
        'files': fingerprints,
    }
    facts |= {name: value for name, value in options.items() if name in RARE}
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding='utf-8', newline='\n')


def _encode_file(
    path: Path,
    vocabulary: Vocabulary[Any],
    source: Source,
    size: int,
    out: IO[bytes],
    text: IO[bytes] | None,
    boundary: int | None,
) -> tuple[int, int]:
    """Write the indices of one file to `out`, and its text to `text` unless that is None.

    Returns the bytes written to `text` before and after symbol number `boundary`; without one, all count as before.
    """
    written, before, after = 0, 0, 0
    for piece in vocabulary.pieces(path, source):
        indices = vocabulary.encode_piece(piece)
        out.write(indices.data)
        if text is not None:
            head, tail = piece, ''
            if boundary is not None and written + len(indices) > boundary and isinstance(vocabulary, WordSet):
                cut = _end_of_word(vocabulary, piece, max(0, boundary - written))
                head, tail = piece[:cut], piece[cut:]
            before += text.write(head.encode())
            after += text.write(tail.encode())
        written += len(indices)
    if written != size:
        raise SourceTextError(f'{str(path)!r} changed while it was being read.', 'the same call again')
    return before, after


def _end_of_word(words: WordSet, text: str, count: int) -> int:
    """Return the offset at which the first `count` words and line breaks of a text end."""
    end = 0
    for _, found in zip(range(count), words.pattern.finditer(text), strict=False):
        end = found.end()
    return end


def read_dataset(folder: Path, facts: dict[str, Any], digest: str) -> Dataset:
    """Map the dataset in `folder` read-only; `facts` is the content of its dataset.json.

    The folder may come from another person, so everything is checked: every index is within the vocabulary.

    Raises
    ------
    SourceTextError    invalid facts, or a file whose size or indices do not agree with them
    """
    try:
        vocabulary = VOCABULARIES[facts['level']].from_facts(facts['vocabulary'])
        sizes, byte_sizes, source = _counts(facts['sizes']), facts['byte_sizes'], facts['source']
        byte_sizes = None if byte_sizes is None else _counts(byte_sizes)
        whole(1)('mincount', facts.get('mincount', 1))
        if not isinstance(source, str) or not sizes[0] or (byte_sizes is not None) != (facts['level'] == 'word'):
            raise ValueError
        if byte_sizes is not None and any(size > 0 and not text for size, text in zip(sizes, byte_sizes, strict=True)):
            raise ValueError  # a split without its text could not be measured
    except (KeyError, TypeError, ValueError, AttributeError, HyperParamsError):
        raise SourceTextError(
            f'{str(folder / FACTS)!r} does not describe a dataset.', 'a copy of the whole directory from a backup'
        ) from None
    original = None
    if byte_sizes is not None:
        original = (_map(folder / ORIGINAL, sum(byte_sizes), np.dtype(np.uint8)), byte_sizes)
    indices = _map(folder / INDICES, sum(sizes), vocabulary.dtype)
    largest = max(int(indices[at : at + PIECE].max()) for at in range(0, len(indices), PIECE))
    if largest >= len(vocabulary):
        raise SourceTextError(
            f'{str(folder / INDICES)!r} holds index {largest}, and the vocabulary has {len(vocabulary):,} symbols.',
            'a copy of the whole directory from a backup',
        )
    files, options = tuple(Fingerprint.from_facts(facts.get('files'))), _options(facts, vocabulary)
    return Dataset(indices, sizes, source, vocabulary, original, digest, files, options)


def _options(facts: dict[str, Any], vocabulary: Vocabulary[Any]) -> dict[str, Any]:
    """Return the arguments other than the defaults with which a text was read, as far as its facts tell them."""
    given = {name: facts[name] for name in ('level', 'encoding', *RARE) if name in facts}
    given |= {name: getattr(vocabulary, name) for name in ('lower', 'punctuation') if hasattr(vocabulary, name)}
    try:
        return Source(Path(), **given).options()
    except HyperParamsError:  # out of a stranger's file
        return {}


def _counts(given: Any) -> tuple[int, int, int]:
    a, b, c = given
    if not all(type(n) is int and 0 <= n <= LARGEST for n in (a, b, c)):
        raise ValueError
    return a, b, c


def _map(path: Path, size: int, dtype: np.dtype[np.unsignedinteger]) -> Indices:
    found, wanted = path.stat().st_size, size * dtype.itemsize
    if found != wanted:  # before mapping: reading a mapping past the end of its file kills the process
        raise SourceTextError(
            f'{str(path)!r} holds {found:,} bytes where {wanted:,} were written.',
            'a copy of the whole directory from a backup',
        )
    # A plain array over the mapping, because every slice of an np.memmap is slower.
    return np.memmap(path, dtype=dtype, mode='r', shape=(size,)).view(np.ndarray)
