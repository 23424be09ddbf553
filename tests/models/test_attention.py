"""Attention is causal, and its memory does not depend on the edges of windows."""

import pytest
import torch
from conftest import MakeRun, train

from charrnn import CharSetError, HyperParams, SamplingError, TrainingError
from charrnn.evaluation.causality import first_look_ahead
from charrnn.models import build_model
from charrnn.models.attention import LSTMAttention, band_mask

V, B, T, H = 7, 2, 9, 6


def model_of(memory: int) -> LSTMAttention:
    model = build_model('LSTMAttention', V, HyperParams(layers=1, state_size=H, memory=memory, seq_len=5), 0).move(
        torch.device('cpu'), torch.float64
    )
    assert isinstance(model, LSTMAttention)
    return model


def test_the_picture_in_the_module_is_true() -> None:
    mask = band_mask(torch.tensor([2]), 4, 3)[0]
    assert mask.int().tolist() == [
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 1, 1],
    ]
    assert band_mask(torch.tensor([4]), 4, 3)[0].int().tolist()[2] == [0, 0, 1, 1, 1, 1, 1]
    assert band_mask(torch.tensor([4]), 4, 3)[0].int().tolist()[0] == [1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize('memory', [1, 3, 8, 50])
def test_symbol_by_symbol_equals_a_window_at_a_time(memory: int) -> None:
    model = model_of(memory)
    ids = torch.randint(V, (B, 4 * T), generator=torch.Generator().manual_seed(0))
    whole, end = model(ids, model.zero_carry(B))
    for length in (1, 2, T):
        carry, parts = model.zero_carry(B), []
        for part in ids.split(length, dim=1):  # type: ignore[no-untyped-call]
            outputs, carry = model(part, carry)
            parts.append(outputs)
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-10, atol=1e-12)
        for name in end:
            torch.testing.assert_close(carry[name], end[name], rtol=1e-10, atol=1e-12)


def test_it_equals_softmax_written_out() -> None:
    """Let position t see itself and the M outputs before it, if they exist."""
    M = 3
    model = model_of(M)
    ids = torch.randint(V, (1, T), generator=torch.Generator().manual_seed(2))
    outputs, _ = model(ids, model.zero_carry(1))
    own = model.recur(ids, model.zero_carry(1), None)[0][:, 0]
    weights = torch.zeros(T, T, dtype=torch.float64)
    for t in range(T):
        visible = own[max(0, t - M) : t + 1]
        scores = (model.query_weight @ own[t]) @ (visible @ model.key_weight.t()).t() / H**0.5
        weights[t, max(0, t - M) : t + 1] = scores.softmax(0)
        expected = own[t] + scores.softmax(0) @ (visible @ model.value_weight.t())
        torch.testing.assert_close(outputs[0, t], expected, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(model.attention_weights(ids), weights, rtol=1e-9, atol=1e-11)


def test_a_model_without_its_mask_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from charrnn.models import attention

    model = model_of(5).float()
    assert first_look_ahead(model, V) is None
    monkeypatch.setattr(attention, 'band_mask', lambda filled, memory, length: torch.ones(
        len(filled), length, memory + length, dtype=torch.bool))  # fmt: skip
    assert first_look_ahead(model, V) == 1


def test_checkcausal_and_trackattention(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from charrnn.models import attention

    ms = make_run(modeltype='LSTMAttention', memory=4)
    train(ms, 3)
    weights = ms.trackattention('the cat')
    assert weights.shape == (7, 7)
    assert weights.sum(1) == pytest.approx([1] * 7, abs=1e-5)
    assert (weights[0, 1:] == 0).all() and weights[6, 1] == 0 and weights[6, 2] > 0
    with pytest.raises(CharSetError):
        ms.trackattention('é')
    with pytest.raises(SamplingError, match='empty'):
        ms.trackattention('')
    with pytest.raises(TrainingError, match='GRUEncode has no attention'):
        make_run('other').trackattention('the')
    assert ms.checkcausal() is True
    monkeypatch.setattr(attention, 'band_mask', lambda filled, memory, length: torch.ones(
        len(filled), length, memory + length, dtype=torch.bool))  # fmt: skip
    with pytest.warns(UserWarning, match='this LSTMAttention looks ahead'):
        assert ms.checkcausal() is False
