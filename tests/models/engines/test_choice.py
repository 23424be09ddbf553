"""The engine is chosen when a model is built, and says why."""

import pytest
import torch
from conftest import NATIVE_SETS, MakeRun

from charrnn import EngineError
from charrnn.hyperparams import HyperParams
from charrnn.models import build_model
from charrnn.models.cells import CELLS, Cell
from charrnn.models.engines import native
from charrnn.models.engines.choice import choose_engine


def test_the_engine_and_its_reason(monkeypatch: pytest.MonkeyPatch, make_run: MakeRun) -> None:
    gru, cpu = CELLS['gru'], torch.device('cpu')
    monkeypatch.setenv('CHARRNN_ENGINE', 'torch')
    assert repr(make_run().engine) == 'torch: CHARRNN_ENGINE=torch'
    monkeypatch.delenv('CHARRNN_ENGINE')
    assert choose_engine(gru, cpu).name == ('native' if NATIVE_SETS else 'torch')
    assert choose_engine(gru, torch.device('cuda')).name == 'cudnn'
    assert choose_engine(gru, torch.device('mps')).name == 'torch'
    assert choose_engine(gru, cpu, torch.float64).name == 'torch'
    assert choose_engine(Cell('mgu', 2), cpu).why == 'the native engine does not have the cell mgu'
    for wrong, says in [('fast', 'no such engine'), ('cudnn', 'but the device is cpu'), ('native:avx9', 'avx9')]:
        monkeypatch.setenv('CHARRNN_ENGINE', wrong)
        if NATIVE_SETS or wrong != 'native:avx9':
            with pytest.raises(EngineError, match=says):
                choose_engine(gru, cpu)
    monkeypatch.setattr(native, '_native', None)
    monkeypatch.delenv('CHARRNN_ENGINE')
    assert choose_engine(gru, cpu).why == 'the C extension is not built; install a C compiler and repeat `pip install`'
    monkeypatch.setenv('CHARRNN_ENGINE', 'native')
    with pytest.raises(EngineError, match='not built'):
        choose_engine(gru, cpu)


def test_a_model_keeps_the_engine_it_was_built_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('CHARRNN_ENGINE', 'torch')
    model = build_model('LSTM', 5, HyperParams(state_size=4), seed=0)
    monkeypatch.delenv('CHARRNN_ENGINE')
    assert model.engine.name == 'torch'
    assert model.move(torch.device('cpu'), torch.float64).engine.name == 'torch'
