"""Compressing a text with the predictions of a model: the verbs compress and decompress."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.arguments import path_of, truth
from charrnn.display.progress import Screen
from charrnn.errors import CompressionError, SamplingError, shown, typed
from charrnn.models import Carry
from charrnn.sampling.coder import BLOCK, decode, encode
from charrnn.sampling.readers import Reader, open_reader
from charrnn.sampling.sample import Sample
from charrnn.sampling.state import State
from charrnn.session.given import is_path
from charrnn.session.prime import example_call, start_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.storage.compressed import DIGEST, Compressed, damaged, pack, unpack
from charrnn.storage.durable import cannot_read, explained
from charrnn.text.spelling import lost_parts, whole_text

LANE = 6000
"""Symbols of a lane, at least, where there are several: the start of each costs some 20 bits."""
MOST_LANES = 16
LARGEST_STEP = 2**20
"""Weights of one step: a large vocabulary is read in fewer lanes."""
TRIAL = 4
"""Steps of a reader whose logits are compared before decoding."""


# ---- the two sides --------------------------------------------------------------------------------------------------


def engine_of(run: Run) -> str:
    """Return in words what the bits of logits depend on, besides the weights; what decides comes first."""
    engine, device = run.learner.model.engine, run.learner.device
    threads = f'{torch.get_num_threads()} threads'
    return f'{engine.label} on {device.type} with torch {torch.__version__}, {threads}, {platform.machine()}'


def reader_at(run: Run, state: State, lanes: int) -> tuple[Reader, int]:
    """Return a reader of lanes that all stand at a state, and the trial: a CRC-32 of logits after the same symbols."""
    start = Carry.join([state.carry] * lanes)
    reader, crc, V = open_reader(run.learner.evaluated, start), 0, len(run.data.chars)
    for step in range(TRIAL):
        crc = zlib.crc32(reader.step((state.pending + step * lanes + np.arange(lanes)) % V).tobytes(), crc)
    reader.carry = start
    return reader, crc


def lanes_for(symbols: int, vocab_size: int) -> int:
    """Return the number of lanes of a text: one for a short text, since the start of each lane costs bits.

    It is a power of two, because the readers are fastest with those.
    """
    most = min(symbols // LANE, MOST_LANES, LARGEST_STEP // vocab_size)
    return 1 << max(1, most).bit_length() - 1


def compressed(run: Run, data: bytes) -> bytes:
    """Return the bytes of a text, compressed."""
    chars, text = run.data.chars, data.decode('utf-8', 'surrogateescape')
    ids: NDArray[np.int64] = chars.encode(text, errors='replace').astype(np.int64)
    lanes = lanes_for(len(ids), len(chars))
    state, _ = start_of(run, None)
    reader, trial = reader_at(run, state, lanes)
    with progress('compressing', run, len(ids), lanes) as report:
        code = encode(reader, state.pending, ids, lanes, report) if len(ids) else b''
    weights, vocabulary = (bytes.fromhex(digest)[:DIGEST] for digest in state.of.identity)
    model = f'{state.of.modeltype} at {state.of.position:,} symbols'
    made = Compressed(
        weights, vocabulary, digest(data), trial, len(ids), lanes, model, engine_of(run),
        pack(lost_parts(chars, text)), code,
    )  # fmt: skip
    return made.to_bytes()


def decompressed(run: Run, data: bytes) -> bytes:
    """Return the bytes of the text that data hold.

    Raises
    ------
    CompressionError    they are damaged, or of another model, vocabulary or engine
    """
    found = Compressed.of(data)
    if found.lanes > MOST_LANES:
        raise damaged('their head makes no sense')
    chars, (state, _), here = run.data.chars, start_of(run, None), engine_of(run)
    weights, vocabulary = (bytes.fromhex(digest)[:DIGEST] for digest in state.of.identity)
    if (found.weights, found.vocabulary) != (weights, vocabulary):
        differs = 'other weights' if found.vocabulary == vocabulary else 'another vocabulary'
        raise CompressionError(
            f'these data were made with a {shown(found.model)[1:-1]}, and this model is {state.of}: {differs}.',
            'the run and the checkpoint that compressed: ms.checkpoints() lists those of this run',
        )
    names = [name.partition(' with ')[0] for name in (found.engine, here)]
    if names[0] != names[1]:
        label = shown(names[0].partition(' on ')[0])[1:-1]
        raise CompressionError(
            f'these data were made by the engine {shown(names[0])[1:-1]}, and this is {names[1]}, which rounds '
            'otherwise.',
            f'the device that compressed, in a process with CHARRNN_ENGINE={label}',
        )
    other = CompressionError(
        f'the logits are rounded otherwise here than where the data were made: {shown(found.engine)[1:-1]} there, '
        f'{here} here.',
        'the machine, the torch and the number of threads that compressed',
    )
    reader, trial = reader_at(run, state, found.lanes)
    if trial != found.trial:
        raise other
    try:
        parts = unpack(found.lost, found.symbols)
        with progress('decompressing', run, found.symbols, found.lanes) as report:
            ids = decode(reader, state.pending, found.code, found.symbols, found.lanes, report)
        text = whole_text(chars, ids.astype(chars.dtype), parts)
    except SamplingError:
        raise
    except (ValueError, LookupError):  # such a code, or such parts, come of no text
        raise other from None
    if digest(text) != found.text:
        raise other
    return text


@contextlib.contextmanager
def progress(label: str, run: Run, symbols: int, lanes: int) -> Iterator[Callable[[], None]]:
    """Show a bar while the block runs; give the function that advances it every BLOCK steps."""
    screen = Screen(level=run.data.chars.level)
    with screen.bar(label, -(-symbols // lanes) // BLOCK, BLOCK * lanes):
        yield screen.advance


def digest(data: bytes) -> bytes:
    """Return the first bytes of the SHA-256 of data."""
    return hashlib.sha256(data).digest()[:DIGEST]


# ---- the verbs ------------------------------------------------------------------------------------------------------


@known_names_only
def compress(ms: Session, text: str | bytes | Path, *, verify: bool = False) -> bytes:
    """Compress a text with the predictions of the model.

    The size is the cost of the text for the model, in bits, and some 130
    bytes: what ms.score(text).total says, divided by 8·ln 2. Any text can
    be compressed; what the model has no symbols for is added, and costs
    more. ms.decompress gives the text back, in this run with the weights
    as they are now, on the same kind of machine and with the same engine.

    Parameters
    ----------
    text : str       or bytes; or a Path: the bytes of that file
    verify : bool    decompress before returning, which takes as long again

    Raises CompressionError (half of a surrogate pair), WorkspaceError (a
    file that cannot be read), SamplingError (no text).
    """
    run, verify = run_of(ms), truth('verify', verify, False)
    data = bytes_of(run, text)
    found = compressed(run, data)
    if verify and decompressed(run, found) != data:
        raise CompressionError('the text does not come back from its compressed form.', 'ms.checkcausal()')
    return found


@known_names_only
def decompress(ms: Session, data: bytes | Path) -> Sample:
    """Give back the text that ms.compress has compressed.

    The run has to have the weights that compressed. The result is a str;
    its .bytes are the bytes that were compressed, also where they are no
    text. Damaged data are an error, and never another text.

    Parameters
    ----------
    data : bytes     of ms.compress; or a Path: the bytes of that file

    Raises CompressionError (damaged data; other weights, another
    vocabulary or engine), WorkspaceError (a file that cannot be read).
    """
    run = run_of(ms)
    found = decompressed(run, data_of(data))
    return Sample(found.decode('utf-8', 'surrogateescape'), found)


def data_of(data: object) -> bytes:
    """Return the bytes of what a user wants to decompress; raise CompressionError for what has none."""
    if isinstance(data, os.PathLike):
        return file_bytes(data)
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if is_path(data):
        Compressed.of(file_bytes(Path(str(data))))  # or it says what is wrong with the file
        raise CompressionError(f'{shown(data)} is a path, and bytes are needed.', f'ms.decompress(Path({typed(data)}))')
    raise CompressionError(f'{shown(data)} is no bytes.', 'ms.compress(text) returns such bytes')


def bytes_of(run: Run, text: object) -> bytes:
    """Return the bytes of what a user wants to compress.

    Raises
    ------
    CompressionError    half of a surrogate pair
    SamplingError       no text, or a str that is the path of a file
    WorkspaceError      a file that cannot be read
    """
    if isinstance(text, Sample):
        return text.bytes
    if isinstance(text, bytes | bytearray | memoryview):
        return bytes(text)
    if isinstance(text, os.PathLike):
        return file_bytes(text)
    if not isinstance(text, str):
        raise SamplingError(f'{shown(text)} is no text.', example_call(run, 'ms.compress({})'))
    if is_path(text):
        raise SamplingError(f'{shown(text)} is a path, and a text is needed.', f'ms.compress(Path({typed(text)}))')
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        wrong = f'U+{ord(text[error.start]):04X} at offset {error.start} is half of a surrogate pair'
        whole = "text.encode('utf-8', 'replace')"
        raise CompressionError(f'{wrong}, which is no character.', f'ms.compress({whole})') from None


def file_bytes(path: os.PathLike[str]) -> bytes:
    """Return the bytes of a file."""
    place = path_of('path', Path(path))
    with explained(place, cannot_read):
        return place.read_bytes()
