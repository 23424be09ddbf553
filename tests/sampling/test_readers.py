"""Every reader draws the same symbols: the model itself, NumPy, and C with each instruction set."""

import numpy as np
import pytest
import torch
from conftest import NATIVE_SETS

from charrnn import SamplingError
from charrnn.hyperparams import HyperParams
from charrnn.models import MODELTYPES, build_model
from charrnn.sampling.filters import never
from charrnn.sampling.readers import ModelReader, open_reader
from charrnn.sampling.sampler import draw_block, draw_symbols


@pytest.mark.parametrize('modeltype', [name for name in MODELTYPES if name != 'LSTMAttention'])
@pytest.mark.parametrize('H', [7, 290])  # 290: weights beyond one core's cache, so that threads share each stream
def test_all_readers_draw_the_same(monkeypatch: pytest.MonkeyPatch, modeltype: str, H: int) -> None:
    V, B, length = 11, 3, 12
    model = build_model(modeltype, V, HyperParams(layers=2, state_size=H), seed=3)
    draws = np.random.default_rng(0)
    symbols, numbers = draws.integers(V, size=B), draws.random((length, B))
    carry = model.zero_carry(B)

    def drawn(engine: str, temp: float, lanes: slice = slice(None)) -> list[list[int]]:
        monkeypatch.setenv('CHARRNN_ENGINE', engine)
        reader = open_reader(model.move(torch.device('cpu')), model.zero_carry(len(symbols[lanes])))
        found: list[list[int]] = draw_block(reader, symbols[lanes], numbers[:, lanes].copy(), temp, 2).tolist()
        return found

    by_model = np.array(list(draw_symbols(ModelReader(model, carry), symbols, numbers, 1.5, [never(2)])))
    assert 2 not in by_model
    ways = ['torch', *(f'native:{each}' for each in NATIVE_SETS)]
    for engine in ways:
        assert drawn(engine, 1.5) == by_model.tolist()
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
                    draw_block(reader, symbols, numbers, 1.0, None)
