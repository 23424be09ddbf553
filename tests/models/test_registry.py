"""Classes of the user's own: what register refuses, and what the trial of a built model finds in a half-right one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from charrnn import Carry, HyperParams, HyperParamsError, LanguageModel, ModelTypeError, register
from charrnn.models import MODELTYPES, build_model, modeltype_named, refuse_without_effect
from charrnn.models.recurrent import GRU, LSTM
from charrnn.sampling.readers import ModelReader, open_reader

HYPER = HyperParams(layers=1, state_size=6, seq_len=8)
V = 7


class Good(LanguageModel):
    """A plain cell with modules of torch, a constant and dropout: the class that the others spoil."""

    scale: Tensor

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator)
        H = hyper.state_size
        self.embedding, self.step = nn.Embedding(vocab_size, H), nn.RNNCell(H, H)
        self.register_buffer('scale', torch.ones(H), persistent=False)

    def zero_carry(self, lanes: int) -> Carry:
        return Carry({'h': self.readout_bias.new_zeros(1, lanes, self.hyper.state_size)})

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        return [(lanes, seq_len, self.hyper.state_size)]

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        h, outputs = carry['h'][0], []
        for x in self.embedding(ids).unbind(1):
            h = self.step(x * self.scale, h)
            outputs.append(h)
        found = torch.stack(outputs, dim=1)
        return found if masks is None else found * masks[0], Carry({'h': h[None]})


def forward_then(change: Callable[[Any, Any, Any, Any], object]) -> type[LanguageModel]:
    """Return the good class with an error after forward: change(model, outputs, carry before, carry after)."""

    class Spoiled(Good):
        def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> Any:
            outputs, after = super().forward(ids, carry, masks)
            return change(self, outputs, carry, after)

    return Spoiled


def zero_carry_of(found: Callable[[int], object]) -> type[LanguageModel]:
    """Return the good class with another zero_carry."""

    class Spoiled(Good):
        def zero_carry(self, lanes: int) -> Any:
            return found(lanes)

    return Spoiled


class Remembers(Good):
    """A class with memory outside of the carry."""

    last: Tensor | float = 0.0

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        outputs, after = super().forward(ids, carry, masks)
        before, self.last = self.last, outputs.detach().mean()
        return outputs + before, after


class Buffered(Good):
    """A class with a buffer that no checkpoint keeps."""

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator)
        self.norm = nn.BatchNorm1d(4)


class Fails(Good):
    """A class whose constructor fails."""

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        self.embedding = nn.Embedding(vocab_size, 3)  # before nn.Module.__init__


class Unmasked(Good):
    """A class that does not use its masks."""

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        return super().forward(ids, carry)


def changed_in_place(model: LanguageModel, outputs: Tensor, before: Carry, after: Carry) -> tuple[Tensor, Carry]:
    before['h'].add_(1)
    return outputs, after


def built(kind: type[LanguageModel]) -> LanguageModel:
    """Register a class, build a model of it, and return it."""
    register('Own', kind)
    return build_model('own', V, HYPER, 3)


def test_a_right_class_is_accepted_and_built() -> None:
    model = built(Good)
    assert (model.engine.name, modeltype_named('OWN')) == ('torch', 'Own')
    assert 'computes itself' in model.engine.why
    assert isinstance(open_reader(model, model.zero_carry(1)), ModelReader)


def test_the_weights_are_a_function_of_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    register('Own', Good)
    first, other = build_model('Own', V, HYPER, 3), build_model('Own', V, HYPER, 4)
    stream, dtype = torch.get_rng_state(), torch.get_default_dtype()
    try:
        torch.manual_seed(99)
        torch.set_default_dtype(torch.float64)
        again, shapes = build_model('Own', V, HYPER, 3), build_model('Own', V, HYPER, None)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(dtype)
        torch.set_rng_state(stream)
    for (name, w), v, o, s in zip(
        first.named_parameters(), again.parameters(), other.parameters(), shapes.parameters(), strict=True
    ):
        assert torch.equal(w, v) and (name == 'readout_bias' or not torch.equal(w, o)), name
        assert s.is_meta and (s.shape, s.dtype) == (w.shape, w.dtype)


HALF_RIGHT: dict[str, tuple[type[LanguageModel], str]] = {
    'outputs of one symbol': (
        forward_then(lambda model, x, before, after: (x[:, -1], after)),
        r'outputs float32 \(2, 6\), and float32 \(2, 4, 6\) is due',
    ),
    'outputs as logits': (
        forward_then(lambda model, x, before, after: (model.logits(x), after)),
        r'outputs float32 \(2, 4, 7\), and float32 \(2, 4, 6\) is due',
    ),
    'outputs first by symbol': (
        forward_then(lambda model, x, before, after: (x.transpose(0, 1), after)),
        r'outputs float32 \(4, 2, 6\), and',
    ),
    'double precision': (forward_then(lambda model, x, before, after: (x.double(), after)), r'outputs float64 .* due'),
    'no carry': (forward_then(lambda model, x, before, after: x), "returns 'Tensor', and a pair is due"),
    'a carry that is a dict': (
        forward_then(lambda model, x, before, after: (x, dict(after))), r'the carry \{.*, and \{.* is due'
    ),
    'a carry that grows': (
        forward_then(lambda model, x, before, after: (x, Carry({'h': torch.cat([before['h'], after['h']])}))),
        r"the carry \{'h': 'float32 \(2, 2, 6\)'\}, and \{'h': 'float32 \(1, 2, 6\)'\} is due",
    ),
    'a carry with another name': (
        forward_then(lambda model, x, before, after: (x, Carry({'state': after['h']}))), "the carry {'state': "
    ),
    'the carry of before': (
        forward_then(lambda model, x, before, after: (x, before)), 'reads 4 symbols at once otherwise than one after'
    ),
    'the first carry': (
        forward_then(lambda model, x, before, after: (x, Carry({'h': x[None, :, 0]}))), 'at once otherwise than one'
    ),
    'a look at later symbols': (
        forward_then(lambda model, x, before, after: (x + x.mean(1, keepdim=True), after)), 'at once otherwise than'
    ),
    'a sum over the lanes': (
        forward_then(lambda model, x, before, after: (x + x.sum(0), after)), 'depends on the lanes beside it'
    ),
    'noise': (
        forward_then(lambda model, x, before, after: (x + torch.rand(6), after)), 'differently a second time'
    ),
    'dropout of torch': (
        forward_then(lambda model, x, before, after: (nn.functional.dropout(x, 0.5), after)), 'differently a second'
    ),
    'memory in self': (Remembers, 'differently a second time'),
    'a carry in place': (forward_then(changed_in_place), 'changes the carry that it is given'),
    'no gradient': (forward_then(lambda model, x, before, after: (x.detach(), after)), 'without a gradient'),
    'not finite': (forward_then(lambda model, x, before, after: (x / 0, after)), 'not finite'),
    'masks that do nothing': (Unmasked, 'forward does not use the masks'),
    'a buffer': (Buffered, "buffer 'norm.num_batches_tracked', which no checkpoint keeps"),
    'a constructor that fails': (Fails, r'Fails\(vocab_size, hyper, generator\) failed \(AttributeError: '),
    'a forward that fails': (
        forward_then(lambda model, x, before, after: x.nonsense), 'Spoiled.forward of ids .* failed .AttributeError'
    ),
    'an empty carry': (zero_carry_of(lambda lanes: Carry({})), 'a Carry with a state is due'),
    'a carry of zeros as a tensor': (zero_carry_of(lambda lanes: torch.zeros(1, lanes, 6)), 'zero_carry returns'),
    'lanes in the first place': (
        zero_carry_of(lambda lanes: Carry({'h': torch.zeros(lanes, 1, 6)})),
        r"zero_carry\(2\) has 'h': float32 \(2, 1, 6\), and a tensor \(layers, 2, units\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', HALF_RIGHT)
def test_a_half_right_class_is_a_clear_error(name: str) -> None:
    kind, said = HALF_RIGHT[name]
    with pytest.raises(ModelTypeError, match=f'{said}(.|\n)*\n  Next: .') as caught:
        built(kind)
    assert len(caught.value.what) < 250


def without(name: str) -> type[LanguageModel]:
    return type('Lacks', (Good,), {name: getattr(LanguageModel, name)})


@pytest.mark.parametrize(
    ('kind', 'said'),
    [
        (nn.GRU, r'is no subclass of charrnn.LanguageModel\.\n  Next: a class whose base is charrnn.LanguageModel'),
        (build_model('GRU', V, HYPER, 0), 'is no subclass'),
        (None, 'None is no subclass'),
        (without('forward'), r'Lacks lacks forward\.\n  Next: def forward\(self, ids, carry, masks=None\)'),
        (without('zero_carry'), r'Lacks lacks zero_carry\.\n  Next: def zero_carry\(self, lanes\)'),
        (type('Bare', (LanguageModel,), {}), 'Bare lacks zero_carry and forward'),
        (
            type('Own', (Good,), {'__init__': lambda self, vocab_size, hyper: None}),
            r'Own.__init__\(self, vocab_size, hyper\) cannot .*\n  Next: def __init__\(self, vocab_size, hyper, gen',
        ),
        (type('Own', (Good,), {'forward': lambda self, ids, carry: None}), r'forward\(self, ids, carry\) cannot'),
        (type('Own', (Good,), {'forward': lambda self, ids, carry, masks: 0}), r'carry, masks\) cannot be called'),
        (type('Own', (Good,), {'mask_shapes': lambda self: []}), r'mask_shapes\(self\) cannot be called'),
        (type('Own', (Good,), {'logits': lambda self, outputs: outputs}), 'logits, which training does not call'),
        (type('Own', (Good,), {'cell': 'mgu'}), "cell='mgu', which no engine knows"),
        (type('Own', (Good,), {'settings': ('units',)}), r"settings=\('units',\)\.\n  Next: a tuple of names out of"),
        (type('Own', (Good,), {'settings': 'emsize'}), "settings='emsize'"),
    ],
)
def test_register_says_what_a_class_lacks(kind: Any, said: str) -> None:
    with pytest.raises(ModelTypeError, match=said):
        register('Own', kind)
    assert 'Own' not in MODELTYPES


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('LSTM', r"a model type 'LSTM' already, of charrnn itself\.\n  Next: charrnn.register\('LSTM2', Good\)"),
        ('gru_encode', "a model type 'GRUEncode' already"),
        ('', "'' is no name"),
        ('my model', "'my model' is no name"),
        ('../x', 'is no name'),
        ('x' * 41, 'is no name'),
        (7, "7 is no name for a model type.\n  Next: letters, digits and _, such as 'MGU'"),
        (Good, r"the name comes first.\n  Next: charrnn.register\('Good', Good\)"),
    ],
)  # fmt: skip
def test_register_says_which_names_are_free(name: Any, said: str) -> None:
    with pytest.raises(ModelTypeError, match=said):
        register(name, Good)


def test_a_call_that_does_not_fit_gets_one_that_does() -> None:
    call: Any = register
    for arguments, said in [
        ((), r"register needs name and ModelClass\.\n  Next: charrnn.register\('MGU', \.\.\.\)"),
        (('Own',), r"register needs ModelClass\.\n  Next: charrnn.register\('Own', \.\.\.\)"),
        (('Own', Good, 3), r'register takes at most 2 values without a name, and 3 were given'),
    ]:
        with pytest.raises(HyperParamsError, match=said):
            call(*arguments)


def test_the_same_class_again_replaces_it_and_another_one_is_refused() -> None:
    register('Own', Good)
    again = type('Good', (Good,), {'__module__': Good.__module__, '__qualname__': Good.__qualname__})
    register('Own', again)
    assert MODELTYPES['Own'] is again
    with pytest.raises(ModelTypeError, match=rf"a model type 'Own' already, {Good.__module__}.Good.*\n.*'Own2', Unm"):
        register('Own', Unmasked)
    with pytest.raises(ModelTypeError, match="'Own' already"):
        register('OWN', again)
    assert MODELTYPES['Own'] is again


def test_a_setting_without_effect_is_refused() -> None:
    register('Own', without('mask_shapes'))
    for given in ({'dropout': 0.1}, {'emsize': 3}, {'memory': 2}):
        (name,) = given
        with pytest.raises(HyperParamsError, match=f'Own has no {name}: it would do nothing'):
            refuse_without_effect('Own', HyperParams(**given))
    refuse_without_effect('GRU', HyperParams(dropout=0.1, emsize=3))


@pytest.mark.parametrize('base', [GRU, LSTM])
def test_a_built_in_class_with_another_forward_is_sampled_by_it(base: type[LanguageModel]) -> None:
    """An inherited stack would be read by C or NumPy, which know nothing of the new forward."""

    class Shifted(base):  # type: ignore[misc, valid-type]
        def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
            outputs, after = super().forward(ids, carry, masks)
            return outputs + 1, after

    model = built(Shifted)
    assert isinstance(open_reader(model, model.zero_carry(1)), ModelReader)
    plain = build_model(base.__name__, V, HYPER, 3)
    assert not isinstance(open_reader(plain, plain.zero_carry(1)), ModelReader)
