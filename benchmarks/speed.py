"""Training and sampling speed on a CPU beside the loops that a user would write instead, all in one run.

    python benchmarks/speed.py tinyshakespeare.txt
    python benchmarks/speed.py tinyshakespeare.txt --peers        beside JAX, Keras and onnxruntime too (extra `peers`)

All loops alternate in short blocks, so that a busy machine slows all of them; the figures are medians over the blocks,
and ratios are made block by block.  A training step is the whole step: look-up, layers, loss, gradients, clipping,
RMSprop.  "sgemm" is a product of two 1024 x 1024 matrices by torch in the same block; "share" is the part of its
speed that the recurrent layers alone reach, forward and backward.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from machine import (
    alternate,
    in_new_process,
    machine,
    median_ratio,
    new_parser,
    new_run,
    parse,
    seconds_of,
    with_peak_growth,
)
from plain import RECURRENT, PlainLoop

from charrnn import ModelState
from charrnn.models.engines import native
from charrnn.session.run import run_of

Shape = tuple[int, int, int, int]
"""B lanes, T symbols of a window, H units, L layers."""
SHAPES: tuple[Shape, ...] = ((16, 100, 128, 2), (16, 100, 256, 2), (64, 100, 512, 2))
MEMORY_SHAPE: Shape = (16, 100, 256, 2)
ENGINES = ('native', 'torch') if native.instruction_sets() else ('torch',)
MODELTYPES = {
    **dict.fromkeys(ENGINES, 'GRUEncode'),
    **{f'{engine} LSTM': 'LSTM' for engine in ENGINES},
    **{f'{ENGINES[0]} {kind}': kind for kind in ('RNN_TANH', 'RNN_RELU')},
}
"""Our rows: engine and cell to the type of the model."""


def beside(name: str) -> str:
    """Return torch's module that a row of ours is compared with."""
    return next((f'nn.{kind}' for kind in ('LSTM', 'RNN_TANH', 'RNN_RELU') if kind in name), 'nn.GRU')


def sgemm(size: int = 1024) -> float:
    """Return the GFLOP/s of a large product."""
    a = torch.ones(size, size)

    def products() -> None:
        for _ in range(4):
            a @ a

    return 4 * 2 * size**3 / seconds_of(products) / 1e9


class Ours:
    """A run of ours, whose windows are trained without the loop of a round.

    Parameters
    ----------
    ms : ModelState
    lanes : int
    """

    def __init__(self, ms: ModelState, lanes: int) -> None:
        self.ms, self.learner = ms, run_of(ms).learner
        self.learner.lay_lanes(lanes)

    def train(self, windows: int) -> float:
        """Train some windows; return the seconds."""

        def work() -> None:
            for _ in range(windows):
                self.learner.train_window()

        return seconds_of(work)

    def layers_alone(self) -> float:
        """Return the GFLOP/s of the model without its output layer, counting only the products that are needed."""
        hyper, carry = self.ms.hyper, self.learner.carry
        B, T, H, L = carry.lanes, hyper.seq_len, hyper.state_size, hyper.layers
        ids = torch.from_numpy(self.ms.data.train[: B * T].astype('int64')).view(B, T)
        gradient = torch.ones(B, T, H).mul_(1e-4)

        def work() -> None:
            outputs, _ = self.learner.model(ids, carry)
            outputs.backward(gradient)

        seconds = seconds_of(work)
        self.learner.model.zero_grad()
        gates = 4 if 'LSTM' in self.ms.modeltype else 1 if 'RNN' in self.ms.modeltype else 3
        products = 3 + 6 * (L - 1)  # of a layer's states: forward, back, weights; above the first, of its inputs too
        return products * 2 * T * B * gates * H * H / seconds / 1e9


@contextlib.contextmanager
def new_ours(file: Path, name: str, shape: Shape) -> Iterator[Ours]:
    """Begin a run by its name in MODELTYPES."""
    B, T, H, L = shape
    sizes: dict[str, Any] = {'layers': L, 'state_size': H, 'seq_len': T, 'device': 'cpu', 'init_checkpoint': False}
    with new_run(file, MODELTYPES[name], engine=name.split()[0], **sizes) as ms:
        yield Ours(ms, B)


