"""The native engine computes the same recurrences as torch, for any sizes, threads and neighbours."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from conftest import NATIVE_SETS, MakeRun, recurrence

from charrnn.models.cells import CELLS
from charrnn.models.engines import native
from charrnn.models.engines import torch as loops
from charrnn.models.onehot import Rows

GATES = {name: cell.gates for name, cell in CELLS.items() if cell.saved is not None}
needs_native = pytest.mark.skipif(not NATIVE_SETS, reason='the C extension is not built here')
every_set = pytest.mark.parametrize('instruction_set', NATIVE_SETS)
every_cell = pytest.mark.parametrize('cell', GATES)
# Remainders of every kind of vector (4, 8, 16 units, and panels of three) and of every tile (8, 4, 2, 1 lanes).
SIZES = [(1, 1, 1), (3, 2, 5), (2, 5, 16), (4, 7, 17), (2, 13, 50), (3, 8, 64)]  # T, B, H


def draw(T: int, B: int, H: int, cell: str, seed: int = 0, V: int = 0) -> dict[str, Any]:
    """Return arguments of a recurrence in float32; x is Rows of V symbols if V is given."""
    generator = torch.Generator().manual_seed(seed)
    G = GATES[cell]

    def normal(*shape: int) -> torch.Tensor:
        drawn: torch.Tensor = torch.randn(shape, generator=generator) * shape[-1] ** -0.5
        return drawn

    x: Any = normal(T, B, 3)
    if V:
        x = Rows(normal(V, 3), torch.randint(V, (T, B), generator=generator))
    states = {'h0': normal(B, H), **({'c0': normal(B, H)} if cell == 'lstm' else {})}
    weights = {'w_in': normal(G * H, 3), 'b_in': normal(G * H), 'w_h': normal(G * H, H), 'b_h': normal(G * H)}
    return {'x': x, **states, **weights}


def run(function: Callable[..., Any], arguments: dict[str, Any], dtype: torch.dtype) -> list[torch.Tensor]:
    """Return all outputs and all gradients of a weighted sum of them."""

    def leaf(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to(dtype).clone().requires_grad_()

    given = {name: leaf(t) for name, t in arguments.items() if name != 'x'}
    x = arguments['x']
    table = leaf(x.table if isinstance(x, Rows) else x)
    outputs = function(Rows(table, x.ids) if isinstance(x, Rows) else table, **given)
    generator = torch.Generator().manual_seed(9)
    total = sum((o * torch.randn(o.shape, generator=generator).to(dtype)).sum() for o in outputs)
    gradients = torch.autograd.grad(total, [table, *given.values()])
    return [*outputs, *gradients]


@every_set
@every_cell
@pytest.mark.parametrize('V', [0, 2, 500])
@pytest.mark.parametrize(('T', 'B', 'H'), SIZES)
def test_native_equals_the_loops_by_hand(instruction_set: str, cell: str, V: int, T: int, B: int, H: int) -> None:
    arguments = draw(T, B, H, cell, V=V)
    ours = run(recurrence(partial(native.layer, instruction_set), cell), arguments, torch.float32)
    expected = run(recurrence(loops.layer, cell), arguments, torch.float64)
    for our, their in zip(ours, expected, strict=True):
        torch.testing.assert_close(our.double(), their, rtol=1e-4, atol=1e-5)


@every_set
@every_cell
def test_the_bits_do_not_depend_on_threads_or_neighbours(instruction_set: str, cell: str) -> None:
    T, B, H = 20, 11, 65  # enough work for several threads
    arguments = draw(T, B, H, cell)
    function = recurrence(partial(native.layer, instruction_set), cell)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(1)
            # Products by torch are made with one thread, because their bits may depend on its threads.
            products = torch.nn.functional.linear(arguments['x'], arguments['w_in'], arguments['b_in'])
            given = {**arguments, 'x': products, 'w_in': None, 'b_in': torch.zeros_like(arguments['b_in'])}
            torch.set_num_threads(threads)
            with torch.no_grad():
                found.append(function(**given))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
    for lane in (0, 4, 10):
        one = slice(lane, lane + 1)
        states: dict[str, Any] = {name: given[name][one] for name in ('h0', 'c0') if name in given}
        with torch.no_grad():
            alone = function(**{**given, **states, 'x': products[:, one]})
        assert torch.equal(alone[0], found[0][0][:, one])


@every_set
@every_cell
def test_gradients_do_not_depend_on_threads(instruction_set: str, cell: str) -> None:
    arguments = draw(20, 11, 65, cell)
    before, found = torch.get_num_threads(), []
    function = recurrence(partial(native.layer, instruction_set), cell)
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            h0 = arguments['h0'].clone().requires_grad_()
            outputs = function(**{**arguments, 'h0': h0})
            found.append(torch.autograd.grad(outputs[0].sum(), h0)[0])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


@every_set
@every_cell
def test_a_nan_stays_in_its_lane(instruction_set: str, cell: str) -> None:
    arguments = draw(3, 9, 20, cell)
    arguments['h0'][4, 7] = float('nan')
    with torch.no_grad():
        outputs = recurrence(partial(native.layer, instruction_set), cell)(**arguments)[0]
    assert outputs[:, 4].isnan().all()
    assert not outputs[:, [0, 1, 2, 3, 5, 6, 7, 8]].isnan().any()


@every_set
def test_large_arguments_of_the_gates_saturate(instruction_set: str) -> None:
    arguments = draw(2, 3, 7, 'lstm')
    for size in (50.0, 1e3, 1e30):
        with torch.no_grad():
            lstm = recurrence(partial(native.layer, instruction_set), 'lstm')
            outputs = lstm(**{**arguments, 'b_in': arguments['b_in'] * size})[0]
        assert outputs.isfinite().all() and outputs.abs().max() <= 1


@every_set
def test_gradients_with_other_strides(instruction_set: str) -> None:
    """Send a transposed gradient of the last states, as a user's own loss may do."""
    arguments = draw(3, 4, 4, 'lstm')
    expected, found = list[torch.Tensor](), list[torch.Tensor]()
    for function, into in ((loops.layer, expected), (partial(native.layer, instruction_set), found)):
        states = {name: arguments[name].clone().requires_grad_() for name in ('h0', 'c0')}
        outputs, h, c = recurrence(function, 'lstm')(**{**arguments, **states})
        total = (outputs.transpose(0, 1).reshape(4, -1) ** 2).sum() + (c.t() * torch.arange(16.0).view(4, 4)).sum()
        into += torch.autograd.grad(total + h.t()[1].sum(), [states['h0'], states['c0']])
    for our, their in zip(found, expected, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-5)


