"""A run on a GPU learns, agrees with the CPU, resumes bit for bit, and moves between devices."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train
from torch import Tensor
from torch.nn.functional import cross_entropy

from charrnn import HyperParams, ModelState
from charrnn.models import MODELTYPES, Carry, build_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA GPU')

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'
every_modeltype = pytest.mark.parametrize('modeltype', MODELTYPES)


@pytest.fixture
def whole_float32() -> Iterator[None]:
    """Switch off TensorFloat-32, the default of cuDNN's recurrences, which keeps 10 bits of a product's factors."""
    switches: tuple[Any, Any] = (torch.backends.cudnn.rnn, torch.backends.cuda.matmul)
    before = [switch.fp32_precision for switch in switches]
    for switch in switches:
        switch.fp32_precision = 'ieee'
    yield
    for switch, value in zip(switches, before, strict=True):
        switch.fp32_precision = value


@pytest.fixture(autouse=True)
def untouched_cuda_rng() -> Iterator[None]:
    """Check that no test draws from torch's global random stream on the GPU."""
    before = torch.cuda.get_rng_state()
    yield
    assert torch.equal(before, torch.cuda.get_rng_state()), 'torch’s global random stream on the GPU was used'


def one_window(modeltype: str, H: int, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the outputs, loss, carry and gradients of a window on a device, brought to the CPU."""
    B, T, V, L = 3, 20, 11, 2
    draws = np.random.default_rng(0)
    ids = torch.from_numpy(draws.integers(0, V, (B, T + 1))).to(device)
    carry = Carry({'h': torch.from_numpy(draws.uniform(-0.5, 0.5, (L, B, H))).to(device, dtype)})
    model = build_model(modeltype, V, HyperParams(layers=L, state_size=H), seed=0).to(device, dtype)
    outputs, after = model(ids[:, :-1], carry)
    loss = cross_entropy(model.logits(outputs).flatten(0, 1), ids[:, 1:].reshape(-1))
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))
    with torch.no_grad():  # cuDNN evaluates with other kernels
        unseen, _ = model(ids[:, :-1], carry)
    found = {'loss': loss, 'outputs': outputs, 'without gradients': unseen, **after, **gradients}
    return {name: t.detach().cpu() for name, t in found.items()}


def tensors_of(ms: ModelState) -> dict[str, Tensor]:
    """Return every tensor that training reads, under its name in a checkpoint."""
    return learner_of(ms).moment().tensors()


def assert_same_moment(ours: ModelState, theirs: ModelState) -> None:
    """Assert that every tensor that training reads has the same bits in both runs, on any devices."""
    assert ours.position == theirs.position
    our, their = tensors_of(ours), tensors_of(theirs)
    assert our.keys() == their.keys()
    for name, tensor in our.items():
        assert torch.equal(tensor.cpu(), their[name].cpu()), name


def assert_lives_on(ms: ModelState, device: str) -> None:
    """Assert that weights, moments and carry are on this device; torch keeps step counts on the CPU."""
    for name, tensor in tensors_of(ms).items():
        assert tensor.device.type == ('cpu' if name.endswith('/step') else device), name


@every_modeltype
def test_training_lowers_the_loss(make_run: MakeRun, modeltype: str) -> None:
    ms = make_run(modeltype=modeltype, device='cuda', state_size=16)
    untrained = ms.evaluate().nats
    train(ms, 60)
    assert_lives_on(ms, 'cuda')
    assert ms.evaluate().nats < untrained - 0.5


@every_modeltype
@pytest.mark.parametrize('H', [22, 160])  # the second layer's carry is not 16-byte aligned; torch mixes algorithms
@pytest.mark.parametrize(('dtype', 'rtol', 'atol'), [(torch.float32, 1e-4, 1e-5), (torch.float64, 1e-9, 1e-11)])
def test_it_computes_what_the_cpu_computes(
    modeltype: str, H: int, dtype: torch.dtype, rtol: float, atol: float, whole_float32: None
) -> None:
    ours, theirs = (one_window(modeltype, H, device, dtype) for device in ('cuda', 'cpu'))
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol)


@every_modeltype
def test_a_resume_is_exact(make_run: MakeRun, modeltype: str) -> None:
    given = {'modeltype': modeltype, 'device': 'cuda', 'deterministic': True, 'dropout': 0.3}
    straight, stopped = make_run('straight', **given), make_run('stopped', **given)
    train(straight, 7)
    train(stopped, 3)
    resumed = ModelState.load(stopped.curdir, device='cuda')
    assert_same_moment(resumed, stopped)
    train(resumed, 4)
    assert_same_moment(resumed, straight)


@every_modeltype
@pytest.mark.parametrize(('made_on', 'loaded_on'), [('cuda', 'cpu'), ('cpu', 'cuda')])
def test_a_checkpoint_moves_to_another_device(make_run: MakeRun, modeltype: str, made_on: str, loaded_on: str) -> None:
    ms = make_run(modeltype=modeltype, device=made_on)
    train(ms, 3)
    with pytest.warns(UserWarning, match=f'device {made_on}, now {loaded_on}'):
        loaded = ModelState.load(ms.curdir, device=loaded_on)
    assert_same_moment(loaded, ms)
    assert_lives_on(loaded, loaded_on)
    assert len(loaded.generatestring(20, seed=0)) == 20
    train(loaded, 2)
    assert loaded.position == ms.position + 2 * ms.hyper.seq_len


def test_the_speed_of_a_gpu_is_printed(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from overhead import HEADER, compare

    ms = make_run(device='cuda', state_size=64)
    rows = list(compare(ms, lanes=3, windows=5, blocks=3, screens={'pipe': io.StringIO()}))
    with capsys.disabled():
        print(f'\n{torch.cuda.get_device_name()}\n{HEADER}', *rows, sep='\n')
