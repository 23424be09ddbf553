"""An adaptive rung is the size of a stream: PPMd decodes it again, and the training text comes before it."""

import sys

import pytest
from conftest import words

from charrnn.evaluation import archivers
from charrnn.evaluation.archivers import coded_bytes, has_ppmd, ppmd_bytes, ppmd_encoder, xz_bytes

pyppmd = pytest.importorskip('pyppmd')
TRAIN, TEXT = words(6000, seed=1).encode(), words(900, seed=2).encode()


def stream(text: bytes, order: int, size: int) -> bytes:
    encoder = ppmd_encoder(order, size)
    return bytes(encoder.encode(text) + encoder.flush())


@pytest.mark.parametrize('order', archivers.PPMD_ORDERS)
def test_ppmd_is_the_size_that_a_text_adds_to_a_stream_that_is_decoded(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archivers, 'PPMD_ORDERS', (order,))
    monkeypatch.setattr(archivers, 'PIECE', 1000)
    size = len(TRAIN + TEXT)
    whole = stream(TRAIN + TEXT, order, size)
    assert ppmd_bytes(TRAIN, TEXT) == len(whole) - len(stream(TRAIN, order, size))
    decoder = pyppmd.Ppmd7Decoder(order, 2**20)
    assert decoder.decode(whole, size) == TRAIN + TEXT


def test_the_order_is_chosen_on_the_training_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the training text repeats its beginning, so it deserves the long contexts, whatever the split is."""
    noise = bytes(words(4000, seed=3).encode())
    repeats = noise + noise[:900]
    both = {}
    for orders in ((2,), (16,), (2, 16)):
        monkeypatch.setattr(archivers, 'PPMD_ORDERS', orders)
        both[orders] = ppmd_bytes(repeats, TEXT), ppmd_bytes(repeats, noise[:500])
    assert both[2, 16] == both[16,] != both[2,]


def test_both_read_the_end_of_a_long_training_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivers, 'MOST_BYTES', 2000)
    assert ppmd_bytes(TRAIN, TEXT) == ppmd_bytes(TRAIN[-2000:], TEXT)
    assert xz_bytes(TRAIN, TEXT) == xz_bytes(TRAIN[-2000:], TEXT)


@pytest.mark.parametrize('train', [b'', b'a', b'\0' * 3000, bytes(range(256)) * 8], ids=len)
def test_sizes_are_small_and_never_negative(train: bytes) -> None:
    assert 0 <= ppmd_bytes(train, b'a') <= 3 and 0 <= ppmd_bytes(train, train[:100]) <= 120


def test_without_the_package_the_rung_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_ppmd() and coded_bytes(TRAIN, TEXT).keys() == {'xz', 'PPMd'}
    assert coded_bytes(TRAIN, TEXT)['PPMd'] < coded_bytes(TRAIN, TEXT)['xz']
    monkeypatch.setitem(sys.modules, 'pyppmd', None)
    assert not has_ppmd() and coded_bytes(TRAIN, TEXT).keys() == {'xz'}