@needs_native
def test_ctrl_c_ends_a_long_draw(make_run: MakeRun) -> None:
    ms = make_run()
    began = time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process ignores SIGINT
    try:
        threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            ms.generatestring(30_000_000)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 10


@needs_native
def test_a_forked_child_computes(make_run: MakeRun) -> None:
    """Compute in a child process, which has none of its parent's threads."""
    program = (
        'import os, sys, torch\n'
        'from charrnn.models.cells import CELLS, LayerWeights\n'
        'from charrnn.models.engines.choice import choose_engine\n'
        'layer = choose_engine(CELLS["gru"], torch.device("cpu")).layer\n'
        'torch.set_num_threads(2)\n'
        'x, w = torch.ones(20, 8, 120), torch.ones(120, 40)\n'
        'weights = LayerWeights(None, x[0, 0], w, x[0, 0])\n'
        'run = lambda: layer(CELLS["gru"], x, [x[0, :, :40]], weights)[0].sum().item()\n'
        'with torch.no_grad(): first = run()\n'
        'child = os.fork()\n'
        'with torch.no_grad(): again = run()\n'
        'if not child: os._exit(again != first)\n'
        'sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n'
    )
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program], timeout=60)
    assert done.returncode == 0


@needs_native
def test_every_buffer_is_checked_before_its_pointer_is_used() -> None:
    T, B, H, V = 2, 3, 4, 5
    good: dict[str, Any] = {
        'x': np.zeros((V, 3 * H), 'f'), 'rows': np.zeros((T, B), 'q'), 'w_h': np.zeros((3 * H, H), 'f'),
        'b_h': np.zeros(3 * H, 'f'), 'h': np.zeros((T + 1, B, H), 'f'), 'c': None, 'saved': None,
    }  # fmt: skip

    def forward(**changed: Any) -> None:
        sizes = {'T': T, 'B': B, 'H': H, 'V': V}
        sizes.update((k, changed.pop(k)) for k in list(changed) if k in sizes)
        native._native.forward(NATIVE_SETS[0], 'gru', 1, *sizes.values(), *{**good, **changed}.values())

    forward()
    read_only = np.zeros((T + 1, B, H), 'f')
    read_only.flags.writeable = False
    cases: list[tuple[dict[str, Any], Any]] = [
        ({'x': np.zeros((V, 3 * H - 1), 'f')}, ValueError),
        ({'h': np.zeros((T, B, H), 'f')}, ValueError),
        ({'h': read_only}, (BufferError, ValueError)),
        ({'w_h': np.zeros((3 * H, 2 * H), 'f')[:, ::2]}, (BufferError, ValueError)),
        ({'w_h': np.zeros((3 * H, H))}, TypeError),
        ({'rows': np.zeros((T, B), 'i')}, TypeError),
        ({'rows': np.full((T, B), V)}, IndexError),
        ({'rows': np.full((T, B), -1)}, IndexError),
        ({'saved': np.zeros(3, 'f')}, ValueError),
        ({'T': -1}, (OverflowError, ValueError)),
        ({'B': 2**62, 'H': 2**62}, OverflowError),
        ({'x': None}, TypeError),
    ]
    for wrong, error in cases:
        with pytest.raises(error):
            forward(**wrong)


@needs_native
def test_an_extension_with_another_table_of_cells_is_not_used() -> None:
    """Refuse an extension that was built from other sources: its planes of memory would be misread."""
    program = (
        'import importlib\n'
        'from dataclasses import replace\n'
        'from charrnn.models.cells import CELLS\n'
        'from charrnn.models.engines import native\n'
        'built = native.instruction_sets()\n'
        'CELLS["gru"] = replace(CELLS["gru"], saved=5)\n'
        'importlib.reload(native)\n'
        'assert native.instruction_sets() == ()\n'
        'assert not built or native.MISSING == "the C extension was built from other sources"\n'
    )
    subprocess.run([sys.executable, '-c', program], check=True)
