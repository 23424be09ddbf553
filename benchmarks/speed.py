"""Training and sampling speed on a CPU beside what a user would write instead, all in one run.

    python benchmarks/speed.py tinyshakespeare.txt

Everything alternates in short blocks, so that a busy machine slows all of it; the figures are medians over the blocks,
and ratios are made block by block.  A training step is the whole step: look-up, layers, loss, gradients, clipping,
RMSprop.  "sgemm" is a product of two 1024 x 1024 matrices by torch in the same block; "share" is what the two
recurrent layers alone, forward and backward, reach of it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from encoding import machine
from plain import RECURRENT, PlainLoop

from charrnn import ModelState
from charrnn.models.engines.choice import VARIABLE

SHAPES = [(16, 100, 128, 2), (16, 100, 256, 2), (64, 100, 512, 2)]  # B, T, H, L
MODELTYPES = {'native': 'GRUEncode', 'torch': 'GRUEncode', 'native LSTM': 'LSTM', 'torch LSTM': 'LSTM'}


def sgemm() -> float:
    """GFLOP/s of a large product."""
    a = torch.ones(1024, 1024)
    began = time.perf_counter()
    for _ in range(4):
        a @ a
    return 4 * 2 * 1024**3 / (time.perf_counter() - began) / 1e9


class Ours:
    """A run of ours, its windows trained by one engine."""

    def __init__(self, file: Path, folder: Path, name: str, shape: tuple[int, int, int, int]) -> None:
        B, T, H, L = shape
        self.engine = name.split()[0]
        sizes = {'layers': L, 'state_size': H, 'seq_len': T, 'device': 'cpu', 'init_checkpoint': False}
        self.ms = ModelState.initfromsrcfile(file, folder / name.replace(' ', '-'), MODELTYPES[name], **sizes)
        self.learner = self.ms._run.learner
        self.learner.lay_lanes(B)

    def train(self, windows: int) -> float:
        """Train so many windows; the seconds."""
        os.environ[VARIABLE] = self.engine
        began = time.perf_counter()
        for _ in range(windows):
            self.learner.train_window()
        return time.perf_counter() - began

    def layers_alone(self) -> float:
        """GFLOP/s of the model without its readout, forward and backward, counting the products that are needed."""
        os.environ[VARIABLE] = self.engine
        hyper, carry = self.ms.hyper, self.learner.carry
        B, T, H, L = carry.lanes, hyper.seq_len, hyper.state_size, hyper.layers
        ids = torch.from_numpy(self.ms.data.train[: B * T].astype('int64')).view(B, T)
        gradient = torch.ones(B, T, H).mul_(1e-4)
        began = time.perf_counter()
        outputs, _ = self.learner.model(ids, carry)
        outputs.backward(gradient)
        seconds = time.perf_counter() - began
        self.learner.optimizer.zero_grad()
        gates = 4 if 'LSTM' in self.ms.modeltype else 3
        products = 3 + 6 * (L - 1)  # of a layer's states: forward, back, weights; above the first, of its inputs too
        return products * 2 * T * B * gates * H * H / seconds / 1e9


def training(file: Path, shape: tuple[int, int, int, int], blocks: int) -> None:
    """Print the rows of one shape."""
    B, T, H, L = shape
    windows = max(1, 1024 // H) if H <= 256 else 1
    with tempfile.TemporaryDirectory() as folder:
        ours = {name: Ours(file, Path(folder), name, shape) for name in MODELTYPES}
        plain = {kind: PlainLoop(ours['native'].ms, B, kind) for kind in RECURRENT}
        seconds: dict[str, list[float]] = {name: [] for name in [*plain, *ours]}
        peaks, alone = [], {name: [] for name in ours}
        for block in range(blocks + 1):
            peak = sgemm()
            found = {name: each.train(windows) for name, each in [*plain.items(), *ours.items()]}
            shares = {name: each.layers_alone() for name, each in ours.items()}
            if block:  # the first one warms up
                peaks.append(peak)
                for name, each in found.items():
                    seconds[name].append(each)
                for name, each in shares.items():
                    alone[name].append(each / peak)
        for name, each in seconds.items():
            baseline = seconds['nn.LSTM' if 'LSTM' in name else 'nn.GRU']
            ratio = median(b / s for b, s in zip(baseline, each, strict=True))
            share = f'{100 * median(alone[name]):.0f} %' if name in alone else ''
            label = name if name in plain else f'ours, {name}'
            speed = B * T * windows / median(each)
            print(
                f'| {B}x{T}, {L}x{H} | {label} | {1000 * median(each) / windows:.1f} | {speed:,.0f} | {ratio:.2f} '
                f'| {share} |',
                flush=True,
            )
        print(f'| {B}x{T}, {L}x{H} | sgemm: {median(peaks):.0f} GFLOP/s | | | | |', flush=True)


def sampling(file: Path, blocks: int) -> None:
    """Print the table of sampling."""
    print('\n| model | who | streams | chars/s in all | beside nn.GRU |\n|---|---|---|---|---|')
    for H in (128, 512):
        with tempfile.TemporaryDirectory() as folder:
            ms = ModelState.initfromsrcfile(
                file, Path(folder) / 'run', layers=2, state_size=H, device='cpu', init_checkpoint=False
            )
            plain = PlainLoop(ms, 1)
            speeds: dict[tuple[str, int], list[float]] = {}
            for block in range(blocks + 1):
                found = {('nn.GRU, softmax, multinomial', 1): 150 / plain.speak(150, 0.8)}
                for engine, streams, length in (('native', 1, 1000), ('torch', 1, 200), ('native', 64, 300)):
                    os.environ[VARIABLE] = engine
                    began = time.perf_counter()
                    ms.generatestring(length, 0.8, seed=block, n=streams)
                    label = 'ours, C' if engine == 'native' else 'ours, NumPy'
                    found[label, streams] = length * streams / (time.perf_counter() - began)
                if block:
                    for key, speed in found.items():
                        speeds.setdefault(key, []).append(speed)
            baseline = next(iter(speeds.values()))
            for (label, streams), each in speeds.items():
                ratio = median(s / b for s, b in zip(each, baseline, strict=True))
                print(f'| 2x{H} | {label} | {streams} | {median(each):,.0f} | {ratio:.1f} |', flush=True)


def peak_memory(file: Path, name: str) -> None:
    """In a process of its own: print the growth of its peak memory by training ten windows of 16x100, 2x256."""
    shape = (16, 100, 256, 2)
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(file, Path(folder), 'native' if name in RECURRENT else name, shape)
        trainer = PlainLoop(ours.ms, 16, name) if name in RECURRENT else ours
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path('/proc/self/clear_refs').write_text('5')  # the peak so far is forgotten
        before = kibibytes('VmRSS')
        trainer.train(10)
        print(f'| {name} | {(kibibytes("VmHWM") - before) / 1024:.0f} |')


def kibibytes(name: str) -> int:
    """A size of this process, by the name it has in Linux's /proc."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f'{name}:'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--blocks', type=int, default=15)
    parser.add_argument('--memory-of', help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_of:
        peak_memory(given.file, given.memory_of)
        return
    print(f'machine: {machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads')
    print('\n| B x T, L x H | who | ms a step | chars/s | beside torch’s | share of sgemm |\n|---|---|---|---|---|---|')
    for shape in SHAPES:
        training(given.file, shape, given.blocks if shape[2] < 512 else max(3, given.blocks // 4))
    sampling(given.file, given.blocks)
    print('\n| 16x100, 2x256 | growth of peak memory by training, MiB |\n|---|---|', flush=True)
    for name in [*RECURRENT, *MODELTYPES]:
        subprocess.run([sys.executable, __file__, str(given.file), '--memory-of', name], check=True)


if __name__ == '__main__':
    main()
