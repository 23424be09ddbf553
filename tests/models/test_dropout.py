"""Masks of a window: one for each symbol, one for all of them, and those of the recurrent matrices."""

from collections.abc import Sequence

import pytest
import torch
from conftest import MakeRun, learner_of
from torch import Tensor, nn

import charrnn
from charrnn import Carry, HyperParams, HyperParamsError, LanguageModel, ModelTypeError
from charrnn.models import MODELTYPES, build_model, window_masks

every_model = pytest.mark.parametrize('modeltype', MODELTYPES)
B, T = 3, 5
IDS = torch.randint(7, (B, T + 1), generator=torch.Generator().manual_seed(0))


@every_model
def test_a_locked_mask_drops_the_same_units_at_every_symbol(modeltype: str) -> None:
    hyper = HyperParams(layers=2, state_size=6, seq_len=T, dropout=0.5, locked=True)
    model = build_model(modeltype, 7, hyper, 0)
    masks = window_masks(model, hyper, seed=1, position=10, lanes=B)
    assert masks.outputs and not masks.weights
    shapes = model.mask_shapes(B, T)
    spread = [mask.expand(shape).contiguous() for mask, shape in zip(masks.outputs, shapes, strict=True)]
    outputs, _ = model(IDS[:, :-1], model.zero_carry(B), masks.outputs)
    due, _ = model(IDS[:, :-1], model.zero_carry(B), spread)
    assert torch.equal(outputs, due)
    dropped = (outputs == 0).all(1)  # (B, H): at every symbol
    if modeltype != 'RNN_RELU':  # whose units are zero by themselves
        assert 0 < dropped.sum() < dropped.numel() and bool(((outputs == 0).any(1) == dropped).all())
        assert not torch.equal(dropped[0], dropped[1]) or not torch.equal(dropped[1], dropped[2]), 'lanes differ'


@every_model
def test_dropped_weights_are_zeros_in_this_window_only(make_run: MakeRun, modeltype: str) -> None:
    """A window with weightdrop moves the weights as plain gradients of the masked matrices say."""
    ms = make_run(modeltype=modeltype, weightdrop=0.5, optimizer='sgd', learnrate=0.5, regcost=0.0, clip=0.0)
    learner = learner_of(ms)
    before = {name: p.detach().clone() for name, p in learner.model.named_parameters()}
    masks = window_masks(learner.model, ms.hyper, learner.seed, 0, learner.lanes).weights
    assert list(masks) == ['layers.0.w_h', 'layers.1.w_h']
    assert all(sorted(set(mask.flatten().tolist())) == [0, 2] for mask in masks.values())
    assert not torch.equal(*masks.values())
    later = window_masks(learner.model, ms.hyper, learner.seed, 8, learner.lanes).weights
    assert not torch.equal(later['layers.0.w_h'], masks['layers.0.w_h']), 'each window has masks of its own'
    twin = build_model(modeltype, len(ms.chars), ms.hyper, learner.seed)
    with torch.no_grad():
        for name, mask in masks.items():
            twin.get_parameter(name).mul_(mask)
    n, places = ms.data.train_size, learner.places(0)
    ids = torch.tensor([[int(ms.data.train[(start + i) % n]) for i in range(9)] for start in places])
    outputs, _ = twin(ids[:, :-1], twin.zero_carry(len(places)), None)
    nn.functional.cross_entropy(twin.logits(outputs).flatten(0, 1), ids[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
    learner.train_window()
    for name, p in learner.model.named_parameters():
        gradient = twin.get_parameter(name).grad
        assert gradient is not None
        due = before[name] - 0.5 * gradient * masks.get(name, torch.ones(1))
        torch.testing.assert_close(p.detach(), due, rtol=1e-4, atol=1e-6)


def test_what_would_do_nothing_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(HyperParamsError, match='locked acts only with dropout'):
        make_run(locked=True)
    ms = make_run()
    with pytest.raises(HyperParamsError, match='locked acts only with dropout'):
        ms.sethyperparams(locked=True)
    ms.sethyperparams(dropout=0.1, locked=True)

    class Plain(LanguageModel):
        def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
            super().__init__(vocab_size, hyper, generator)
            self.table = nn.Embedding(vocab_size, hyper.state_size)

        def zero_carry(self, lanes: int) -> Carry:
            return Carry({'h': self.readout_bias.new_zeros(1, lanes, 1)})

        def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
            return [(lanes, seq_len, self.hyper.state_size)]

        def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
            x = self.table(ids)
            for t in range(ids.shape[1]) if masks else ():
                assert masks is not None
                x = torch.cat([x[:, :t], x[:, t : t + 1] * masks[0][:, t : t + 1], x[:, t + 1 :]], 1)
            return x, Carry({'h': carry['h'] + 0})

    charrnn.register('Plain', Plain)
    with pytest.raises(HyperParamsError, match='has no weightdrop'):
        make_run('own', modeltype='Plain', weightdrop=0.1)
    with pytest.raises(ModelTypeError, match='outputs'):  # its masks cannot stand for all symbols
        make_run('other', modeltype='Plain', dropout=0.1, locked=True)
    own = make_run('third', modeltype='Plain', dropout=0.1)
    with pytest.raises(ModelTypeError, match='outputs'):
        own.sethyperparams(locked=True)