def training(file: Path, shape: Shape, blocks: int, windows: int, *, peers: bool) -> None:
    """Print the rows of one shape; each loop trains `windows` windows in a block."""
    B, T, H, L = shape
    with ExitStack() as stack:
        ours = {name: stack.enter_context(new_ours(file, name, shape)) for name in MODELTYPES}
        plain: dict[str, Any] = {kind: PlainLoop(ours['torch'].ms, B, kind) for kind in RECURRENT}
        if peers:
            from peers import GATES, TRAINING  # their imports take seconds

            plain |= {
                f'{name}, {cell}': loop(ours['torch'].ms, B, cell) for name, loop in TRAINING.items() for cell in GATES
            }
        work: dict[tuple[str, str], Callable[[], float]] = {('sgemm', ''): sgemm}
        work |= {('plain', kind): partial(loop.train, windows) for kind, loop in plain.items()}
        work |= {('ours', name): partial(each.train, windows) for name, each in ours.items()}
        work |= {('layers', name): each.layers_alone for name, each in ours.items()}
        found = alternate(blocks, work)
    peaks = found['sgemm', '']
    for whose, name in work:
        if whose not in ('plain', 'ours'):
            continue
        seconds = found[whose, name]
        ratio = median_ratio(found['plain', beside(name.upper())], seconds)
        share = f'{100 * median_ratio(found["layers", name], peaks):.0f} %' if whose == 'ours' else ''
        label = f'ours, {name}' if whose == 'ours' else name
        milliseconds, speed = 1000 * median(seconds) / windows, B * T * windows / median(seconds)
        print(f'| {B}x{T}, {L}x{H} | {label} | {milliseconds:.1f} | {speed:,.0f} | {ratio:.2f} | {share} |', flush=True)
    print(f'| {B}x{T}, {L}x{H} | sgemm: {median(peaks):.0f} GFLOP/s | | | | |', flush=True)


def sampling(file: Path, sizes: Sequence[int], blocks: int, share: float, *, peers: bool) -> None:
    """Print the table of sampling; `share` is the share of the usual characters that are drawn."""
    print('\n| model | loop | streams | chars/s in all | beside nn.GRU |\n|---|---|---|---|---|')
    labels = {'native': 'ours, C', 'torch': 'ours, NumPy'}
    cases = [case for case in (('native', 1, 1000), ('torch', 1, 200), ('native', 64, 300)) if case[0] in ENGINES]
    for H in sizes:
        settings: dict[str, Any] = {'layers': 2, 'state_size': H, 'device': 'cpu', 'init_checkpoint': False}
        with ExitStack() as stack:
            runs = {name: stack.enter_context(new_run(file, engine=name, **settings)) for name in ENGINES}
            few = round(150 * share)
            draw: Callable[[], object] = partial(PlainLoop(runs['torch'], 1).generate, few, 0.8)
            work = {('nn.GRU, softmax, multinomial', 1): partial(rate, draw, few)}
            if peers:
                from peers import OnnxReader

                many = round(1000 * share)
                work['onnxruntime, NumPy', 1] = partial(
                    rate, partial(OnnxReader(runs['torch']).generate, many, 0.8), many
                )
            for engine, streams, usual in cases:
                length = round(usual * share)
                draw = partial(runs[engine].generatestring, length, 0.8, seed=0, n=streams)
                work[labels[engine], streams] = partial(rate, draw, length * streams)
            speeds = alternate(blocks, work)
        baseline = next(iter(speeds.values()))
        for (label, streams), each in speeds.items():
            print(f'| 2x{H} | {label} | {streams} | {median(each):,.0f} | {median_ratio(each, baseline):.1f} |')


def rate(work: Callable[[], object], characters: int) -> float:
    """Return the characters per second of a call."""
    return characters / seconds_of(work)


def peak_growth(file: Path, name: str, shape: Shape) -> float:
    """Return the MiB by which the peak memory of this process grows by training ten windows."""
    with new_ours(file, 'torch' if name in RECURRENT else name, shape) as ours:
        trainer = PlainLoop(ours.ms, shape[0], name) if name in RECURRENT else ours
        return with_peak_growth(partial(trainer.train, 10))[1]


def memory(file: Path, names: Sequence[str], shape: Shape) -> None:
    """Print the table of memory; each row is measured in a new process."""
    B, T, H, L = shape
    print(f'\n| {B}x{T}, {L}x{H} | growth of peak memory by training, MiB |\n|---|---|', flush=True)
    for name in names:
        print(f'| {name} | {in_new_process(peak_growth, file, name, shape):.0f} |', flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = new_parser(__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--blocks', type=int, default=15)
    parser.add_argument('--windows', type=int, default=0, help='windows of a block (default: as the shape asks for)')
    parser.add_argument('--peers', action='store_true', help='beside JAX, Keras and onnxruntime too')
    parser.set_defaults(
        shapes=SHAPES, sizes=(128, 512), share=1.0, names=[*RECURRENT, *MODELTYPES], memory_shape=MEMORY_SHAPE
    )
    tiny = (2, 10, 8, 2)
    given = parse(
        parser, argv, blocks=1, windows=2, shapes=[tiny], sizes=[8], share=0.1, names=['torch'], memory_shape=tiny
    )
    print(f'machine: {machine()}')
    print(
        '\n| B x T, L x H | loop | ms a step | chars/s | beside torch’s | share of sgemm |\n|---|---|---|---|---|---|'
    )
    for shape in given.shapes:
        H = shape[2]
        windows = given.windows or (max(1, 1024 // H) if H <= 256 else 1)
        training(given.file, shape, given.blocks if H < 512 else max(3, given.blocks // 4), windows, peers=given.peers)
    sampling(given.file, given.sizes, given.blocks, given.share, peers=given.peers)
    memory(given.file, given.names, given.memory_shape)


if __name__ == '__main__':
    main()
