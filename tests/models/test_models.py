"""Law 2 and the look-ups, for every model type."""

import numpy as np
import pytest
import torch
from torch import Tensor

from charrnn import HyperParams, HyperParamsError
from charrnn.models import MODELTYPES, LanguageModel, build_model, dropout_masks
from charrnn.scratch.gru import gru_backward, gru_forward, softmax_loss

V, B, T, H = 7, 3, 12, 5
every_model = pytest.mark.parametrize('modeltype', MODELTYPES)


def model_of(modeltype: str, seed: int = 0) -> LanguageModel:
    model = build_model(modeltype, V, HyperParams(layers=2, state_size=H), seed)
    return model.move(torch.device('cpu'), torch.float64)


def ids_of(lanes: int = B, length: int = T) -> Tensor:
    return torch.randint(V, (lanes, length), generator=torch.Generator().manual_seed(3))


@every_model
def test_many_windows_with_carry_equal_one_long_window(modeltype: str) -> None:
    model, ids = model_of(modeltype), ids_of()
    whole, whole_carry = model(ids, model.zero_carry(B))
    carry, parts = model.zero_carry(B), []
    for part in ids.split([1, 1, 3, 7], dim=1):  # type: ignore[no-untyped-call]
        outputs, carry = model(part, carry)
        parts.append(outputs)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-12, atol=1e-14)
    for name in whole_carry:
        torch.testing.assert_close(carry[name], whole_carry[name], rtol=1e-12, atol=1e-14)


@every_model
def test_lanes_never_meet(modeltype: str) -> None:
    model, ids = model_of(modeltype), ids_of()
    together, carry = model(ids, model.zero_carry(B))
    for k in range(B):
        alone, lone_carry = model(ids[k : k + 1], model.zero_carry(1))
        torch.testing.assert_close(alone, together[k : k + 1], rtol=1e-5, atol=1e-12)
        for name in carry:
            torch.testing.assert_close(lone_carry[name], carry.lane(k)[name], rtol=1e-5, atol=1e-12)


@every_model
def test_a_carry_is_not_modified_and_gradients_stop_at_detach(modeltype: str) -> None:
    model, ids = model_of(modeltype), ids_of()
    _, first = model(ids, model.zero_carry(B))
    kept = {name: state.clone() for name, state in first.items()}
    cut = first.detach()
    outputs, _ = model(ids, cut)
    outputs.sum().backward()
    assert all(torch.equal(first[name], kept[name]) for name in kept)
    assert all(not state.requires_grad for state in cut.values())
    assert first['h'].grad_fn is not None


@every_model
def test_later_symbols_never_change_earlier_predictions(modeltype: str) -> None:
    model, ids = model_of(modeltype), ids_of()
    before, _ = model(ids, model.zero_carry(B))
    for t in range(T):
        changed = ids.clone()
        changed[:, t] = (changed[:, t] + 1) % V
        after, _ = model(changed, model.zero_carry(B))
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.equal(after[:, t], before[:, t])


