"""Every symbol is scored exactly once, by a model that has read exactly what the protocol says."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from charrnn import HyperParams
from charrnn.evaluation import protocol
from charrnn.evaluation.protocol import evaluate_split
from charrnn.models import Carry, LanguageModel, build_model

CPU = torch.device('cpu')
V = 5


def indices(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, V, size=size).astype(np.uint8)


class Recorder(LanguageModel):
    """A model that notes its inputs and gives all probability to the true next symbol of the ring 0, 1, 2, ..."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__(vocab_size, HyperParams(state_size=vocab_size), torch.Generator())
        with torch.no_grad():
            self.readout_weight.copy_(torch.eye(vocab_size))
        self.vocab_size = vocab_size
        self.fed: list[Tensor] = []

    def zero_carry(self, lanes: int) -> Carry:
        return Carry({'h': torch.zeros(1, lanes, 1)})

    def forward(self, ids: Tensor, carry: Carry, masks: object = None) -> tuple[Tensor, Carry]:
        self.fed.append(ids)
        return torch.nn.functional.one_hot((ids + 1) % self.vocab_size, self.vocab_size).float() * 100, carry


@settings(max_examples=60, deadline=None)
@given(n_train=st.integers(1, 40), n=st.integers(1, 200), seq_len=st.integers(1, 12))
def test_lanes_read_what_stands_before_them_and_score_each_symbol_once(n_train: int, n: int, seq_len: int) -> None:
    """Score the text 0, 1, 2, ..., of which the recorder predicts every symbol: a slip of one place costs 100 nats."""
    text = np.arange(n_train + n).astype(np.uint16)
    model = Recorder(n_train + n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, 'LEAST_WINDOWS', 1)
        found = evaluate_split(model, text[:n_train], text[n_train:], seq_len)
    assert found is not None
    assert found.symbols == found.size == n and found.is_whole
    assert found.nats == pytest.approx(0, abs=1e-6)
    first = torch.cat(model.fed, dim=1)[:, 0]
    lanes = len(first)
    edges = np.arange(lanes) * n // lanes + n_train
    before = [e - seq_len if e >= seq_len else (e - seq_len - n_train) % n_train for e in edges]
    assert first.tolist() == before, 'each lane begins seq_len symbols before its slice'


def test_it_equals_one_lane_scored_by_hand() -> None:
    hyper = HyperParams(layers=1, state_size=4)
    model = build_model('GRUEncode', V, hyper, 0)
    train, split = indices(30), indices(41, seed=1)
    found = evaluate_split(model, train, split, 7)
    assert found is not None
    everything = torch.from_numpy(np.concatenate([train[-7:], split]).astype(np.int64))[None]
    with torch.no_grad():
        outputs, _ = model(everything[:, :-1], model.zero_carry(1))
        nats = torch.nn.functional.cross_entropy(model.logits(outputs)[0, 6:], everything[0, 7:], reduction='none')
    assert found.nats == pytest.approx(nats.mean().item(), rel=1e-5)
    blocks = [b.double().sum().item() for b in nats.split(7)]  # type: ignore[no-untyped-call]
    counts = [7] * 5 + [6]
    spread = sum((b - found.nats * c) ** 2 for b, c in zip(blocks, counts, strict=True))
    assert found.stderr == pytest.approx(math.sqrt(spread * 6 / 5) / 41, rel=1e-4)


def test_part_of_a_split_and_a_stop() -> None:
    model = build_model('GRUEncode', V, HyperParams(layers=1, state_size=4), 0)
    train, split = indices(30), indices(400, seed=1)
    part = evaluate_split(model, train, split, 5, windows=2)
    assert part is not None
    assert (part.symbols, part.size, part.lanes, part.warmup) == (10 * 10, 400, 10, 5) and not part.is_whole
    assert evaluate_split(model, train, split, 5, each_window=lambda: True) is None
    single = evaluate_split(model, train, split[:1], 5)
    assert single is not None and single.symbols == 1 and math.isnan(single.stderr)
