"""Learner: everything that training reads and writes, in one place: one moment of a run.

    position ──lanes──► ids (B, T+1) ──┐
    carry ─────────────────────────────┼──► loss ──► gradients ──finite?──► update ──► position + T, new carry
    (seed, position) ──dropout masks───┘

A window is applied whole or not at all.  What a window does is a function of the learner's tensors and numbers alone:
no generator lives on, no clock is read, so a learner saved and loaded goes on bit for bit.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn.errors import CheckpointError, NonFiniteLossError, TornWindowError, TrainingError
from charrnn.evaluation.protocol import Validation, evaluate_split
from charrnn.hyperparams import HyperParams
from charrnn.models import Carry, LanguageModel, derive_seed, dropout_masks, readout_loss
from charrnn.text.dataset import Dataset
from charrnn.text.lanes import lane_starts, read_before, read_ring, windows_per_epoch
from charrnn.training.optimizer import (
    apply_update,
    build_optimizer,
    check_optimizer_tensors,
    load_optimizer_tensors,
    optimizer_tensors,
)
from charrnn.training.schedule import Moment, Schedule


@dataclass(frozen=True)
class StepResult:
    """What one window did.

    Parameters
    ----------
    loss_nats : float    mean cross-entropy per symbol, before the update
    grad_norm : float    of the mean gradient, before clipping
    symbols : int        B·T
    learnrate : float    the step size it took
    """

    loss_nats: float
    grad_norm: float
    symbols: int
    learnrate: float


class Learner:
    """A model in training: its weights, its optimizer, and where it stands in the text.

    Attributes
    ----------
    position : int           symbols lane 0 has walked since the run began
    symbols : int            symbols trained, all lanes together
    round : int              rounds begun
    carry : Carry or None    of every lane; None before the first window
    torn : bool              an update or a restore was cut in half
    diverged : bool          the newest window or validation was not finite
    schedule : Schedule      what validation decided about the learning rate
    seconds : float          spent training
    own_rate : callable      Moment → learning rate, instead of the schedule's; None asks nobody
    """

    def __init__(
        self, model: LanguageModel, hyper: HyperParams, data: Dataset, seed: int, device: torch.device
    ) -> None:
        self.model = model
        self.optimizer = build_optimizer(model, hyper)
        self.hyper, self.data, self.seed, self.device = hyper, data, seed, device
        self.position = self.symbols = self.round = 0
        self.carry: Carry | None = None
        self.schedule = Schedule()
        self.seconds = 0.0
        self.torn = False
        self.diverged = False
        self.own_rate: Callable[[Moment], float] | None = None

    def adopt(self, hyper: HyperParams) -> None:
        """Train with other settings from here on.  The lanes stay where they are, whatever the length of a window."""
        self.hyper = self.model.hyper = hyper
        for group in self.optimizer.param_groups:
            if 'alpha' in group:
                group['alpha'] = hyper.decay

    @property
    def epoch(self) -> float:
        """Symbols trained / n."""
        return self.symbols / self.data.train_size

    @property
    def learnrate(self) -> float:
        """The step size of the next window."""
        lanes = self.carry.lanes if self.carry is not None else 1
        return self.schedule.learnrate(self.hyper, self.epoch, lanes * self.hyper.seq_len / self.data.train_size)

    def _next_rate(self) -> float:
        if self.own_rate is None:
            return self.learnrate
        return self.own_rate(Moment(self.position, self.symbols, self.epoch, self.round, self.learnrate))

    def places(self, position: int) -> NDArray[np.int64]:
        """Where each lane stands on the ring at this position, (B,): evenly spaced, or drawn anew for each window."""
        assert self.carry is not None
        n, lanes = self.data.train_size, self.carry.lanes
        if self.hyper.sampling == 'lanes':
            return lane_starts(position, n, lanes)
        return np.random.default_rng(derive_seed('windows', self.seed, position)).integers(n, size=lanes)

    def next_symbol(self) -> int:
        """The symbol that follows what lane 0 has read."""
        if not self.position:
            return int(self.data.train[self.places(0)[0]])
        last = self.places(self.position - self.hyper.seq_len)[0]
        return int(self.data.train[(last + self.hyper.seq_len) % self.data.train_size])

    def epoch_windows(self) -> int:
        """How many windows an epoch has with the present number of lanes."""
        assert self.carry is not None
        return windows_per_epoch(self.data.train_size, self.carry.lanes, self.hyper.seq_len)

    def lay_lanes(self, lanes: int, *, clear_state: bool = False) -> None:
        """Have `lanes` lanes: the carry stays if that is how many there are.

        New lanes stand evenly spaced around the present position, and each first reads the 2·T symbols before its
        place, so that nobody starts blind.  At the very beginning, or with `clear_state`, the carry is zeros.

        Raises
        ------
        TrainingError    the text has fewer training symbols than one window of every lane
        """
        n, T = self.data.train_size, self.hyper.seq_len
        if n < lanes * T:
            raise TrainingError(
                f'one window of {lanes} lanes of {T} symbols needs {lanes * T:,} training symbols; '
                f'this text has {n:,}.',
                f'batchsize={n // T}' + (f' or less, or a new run with seq_len={n // lanes}' if n >= lanes else ''),
            )
        with whole_windows(self), torch.no_grad():
            if clear_state or not self.symbols:
                self.carry = self.model.zero_carry(lanes)
            elif self.carry is None or self.carry.lanes != lanes:
                ids = torch.from_numpy(read_before(self.data.train, self.position, lanes, 2 * T)).to(self.device)
                _, self.carry = self.model(ids, self.model.zero_carry(lanes))

    def train_window(self) -> StepResult:
        """Advance every lane by one window and update the weights once.

        The carry is cut from its history first, so gradients stop at the window's edge (truncated BPTT).

        Raises
        ------
        NonFiniteLossError    loss or gradient is not finite; everything is as it was before the call
        TornWindowError       an earlier update was cut in half
        Source: Williams & Peng 1990 (truncated BPTT).
        """
        self.refuse_if_torn()
        assert self.carry is not None, 'lay_lanes comes first'
        B, T, rate = self.carry.lanes, self.hyper.seq_len, self._next_rate()
        with whole_windows(self):
            ids = torch.from_numpy(read_ring(self.data.train, self.places(self.position), T + 1)).to(self.device)
            shapes = self.model.mask_shapes(B, T)
            masks = dropout_masks(self.seed, self.position, shapes, self.hyper.dropout, self.device)
            # A random window is a text of its own.
            carry = self.carry.detach() if self.hyper.sampling == 'lanes' else self.model.zero_carry(B)
            self.optimizer.zero_grad()
            outputs, carry = self.model(ids[:, :-1], carry, masks)
            weight, bias = self.model.readout_weight, self.model.readout_bias
            # Step by step rather than lane by lane, as most models have them in memory.
            loss = readout_loss(outputs.transpose(0, 1).reshape(T * B, -1), weight, bias, ids.t()[1:].reshape(-1))
            loss.backward()  # type: ignore[no-untyped-call]
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            norm = nn.utils.get_total_norm(gradients)
            loss_nats, grad_norm = torch.stack([loss.detach(), norm]).tolist()  # one wait for the device, not two
            if not (math.isfinite(loss_nats) and math.isfinite(grad_norm)):
                self.optimizer.zero_grad()
                self.diverged = True
                raise NonFiniteLossError(
                    f'window at position {self.position:,} (round {self.round}): loss {loss_nats} nats/symbol, '
                    f'gradient norm {grad_norm}. The update was not applied.',
                    "ms.restore() or ms.restore('best'), then a smaller learnrate or clip in a new run",
                )
            self.torn = True  # until the four lines below are done
            apply_update(self.optimizer, self.hyper, rate, B * T, norm)
            self.carry = carry.detach()
            self.position += T
            self.symbols += B * T
            self.torn = self.diverged = False
        return StepResult(loss_nats, grad_norm, B * T, rate)

    def refuse_if_torn(self) -> None:
        """Raise if an update was cut in half."""
        if self.torn:
            raise TornWindowError(
                f'an update or a restore was cut in half (position {self.position:,}): these weights are of no moment.',
                'ms.restore()',
            )

    def refuse_if_diverged(self) -> None:
        """Raise if the newest window or validation was not finite: such weights are not worth a checkpoint."""
        if self.diverged:
            raise NonFiniteLossError(
                f'the newest window or validation (position {self.position:,}) was not finite: no checkpoint is made.',
                "ms.restore() or ms.restore('best')",
            )

    def epoch_ended(self) -> bool:
        """Whether the end of an epoch waits to be judged (only when `anneal` asks for it)."""
        return self.hyper.anneal < 1 and int(self.epoch) > self.schedule.epochs_judged

    def validate(self, windows: int, each_window: Callable[[], object]) -> Validation | None:
        """Measure the validation split, and judge the epoch if one has ended: see evaluate_split."""
        data = self.data
        with deterministic(self):
            found = evaluate_split(
                self.model, data.train, data.valid, self.hyper.seq_len, self.device, windows, each_window
            )
        if found and found[2] == len(data.valid) and self.epoch_ended():
            self.schedule = self.schedule.judge(int(self.epoch), found[0])
        return found

    # ---- one moment, as named tensors and facts -------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that training reads."""
        carry: Mapping[str, Tensor] = self.carry or {}
        return {
            **{f'model/{name}': p for name, p in self.model.named_parameters()},
            **{f'optimizer/{name}': t for name, t in optimizer_tensors(self.model, self.optimizer)},
            **{f'carry/{name}': t for name, t in carry.items()},
        }

    def facts(self) -> dict[str, Any]:
        """Every number that training reads; `seconds` is for people."""
        return {
            'position': self.position,
            'symbols': self.symbols,
            'round': self.round,
            'schedule': asdict(self.schedule),
            'seconds': self.seconds,
        }

    def load(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], hyper: HyperParams) -> None:
        """Become the moment that `tensors`, `facts` and `hyper` describe.

        Raises
        ------
        CheckpointError    a weight is missing or has another shape; nothing was changed
        """

        def named(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}

        weights, parameters = named('model/'), dict(self.model.named_parameters())
        for name in weights.keys() | parameters.keys():
            saved, wanted = describe(weights.get(name)), describe(parameters.get(name))
            if saved != wanted:
                raise CheckpointError(
                    f'weight {name!r}: {saved} in the checkpoint, {wanted} in the model.', 'another checkpoint'
                )
        schedule = _checked_schedule(facts['schedule'])
        check_optimizer_tensors(self.model, self.hyper, named('optimizer/'))
        self._check_carry(named('carry/'))
        self.torn = True  # until everything below is done
        with torch.inference_mode(False), torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(weights[name])
            load_optimizer_tensors(self.model, self.optimizer, named('optimizer/'))
            carry = named('carry/')
            # Into memory of our own: products can round differently on unaligned memory.
            self.carry = Carry(carry).to(self.device) if carry else None
        self.optimizer.zero_grad()
        self.adopt(hyper)
        self.position, self.symbols, self.round = facts['position'], facts['symbols'], facts['round']
        self.schedule, self.seconds = schedule, facts['seconds']
        self.torn = self.diverged = False

    def _check_carry(self, carry: Mapping[str, Tensor]) -> None:
        if not carry:
            return
        lanes = max(*(t.shape[1] if t.ndim > 1 else 0 for t in carry.values()), 0)
        for name, one in self.model.zero_carry(1).items():
            wanted = f'{str(one.dtype).removeprefix("torch.")} {(one.shape[0], lanes, *one.shape[2:])}'
            if not lanes or carry.keys() != self.model.zero_carry(1).keys() or describe(carry[name]) != wanted:
                raise CheckpointError(
                    f'hidden state {name!r}: {describe(carry.get(name))} in the checkpoint, {wanted} in the model.',
                    'another checkpoint',
                )


def describe(tensor: Tensor | None) -> str:
    """The type and shape of a tensor: float32 (128, 65)."""
    return f'{str(tensor.dtype).removeprefix("torch.")} {tuple(tensor.shape)}' if tensor is not None else 'nothing'


def _checked_schedule(facts: Mapping[str, Any]) -> Schedule:
    try:
        found = Schedule(**facts)
        counts = (found.epochs_judged, found.annealings)
        possible = all(type(n) is int and 0 <= n < 2**53 for n in counts)
        possible &= found.best_nats is None or isinstance(found.best_nats, int | float)
    except TypeError:
        possible = False
    if not possible:
        raise CheckpointError('the checkpoint has no schedule that can be.', 'another checkpoint')
    return found


@contextlib.contextmanager
def whole_windows(learner: Learner) -> Iterator[None]:
    """Gradients on and inference mode off, whatever the caller's global switches are; they come back after."""
    with torch.inference_mode(False), torch.enable_grad(), deterministic(learner):
        yield


@contextlib.contextmanager
def deterministic(learner: Learner) -> Iterator[None]:
    """Only kernels that repeat their bits, if the run asks for them; the global switch comes back after."""
    if not learner.hyper.deterministic:
        yield
        return
    before, warn = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn)
