"""Texts that a user gives to a verb, as the model reads them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import check_errors_argument
from charrnn.display.text import NOUNS, Text
from charrnn.errors import CharSetError, SamplingError, shown
from charrnn.sampling.sample import Sample
from charrnn.session.prime import example_call
from charrnn.session.run import Run
from charrnn.storage.nearby import MOST_NAME
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Given:
    """A text and its symbols.

    Parameters
    ----------
    text : str                   of bytes, U+FFFD for each that is not UTF-8
    ids : (N,) int64
    places : (N, 2) int64        begin and end of each symbol in the text, in characters
    chars : Vocabulary
    """

    text: str
    ids: NDArray[np.int64]
    places: NDArray[np.int64]
    chars: Vocabulary[str]

    @property
    def bytes(self) -> bytes:
        """The text as UTF-8, or the bytes themselves."""
        return self.chars.to_bytes(self.ids) if self.chars.level == 'byte' else self.text.encode()

    @property
    def symbols(self) -> tuple[str, ...]:
        r"""Each symbol as the text has it; a byte that is not ASCII as '\xe9'."""
        if self.chars.level == 'byte':
            return tuple(chr(i) if i < 0x80 else f'\\x{i:02x}' for i in self.ids.tolist())
        return tuple(self.text[start:end] for start, end in self.places.tolist())


def given_text(run: Run, text: object, errors: str, call: str, name: str = 'the text') -> Given:
    """Return a text that a user gave, with at least one symbol; a model of bytes also takes bytes.

    Parameters
    ----------
    errors : str    'strict', or 'replace' for symbols that the model does not know
    call : str      the verb as the user may type it again, with {} for a text
    name : str      the text, for a message
    Raises
    ------
    SamplingError   no text, a path in its place, or a text without symbols
    CharSetError    an unknown symbol, and errors='strict'
    """
    check_errors_argument(errors)
    chars = run.data.chars
    if isinstance(text, Sample) and chars.level == 'byte':
        text = text.bytes
    if is_path(text):
        is_there = Path(str(text)).is_file()
        read = call.format(f"Path({str(text)!r}).read_text(encoding='utf-8')") if is_there else example_call(run, call)
        raise SamplingError(f'{shown(text)} is a path, and a text is needed.', read)
    if isinstance(text, bytes) and chars.level == 'byte':
        ids = np.frombuffer(text, np.uint8).astype(np.int64)
    elif isinstance(text, str):
        try:
            ids = chars.encode(text, errors).astype(np.int64)
        except CharSetError as error:
            raise error if name == 'the text' else CharSetError(f'{name}: {error.what}', error.next_step) from None
    else:
        raise SamplingError(f'{shown(text)} is no text.', example_call(run, call))
    if not len(ids):
        what = f'holds no {NOUNS[chars.level]}' if text else 'is empty'
        kept = call.replace('[{}]', '[text for text in texts if text.strip()]')
        step = example_call(run, call) if name == 'the text' else kept
        raise SamplingError(f'{name} {what}: there is nothing to read.', step)
    if chars.level == 'byte':
        text = chars.to_bytes(ids).decode('utf-8', 'surrogateescape')
    assert isinstance(text, str)
    return Given(Text(text), ids, chars.places(text), chars)


def given_list(run: Run, texts: Iterable[object], errors: str, call: str) -> list[Given]:
    """Return several texts that a user gave, of which there is one at least.

    Raises
    ------
    SamplingError, CharSetError    as ``given_text``; the message has the number of the text
    """
    given = [given_text(run, one, errors, call, f'text {i}') for i, one in enumerate(texts, 1)]
    if not given:
        raise SamplingError('there is no text in the list.', example_call(run, call))
    return given


def given_indices(chars: Vocabulary[str], ids: NDArray[np.int64]) -> Given:
    """Return the text that indices spell, with the places of its symbols."""
    if chars.level == 'byte':
        text = chars.to_bytes(ids).decode('utf-8', 'surrogateescape')
        return Given(Text(text), ids, chars.places(text), chars)
    # Some texts are read in other symbols than those that spelled them, so each symbol tells its own place.
    decoder, pieces = chars.decoder(), list[str]()
    for index in ids.tolist():
        decoder.push(index)
        pieces.append(decoder.take())
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    lengths = np.array([len(chars.decode([index])) for index in range(len(chars))], np.int64)
    return Given(Text(''.join(pieces)), ids, np.stack([ends - lengths[ids], ends], 1), chars)


def is_path(text: object) -> bool:
    """Return True for a path, also as a str: a name with a dot or a slash and no space, and a file has that name."""
    if isinstance(text, os.PathLike):
        return True
    if not isinstance(text, str) or len(text) > MOST_NAME or len(text.split()) != 1 or not {'.', '/'} & set(text):
        return False
    with contextlib.suppress(OSError, ValueError):
        return Path(text).is_file()
    return False
