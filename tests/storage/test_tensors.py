"""Named tensors become the bytes that the library safetensors writes, without a copy of large ones."""

import pytest
import safetensors.torch
import torch

from charrnn.storage.tensors import NAMES, SMALL, as_pieces, from_bytes


def named(*, size: int = 3) -> dict[str, torch.Tensor]:
    """Return tensors of every type and of several shapes, some of them not contiguous."""
    draws = torch.Generator().manual_seed(0)
    found = {
        f'{shape}/{NAMES[kind]}': torch.randint(2, shape, generator=draws).to(kind)
        for kind in NAMES
        for shape in ((), (0, 2), (size, 2))
    }
    return {**found, 'é"\\\x1b': torch.ones(2), 'turned': torch.rand(size, 5, generator=draws).t()}


@pytest.mark.parametrize('size', [3, SMALL // 8])
def test_the_bytes_are_those_of_the_library(size: int) -> None:
    tensors = named(size=size)
    expected = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    assert b''.join(as_pieces(tensors)) == expected
    assert b''.join(as_pieces({})) == safetensors.torch.save({})
    read = from_bytes(b''.join(as_pieces(tensors)))
    assert read.keys() == tensors.keys() and all(torch.equal(read[name], tensors[name]) for name in read)


def test_small_tensors_are_one_piece_and_large_ones_are_not_copied() -> None:
    assert len(as_pieces({name: torch.ones(9) for name in 'abc'})) == 1
    large = torch.zeros(SMALL)
    pieces = as_pieces({'large': large, 'z': torch.ones(2)})
    assert [len(piece) for piece in pieces][1:] == [4 * SMALL, 8]
    large[0] = 1.0
    assert bytes(pieces[1][:4]) == b'\x00\x00\x80\x3f'
