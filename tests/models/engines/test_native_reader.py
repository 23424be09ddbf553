"""The reader in C steps as the model does, and its draws do not depend on how calls divide them."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from conftest import NATIVE_SETS

from charrnn.hyperparams import HyperParams
from charrnn.models import MODELTYPES, Carry, LanguageModel, build_model
from charrnn.models.engines import native

needs_native = pytest.mark.skipif(not NATIVE_SETS, reason='the C extension is not built here')
every_set = pytest.mark.parametrize('instruction_set', NATIVE_SETS)
# H = 290 with threads: the weights exceed one core's cache, so that the threads share each lane.
STACKS = [
    name for name, kind in MODELTYPES.items() if name != 'LSTMAttention' and kind.cell and kind.cell.saved is not None
]
every_stack = pytest.mark.parametrize('modeltype', STACKS)
every_share = pytest.mark.parametrize(('H', 'threads'), [(7, 1), (290, 3)])


def build_reader(instruction_set: str, model: LanguageModel, carry: Carry) -> native.Reader:
    stack = model.stack()
    assert stack is not None
    return native.Reader(instruction_set, stack, (model.readout_weight, model.readout_bias), carry)


def read_carry(model: LanguageModel, B: int) -> Carry:
    """Return the carry after two symbols on each of B lanes: no state is zero."""
    with torch.no_grad():
        carry: Carry = model(torch.arange(2 * B).view(B, 2) % 11, model.zero_carry(B))[1]
    return carry


def bits(carry: Carry) -> dict[str, bytes]:
    return {name: state.numpy().tobytes() for name, state in carry.items()}


@pytest.fixture
def use_threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@every_set
@every_stack
@every_share
def test_a_reader_steps_as_the_model(
    use_threads: Callable[[int], None], instruction_set: str, modeltype: str, H: int, threads: int
) -> None:
    use_threads(threads)
    V, B = 11, 2
    model = build_model(modeltype, V, HyperParams(layers=2, state_size=H), seed=3)
    carry = read_carry(model, B)
    reader, given = build_reader(instruction_set, model, carry), bits(carry)
    for symbols in np.random.default_rng(0).integers(V, size=(4, B)):
        with torch.no_grad():
            outputs, carry = model(torch.from_numpy(symbols)[:, None], carry)
            expected = model.logits(outputs[:, -1])
        logits = torch.from_numpy(reader.step(symbols))
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
        assert list(reader.carry) == list(carry)
        for name, state in reader.carry.items():
            torch.testing.assert_close(state, carry[name], rtol=1e-4, atol=1e-5)
    assert bits(read_carry(model, B)) == given  # the reader wrote into a copy


@every_set
@every_stack
@every_share
def test_two_draws_are_one_bit_for_bit(
    use_threads: Callable[[int], None], instruction_set: str, modeltype: str, H: int, threads: int
) -> None:
    """Draw 5 + 4 symbols in one call, in two, with a new reader, and read them by steps: the states are the same."""
    use_threads(threads)
    V, B, m, n = 11, 2, 5, 4
    model = build_model(modeltype, V, HyperParams(layers=2, state_size=H), seed=3)
    carry, symbols = read_carry(model, B), np.array([1, 4])
    draws = np.random.default_rng(0).random((m + n, B))
    whole, first, steps = (build_reader(instruction_set, model, carry) for _ in range(3))
    given = bits(carry)
    how: dict[str, Any] = {'temp': 0.9, 'topk': 9, 'minp': 0.01, 'topp': 0.95, 'never': (2,)}
    expected = whole.draw(symbols, draws, **how)
    one = first.draw(symbols, draws[:m], **how)
    assert expected is not None and one is not None
    between = first.carry
    at_half = bits(between)
    two = first.draw(one.symbols[-1], draws[m:], **how)
    again = build_reader(instruction_set, model, between)
    three = again.draw(one.symbols[-1], draws[m:], **how)
    assert two is not None and three is not None
    for field in ('symbols', 'nats'):
        a, b, c, d = (getattr(drawn, field).tolist() for drawn in (expected, one, two, three))
        assert a == [*b, *c] == [*b, *d]
    assert bits(whole.carry) == bits(first.carry) == bits(again.carry)
    assert bits(between) == at_half and bits(carry) == given  # no later call changes a carry

    for row in [symbols, *expected.symbols[:-1]]:  # the last symbols drawn are not read
        steps.step(row)
    assert bits(steps.carry) == bits(whole.carry)
    likeliest = steps.step(expected.symbols[-1]).argmax(axis=1)
    last = whole.draw(expected.symbols[-1], draws[:1], temp=0.0)
    assert last is not None and np.array_equal(last.symbols, likeliest[None])


@every_set
@pytest.mark.parametrize('modeltype', ['GRU', 'LSTM'])
def test_a_draw_that_fails_leaves_the_states(instruction_set: str, modeltype: str) -> None:
    model = build_model(modeltype, 11, HyperParams(layers=2, state_size=7), seed=3)
    with torch.no_grad():
        model.readout_weight[4] = float('inf')
    carry = read_carry(model, 2)
    reader = build_reader(instruction_set, model, carry)
    assert reader.draw(np.array([1, 4]), np.full((3, 2), 0.5), temp=1.0) is None
    assert bits(reader.carry) == bits(carry)


@needs_native
def test_a_reader_in_use_refuses_another_call() -> None:
    model = build_model('LSTM', 11, HyperParams(layers=1, state_size=64), seed=3)
    reader, symbols = build_reader(NATIVE_SETS[0], model, read_carry(model, 1)), np.array([1])
    before, refused = bits(reader.carry), []
    many = np.full((1_000_000, 1), 0.5)  # seconds

    def call() -> None:
        for function in (lambda: reader.step(symbols), lambda: reader.draw(symbols, np.zeros((1, 1)), temp=1.0)):
            try:
                function()
            except RuntimeError as error:
                refused.append(str(error))
        signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.3, call).start()
        with pytest.raises(KeyboardInterrupt):
            reader.draw(symbols, many, temp=1.0)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(refused) == 2 and all('make one reader for each thread' in message for message in refused)
    assert bits(reader.carry) == before
    reader.step(symbols)  # the reader is free again
    assert bits(reader.carry) != before


@needs_native
def test_every_buffer_of_a_reader_is_checked() -> None:
    B, H, V = 2, 3, 5

    def f(*shape: int) -> np.ndarray[Any, Any]:
        return np.zeros(shape, 'f')

    layer = (None, None, f(4 * H, H), f(4 * H))
    weights: dict[str, Any] = {
        'set': NATIVE_SETS[0], 'cell': 'lstm', 'B': B, 'H': H, 'V': V, 'layers': 1, 'table': f(V, 4 * H),
        'weights': layer, 'readout_w': f(V, H), 'readout_b': f(V),
    }  # fmt: skip

    def make(**changed: Any) -> Any:
        return native._native.reader(*{**weights, **changed}.values())

    cases: list[tuple[dict[str, Any], Any]] = [
        ({'set': 'avx9'}, ValueError),
        ({'cell': 'gru'}, ValueError),
        ({'B': -1}, OverflowError),
        ({'V': 2**40}, OverflowError),
        ({'H': 0}, ValueError),
        ({'layers': 2}, ValueError),
        ({'layers': 2, 'weights': (*layer, *layer)}, (BufferError, TypeError)),  # the second layer needs a w_in
        ({'weights': [*layer]}, TypeError),
        ({'table': f(V, 4 * H - 1)}, ValueError),
        ({'readout_w': np.zeros((V, H))}, TypeError),
        ({'readout_b': None}, TypeError),
    ]
    for wrong, error in cases:
        with pytest.raises(error):
            make(**wrong)

    read_only = f(1, B, H)
    read_only.flags.writeable = False
    states: dict[str, Any] = {'h': f(1, B, H), 'c': f(1, B, H)}
    both: list[tuple[dict[str, Any], Any]] = [
        ({'reader': object()}, ValueError),
        ({'reader': socket.CAPI}, ValueError),  # a capsule of another module
        ({'symbols': np.zeros((1, B + 1), 'q')}, ValueError),
        ({'symbols': np.zeros((2, B), 'i')}, TypeError),
        ({'symbols': np.full((2, B), V)}, IndexError),
        ({'symbols': np.full((2, B), -1)}, IndexError),
        ({'h': f(2, B, H)}, ValueError),
        ({'h': read_only}, (BufferError, ValueError)),
        ({'c': None}, TypeError),
        ({'c': np.zeros((1, B, H))}, TypeError),
    ]

    def step(**changed: Any) -> None:
        good = {'reader': make(), 'threads': 1, 'symbols': np.zeros((2, B), 'q'), **states, 'logits': f(B, V)}
        given = {**good, **changed}
        native._native.step(*{**given, 'symbols': given['symbols'][0]}.values())

    step()
    for wrong, error in [*both, ({'logits': f(B, V + 1)}, ValueError)]:
        with pytest.raises(error):
            step(**wrong)

    def draw_one(**changed: Any) -> None:
        good = {
            'reader': make(), 'threads': 1, **states, 'draws': np.zeros((1, B)), 'temp': 1.0, 'topk': V,
            'minp': 0.0, 'topp': 1.0, 'never': np.zeros(0, 'q'), 'symbols': np.zeros((2, B), 'q'), 'nats': None,
        }  # fmt: skip
        native._native.draw(*{**good, **changed}.values())

    draw_one()
    for wrong, error in [
        *both,
        ({'draws': f(1, B)}, TypeError),
        ({'draws': np.zeros(B + 1)}, ValueError),
        ({'draws': np.zeros((2, B))}, ValueError),
        ({'temp': -1.0}, ValueError),
        ({'temp': float('nan')}, ValueError),
        ({'topk': 0}, ValueError),
        ({'minp': 1.5}, ValueError),
        ({'topp': 0.0}, ValueError),
        ({'never': np.array([V])}, IndexError),
        ({'never': np.zeros(1)}, TypeError),
        ({'nats': np.zeros((2, B))}, ValueError),
        ({'nats': f(1, B)}, TypeError),
    ]:
        with pytest.raises(error):
            draw_one(**wrong)
    plain = make(cell='rnn_tanh', table=f(V, H), weights=(None, None, f(H, H), f(H)))
    with pytest.raises(ValueError, match='has no such state'):
        step(reader=plain)