def oracle_loss(model: LanguageModel, ids: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Return the loss of a GRU language model and the gradient of every parameter, by hand, with real one-hots."""
    w = {name: p.detach().numpy() for name, p in model.named_parameters()}
    one_hot = np.eye(V)[ids[:, :-1].T]  # (T, B, V)
    grads: dict[str, np.ndarray] = {}
    encodes = 'encode_weight' in w
    x = np.tanh(one_hot @ w['encode_weight'] + w['encode_bias']) if encodes else one_hot
    encoding, steps = x, []
    weights = []
    for i in range(2):
        w_in = w['resize_weight'].T if i == 0 and not encodes else w[f'layers.{i}.w_in']
        b_in, w_h, b_h = (w[f'layers.{i}.{name}'] for name in ('b_in', 'w_h', 'b_h'))
        x, layer_steps = gru_forward(x, np.zeros((B, H)), w_in, b_in, w_h, b_h)
        steps.append(layer_steps)
        weights.append((w_in, w_h))
    flat = x.reshape(-1, H)
    loss, d_logits = softmax_loss(flat @ w['readout_weight'].T + w['readout_bias'], ids[:, 1:].T.reshape(-1))
    grads['readout_weight'], grads['readout_bias'] = d_logits.T @ flat, d_logits.sum(0)
    d_x = (d_logits @ w['readout_weight']).reshape(x.shape)
    for i in (1, 0):
        found = gru_backward(d_x, steps[i], *weights[i])
        d_x = found['x']
        for name in ('w_in', 'b_in', 'w_h', 'b_h'):
            grads[f'layers.{i}.{name}'] = found[name]
    if encodes:
        d_encoding = d_x * (1 - encoding**2)
        grads['encode_weight'] = np.einsum('tbv,tbh->vh', one_hot, d_encoding)
        grads['encode_bias'] = d_encoding.sum((0, 1))
    else:
        grads['resize_weight'] = grads.pop('layers.0.w_in').T
    return loss, grads


@pytest.mark.parametrize('modeltype', ['GRUEncode', 'GRUResize'])
def test_the_whole_model_equals_the_oracle(modeltype: str) -> None:
    model, ids = model_of(modeltype), ids_of(length=T + 1)
    outputs, _ = model(ids[:, :-1], model.zero_carry(B))
    loss = torch.nn.functional.cross_entropy(model.logits(outputs).flatten(0, 1), ids[:, 1:].reshape(-1))
    loss.backward()  # type: ignore[no-untyped-call]
    expected, grads = oracle_loss(model, ids.numpy())
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert grads.keys() == {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), grads[name], rtol=1e-9, atol=1e-12, err_msg=name)  # type: ignore[union-attr]


@every_model
def test_weights_are_a_function_of_the_seed(modeltype: str) -> None:
    first, again, other = (model_of(modeltype, seed) for seed in (1, 1, 2))
    for (name, a), b, c in zip(first.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        if a.abs().sum():  # biases that begin at zero are alike
            assert not torch.equal(a, c), name


def test_dropout_masks_are_a_function_of_seed_position_and_layer() -> None:
    cpu, shape = torch.device('cpu'), (50, 20, 30)
    masks = dropout_masks(1, 100, [shape] * 2, 0.25, cpu)
    assert masks is not None
    again = dropout_masks(1, 100, [shape] * 2, 0.25, cpu)
    assert again is not None and all(torch.equal(a, b) for a, b in zip(masks, again, strict=True))
    others = [dropout_masks(2, 100, [shape], 0.25, cpu), dropout_masks(1, 108, [shape], 0.25, cpu)]
    assert all(other is not None and not torch.equal(masks[0], other[0]) for other in others)
    assert not torch.equal(masks[0], masks[1])
    assert sorted(set(masks[0].flatten().tolist())) == [0.0, pytest.approx(1 / 0.75)]
    assert masks[0].mean().item() == pytest.approx(1, abs=0.02)
    assert dropout_masks(1, 100, [shape], 0.0, cpu) is None


@every_model
def test_every_dropout_mask_acts(modeltype: str) -> None:
    model, ids = model_of(modeltype), ids_of()
    shapes = model.mask_shapes(B, T)
    ones = [torch.ones(shape, dtype=torch.float64) for shape in shapes]
    plain, _ = model(ids, model.zero_carry(B))
    assert torch.equal(model(ids, model.zero_carry(B), ones)[0], plain)
    for i in range(len(shapes)):
        dropped = [mask * (j != i) for j, mask in enumerate(ones)]
        assert not torch.equal(model(ids, model.zero_carry(B), dropped)[0], plain)
    assert not model(ids, model.zero_carry(B), dropped)[0].any(), 'the last one is before the output layer'


def test_an_unknown_model_type_is_a_clear_error() -> None:
    with pytest.raises(HyperParamsError, match=r"no modeltype 'GRUencod'\.\n  Next: modeltype='GRUEncode'"):
        build_model('GRUencod', V, HyperParams(), 0)
