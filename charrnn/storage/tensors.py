"""Named tensors as the bytes of a safetensors file, without a copy of them.

    8 bytes    the length of the header
    header     {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, filled up with spaces
    data       the tensors, one after the other

The library safetensors would build the whole file in memory, and where memory is short it ends the process, with all
that was trained since the last checkpoint.  Here the pieces are views of the tensors.  The library reads the files,
when there is memory for what it makes.

Source: https://github.com/huggingface/safetensors, "Format"; the order of the tensors is the library's.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor

from charrnn.storage.durable import Pieces

NAMES = {
    torch.int64: 'I64',
    torch.float64: 'F64',
    torch.float32: 'F32',
    torch.int32: 'I32',
    torch.bfloat16: 'BF16',
    torch.float16: 'F16',
    torch.int16: 'I16',
    torch.int8: 'I8',
    torch.uint8: 'U8',
    torch.bool: 'BOOL',
}
"""The types of tensors, in the order of the file: those with the largest numbers first, so that each is aligned."""
RESERVE = 1 << 24
"""Bytes of memory that the library finds free, besides those for the tensors, when it reads."""
SMALL = 1 << 16
"""Pieces up to this size are joined: a small model needs one write."""


def as_pieces(tensors: Mapping[str, Tensor]) -> list[bytes | memoryview]:
    """Return the contents of a safetensors file in pieces; the tensors must not change while these are used."""
    order, end, header = list(NAMES), 0, {}
    data: list[bytes | memoryview] = []
    for name in sorted(tensors, key=lambda name: (order.index(tensors[name].dtype), name)):
        tensor = tensors[name].detach().cpu().contiguous()
        begin, end = end, end + tensor.nbytes
        header[name] = {'dtype': NAMES[tensor.dtype], 'shape': list(tensor.shape), 'data_offsets': [begin, end]}
        data.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    text = json.dumps(header, ensure_ascii=False, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    return _joined([struct.pack('<Q', len(text)) + text, *data])


def from_bytes(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Raises
    ------
    MemoryError    there is no memory for them
    Exception      of the library, of several types: the content is not a valid file
    """
    # Where memory is short the library, which is written in Rust, panics, and may end or stop the process.
    bytearray(len(content) + RESERVE)
    return safetensors.torch.load(content)


def _joined(pieces: Pieces) -> list[bytes | memoryview]:
    """Return pieces with small neighbours joined."""
    found: list[bytes | memoryview] = []
    for piece in pieces:
        if found and len(found[-1]) + len(piece) <= SMALL:
            found[-1] = bytes(found[-1]) + piece
        else:
            found.append(piece)
    return found
