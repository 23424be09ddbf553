"""Every reader draws the same symbols: the model itself, NumPy, and C with each instruction set."""

import numpy as np
import pytest
import torch
from conftest import NATIVE_SETS

from charrnn import SamplingError
from charrnn.hyperparams import HyperParams
from charrnn.models import MODELTYPES, build_model
from charrnn.sampling.filters import Limits
from charrnn.sampling.readers import ModelReader, open_reader
from charrnn.sampling.sampler import draw_block


@pytest.mark.parametrize('modeltype', [name for name in MODELTYPES if name != 'LSTMAttention'])
@pytest.mark.parametrize(('topk', 'minp', 'topp'), [(None, 0.0, 1.0), (4, 0.0, 1.0), (None, 0.3, 1.0), (9, 0.1, 0.7)])
@pytest.mark.parametrize('H', [7, 290])  # 290: weights beyond one core's cache, so that threads share each stream
def test_all_readers_draw_the_same(
    monkeypatch: pytest.MonkeyPatch, modeltype: str, H: int, topk: int | None, minp: float, topp: float
) -> None:
    V, B, length = 11, 3, 12
    model = build_model(modeltype, V, HyperParams(layers=2, state_size=H), seed=3)
    draws = np.random.default_rng(0)
    symbols, numbers = draws.integers(V, size=B), draws.random((length, B))
    carry = model.zero_carry(B)

    def drawn(engine: str, temp: float, lanes: slice = slice(None)) -> list[list[int]]:
        monkeypatch.setenv('CHARRNN_ENGINE', engine)
        reader = open_reader(model.move(torch.device('cpu')), model.zero_carry(len(symbols[lanes])))
        limits = Limits(temp, topk, minp, topp, (2,))
        found = draw_block(reader, symbols[lanes], numbers[:, lanes].copy(), limits)
        costs.append(found.nats)
        indices: list[list[int]] = found.symbols.tolist()
        return indices

    costs: list[np.ndarray] = []
    model_reader = ModelReader(model, carry)
    by_model = draw_block(model_reader, symbols, numbers, Limits(1.5, topk, minp, topp, (2,))).symbols
    assert 2 not in by_model
    ways = ['torch', *(f'native:{each}' for each in NATIVE_SETS)]
    for engine in ways:
        assert drawn(engine, 1.5) == by_model.tolist()
        np.testing.assert_allclose(costs[-1], costs[0], rtol=1e-3, atol=1e-4)
        assert drawn(engine, 0.0) == drawn('torch', 0.0)
        for lane in range(B):  # a stream does not depend on its neighbours
            assert drawn(engine, 1.5, slice(lane, lane + 1)) == [[row[lane]] for row in by_model.tolist()]
        before = torch.get_num_threads()
        try:
            for threads in (2, 4):
                torch.set_num_threads(threads)
                assert drawn(engine, 1.5) == by_model.tolist()
                assert drawn(engine, 1.5, slice(1, 2)) == [[row[1]] for row in by_model.tolist()]
        finally:
            torch.set_num_threads(before)
    for wrong in ('nan', 'inf'):
        with torch.no_grad():
            model.readout_bias[4] = float(wrong)
            for engine in ways:
                monkeypatch.setenv('CHARRNN_ENGINE', engine)
                reader = open_reader(model.move(torch.device('cpu')), carry)
                with pytest.raises(SamplingError, match='nan'):
                    draw_block(reader, symbols, numbers, Limits(1.0))
