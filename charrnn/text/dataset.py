"""Dataset: a source, encoded once into an array of indices that is memory-mapped read-only.

    Source ──scan──► Vocabulary ──encode──► indices on disk ──map──► Dataset ──► train | valid | test
                                                                        ▲
                                               a part for each file added later

Every pass streams, so the size of a text is bounded by the disk, not by memory.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import LARGEST, whole
from charrnn.display.text import fitted
from charrnn.errors import MOST_SHOWN, HyperParamsError, SourceTextError, TrainingError, shown
from charrnn.text.byteset import ByteSet
from charrnn.text.charset import CharSet
from charrnn.text.decoding import CHUNK_BYTES
from charrnn.text.fingerprints import Fingerprint
from charrnn.text.folders import SPLITS
from charrnn.text.sources import LEVELS, Source
from charrnn.text.vocabulary import Indices, Vocabulary, count_symbols, errors_for
from charrnn.text.wordset import WordSet

VOCABULARIES: dict[str, type[Vocabulary[Any]]] = dict(zip(LEVELS, (CharSet, ByteSet, WordSet), strict=True))
INDICES, ORIGINAL, FACTS = 'indices.bin', 'text.bin', 'dataset.json'
PIECE = 1 << 24
MOST_VALIDATED = {'char': 1 << 21, 'byte': 1 << 21, 'word': 1 << 18}
"""Symbols of the validation split that a training is measured on; more would take longer than training a little."""
MOST_COUNTED = 1 << 27
"""Symbols of the training text whose frequencies are known; all of 10 GB would take half a minute."""
NO_SPLIT = {
    'valid': ('validation', 'ms = ModelState.initfromsrcfile(..., trainfrac=0.9), a new run'),
    'test': ('test', 'a new run on a directory with train.txt, valid.txt and test.txt'),
}
"""For each split that a run may lack: its name in words, and what has one."""
RARE = ('trainfrac', 'vocab_size', 'mincount', 'errors', 'shuffle_lines', 'joiner')
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
    alone : bool                                       of a part: earlier parts no longer train, nor validate if it does
    srcfile : str or tuple of str                      of a text in several files: the argument that named them
    starts : tuple of int                              of a text in several files: the symbols before each of `files`
    """

    indices: Indices
    sizes: tuple[int, int, int]
    source: str
    chars: Vocabulary[Any]
    original: tuple[Indices, tuple[int, int, int]] | None = None
    digest: str = ''
    files: tuple[Fingerprint, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    alone: bool = False
    srcfile: str | tuple[str, ...] = ''
    starts: tuple[int, ...] = ()

    @property
    def train_size(self) -> int:
        """n: the number of symbols in the training ring."""
        return self.sizes[0]

    @property
    def train(self) -> Indices:
        """The training ring, shape (n,)."""
        return self.indices[: self.sizes[0]]

    @cached_property
    def train_counts(self) -> NDArray[np.int64]:
        """The number of times that each index occurs in the last MOST_COUNTED training symbols, (V,); counted once."""
        return count_symbols(self.train[-MOST_COUNTED:], len(self.chars))

    @property
    def valid(self) -> Indices:
        """The validation split; may be empty."""
        return self.indices[self.sizes[0] : self.sizes[0] + self.sizes[1]]

    @property
    def validated(self) -> Indices:
        """The first MOST_VALIDATED symbols of the validation split, or all of it: a training is measured on them."""
        return self.valid[: MOST_VALIDATED[self.chars.level]]

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
            text = self.original_of(name)
            return text[0 if most is None else max(0, len(text) - most) :].tobytes()
        indices = self.split(name)
        if most is not None:
            indices = indices[max(0, len(indices) - most) :]
        data = self.chars.to_bytes(indices)
        return data if most is None else data[-most:]

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the text of a split as UTF-8 (bytes as they are) in pieces; of words in pieces that end a line."""
        if self.original is None:
            indices = self.split(name)
            for at in range(0, len(indices), CHUNK_BYTES):
                yield self.chars.to_bytes(indices[at : at + CHUNK_BYTES])
            return
        text, begin, end = self.original_of(name), 0, 0
        while end < len(text):
            start, end = end, min(end + CHUNK_BYTES, len(text))
            breaks = np.flatnonzero(text[start:end] == ord('\n'))
            if breaks.size and end < len(text):
                end = start + int(breaks[-1]) + 1
            if breaks.size or end == len(text):
                yield text[begin:end].tobytes()
                begin = end

    def beginning(self, name: str, symbols: int) -> bytes:
        """Return the text of the first symbols of a split as UTF-8 (bytes as they are)."""
        indices = self.split(name)
        if symbols >= len(indices):
            return self.text(name)
        if not isinstance(self.chars, WordSet):
            return self.chars.to_bytes(indices[:symbols])
        text = self.original_of(name).tobytes().decode('utf-8', 'surrogateescape')
        return text[: self.chars.end_of(text, symbols)].encode('utf-8', 'surrogateescape')

    def original_of(self, name: str) -> Indices:
        """Return the bytes of a split of words as they were read; empty if the dataset keeps none."""
        text, sizes = self.original or (np.empty(0, np.uint8), (0, 0, 0))
        start = sum(sizes[: SPLITS.index(name)])
        return text[start : start + sizes[SPLITS.index(name)]]

    def byte_before(self, name: str) -> bytes:
        """Return the last byte of the text before a split; empty for 'train'."""
        earlier = [split for split in SPLITS[: SPLITS.index(name)] if len(getattr(self, split))]
        return self.text(earlier[-1], 1) if earlier else b''

    def file_at(self, place: int) -> str:
        """Return the file that a symbol of the training text was read from, and its place in the file: 'a.txt:12'.

        Empty for a text in one file, from the standard input, or in a run that does not know its files.
        """
        if not self.starts:  # else one for each file: see _several
            return ''
        number = bisect.bisect_right(self.starts, place) - 1
        return f'{Path(self.files[number].path).name}:{place - self.starts[number]:,}'

    def __repr__(self) -> str:
        sizes = ' + '.join(f'{size:,} {name}' for size, name in zip(self.sizes, SPLITS, strict=True) if size)
        return f'<Dataset {self.source!r}: {sizes} symbols>'


def read_dataset(folder: Path, facts: dict[str, Any], digest: str) -> Dataset:
    """Map the dataset in `folder` read-only; `facts` is the content of its dataset.json.

    The folder may come from another person, so everything is checked: every index is within the vocabulary.

    Raises
    ------
    SourceTextError    invalid facts, or a file whose size or indices do not agree with them
    """
    try:
        vocabulary = VOCABULARIES[facts['level']].from_facts(facts['vocabulary'])
        sizes, byte_sizes, source = counts(facts['sizes']), facts['byte_sizes'], facts['source']
        byte_sizes = None if byte_sizes is None else counts(byte_sizes)
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
    srcfile, starts = _several(facts, files)
    is_alone = facts.get('alone') is True
    return Dataset(indices, sizes, source, vocabulary, original, digest, files, options, is_alone, srcfile, starts)


def _several(facts: dict[str, Any], files: tuple[Fingerprint, ...]) -> tuple[str | tuple[str, ...], tuple[int, ...]]:
    """Return how several files were named, and where they begin; nothing if a stranger's facts make no sense."""
    srcfile, starts = facts.get('srcfile', ''), facts.get('starts', ())
    named = [srcfile] if isinstance(srcfile, str) else srcfile
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        return '', ()
    are_counts = isinstance(starts, list) and all(type(start) is int and 0 <= start <= LARGEST for start in starts)
    if not are_counts or starts != sorted(starts) or len(starts) != len(files) or starts[:1] != [0]:
        starts = []
    return srcfile if isinstance(srcfile, str) else tuple(named), tuple(starts)


def _options(facts: dict[str, Any], vocabulary: Vocabulary[Any]) -> dict[str, Any]:
    """Return the arguments other than the defaults with which a text was read, as far as its facts tell them."""
    given = {name: facts[name] for name in ('level', 'encoding', *RARE) if name in facts}
    given |= {name: getattr(vocabulary, name) for name in ('lower', 'punctuation') if hasattr(vocabulary, name)}
    try:
        return Source(Path(), files=(Path(),), **given).options()
    except HyperParamsError:  # out of a stranger's file
        return {}


def counts(given: Any) -> tuple[int, int, int]:
    """Return the sizes of the splits out of a stranger's file; raise ValueError if they make no sense."""
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
