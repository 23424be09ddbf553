"""RNN_TANH, RNN_RELU, LSTM and GRU against torch's modules with copied weights, whole model, forward and backward."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from charrnn import HyperParams, HyperParamsError
from charrnn.models import build_model
from charrnn.models.recurrent import Embedded

V, B, T, H = 9, 3, 7, 5
KINDS: dict[str, Callable[..., nn.Module]] = {
    'RNN_TANH': lambda *sizes: nn.RNN(*sizes, nonlinearity='tanh'),
    'RNN_RELU': lambda *sizes: nn.RNN(*sizes, nonlinearity='relu'),
    'LSTM': nn.LSTM,
    'GRU': nn.GRU,
}


@pytest.mark.parametrize('tied', [False, True])
@pytest.mark.parametrize('modeltype', KINDS)
def test_it_equals_torch(modeltype: str, tied: bool) -> None:
    emsize = H if tied else 4
    model = build_model(modeltype, V, HyperParams(layers=2, state_size=H, emsize=emsize, tied=tied), 0)
    model.move(torch.device('cpu'), torch.float64)
    assert isinstance(model, Embedded)
    with torch.random.fork_rng():  # torch's own constructors draw
        embedding, recurrent = nn.Embedding(V, emsize).double(), KINDS[modeltype](emsize, H, 2).double()
        readout = nn.Linear(H, V).double()
    with torch.no_grad():
        embedding.weight.copy_(model.embedding_weight)
        readout.weight.copy_(model.readout_weight)
        readout.bias.copy_(model.readout_bias)
        for i, layer in enumerate(model.layers):
            for theirs, ours in (('weight_ih', 'w_in'), ('weight_hh', 'w_h'), ('bias_ih', 'b_in'), ('bias_hh', 'b_h')):
                getattr(recurrent, f'{theirs}_l{i}').copy_(getattr(layer, ours))
    if tied:
        readout.weight = embedding.weight
        assert len(list(model.parameters())) == len(list(embedding.parameters())) + 8 + 1
    ids = torch.randint(V, (B, T), generator=torch.Generator().manual_seed(1))
    outputs, _ = model(ids, model.zero_carry(B))
    logits = model.logits(outputs)
    expected = readout(recurrent(embedding(ids.t()))[0]).transpose(0, 1)
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-12)
    torch.autograd.backward([logits.square().sum(), expected.square().sum()])
    torch.testing.assert_close(model.embedding_weight.grad, embedding.weight.grad, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(model.layers[0].w_h.grad, recurrent.weight_hh_l0.grad, rtol=1e-9, atol=1e-11)


def test_tied_sizes_must_agree() -> None:
    with pytest.raises(HyperParamsError, match=r'emsize=4 and state_size=5 differ.\n  Next: emsize=5, or tied=False'):
        build_model('LSTM', V, HyperParams(state_size=5, emsize=4, tied=True), 0)


@pytest.mark.parametrize('modeltype', KINDS)
def test_an_embedding_begins_as_large_as_a_hidden_state(modeltype: str) -> None:
    for tied, bound in ((False, 1.0), (True, 16**-0.5)):  # a tied one is as large as a readout
        model = build_model(modeltype, 200, HyperParams(state_size=16, tied=tied), 0)
        assert isinstance(model, Embedded)
        assert 0.9 * bound < float(model.embedding_weight.detach().abs().max()) <= bound
