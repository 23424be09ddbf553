"""Learner: a model in training, and its place in the text.  It alone writes its numbers.

    position ──lanes──► ids (B, T+1) ──┐
    carry ─────────────────────────────┼──► train_step ──► position + T, new carry
    (seed, position) ──dropout masks───┘

A window is applied whole or not at all.  What a window does is a function of the learner's tensors and numbers alone:
no generator lives on and no clock decides, so a learner saved and loaded goes on bit for bit.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.errors import memory_explained
from charrnn.evaluation.cost import carry_after
from charrnn.evaluation.protocol import SplitScore, evaluate_split
from charrnn.hyperparams import HyperParams
from charrnn.models import Carry, LanguageModel, build_model, derive_seed, memory_of, window_masks
from charrnn.text.dataset import Dataset
from charrnn.text.lanes import FIRST_LANES, lane_starts, read_before, read_ring, windows_per_epoch
from charrnn.training import failures
from charrnn.training.average import averaged_copy, follow
from charrnn.training.limits import refuse_beyond
from charrnn.training.moment import Moment, copied, refuse_other_settings, set_weights
from charrnn.training.optimizer import build_optimizer, load_optimizer_tensors, optimizer_tensors
from charrnn.training.ranks import ALONE, Alone, Asked, Asks
from charrnn.training.ring import Ring
from charrnn.training.schedule import Progress, Schedule
from charrnn.training.step import StepResult, train_step
from charrnn.training.switches import deterministic, learning

Rate = Callable[[Progress], float]
"""A user's own schedule: the progress of the run to the step size of the next window."""


class Learner:
    """A model in training: its weights, its optimizer, and its place in the text.

    Parameters
    ----------
    modeltype : str
    hyper : HyperParams
    data : Dataset
    seed : int               the weights, the masks and the random windows are functions of it
    device : torch.device
    Attributes
    ----------
    position : int           symbols lane 0 has walked since the run began
    symbols : int            symbols trained, all lanes together
    round : int              rounds begun
    lanes : int              B, the number of lanes
    carry : Carry            of every lane, or of those of this rank (`team`); zeros before the first window
    team : Alone             the ranks that share the lanes, while they train; else this process alone
    torn : bool              True from the first changed weight until position and carry agree with the weights; it
                             stays True if an update or a restore was cut in half
    diverged : bool          the newest window or validation was not finite
    ring : Ring              the size of the training ring, and since when it has it
    schedule : Schedule      decisions of earlier validations about the learning rate
    seconds : float          spent training; for people
    """

    def __init__(self, modeltype: str, hyper: HyperParams, data: Dataset, seed: int, device: torch.device) -> None:
        self.model = build_model(modeltype, len(data.chars), hyper, seed, device)
        self.optimizer = build_optimizer(self.model, hyper)
        self.modeltype, self.hyper, self.data, self.seed, self.device = modeltype, hyper, data, seed, device
        self.position = self.symbols = self.round = 0
        self.lanes, self.team = FIRST_LANES, ALONE
        self.carry = self.model.zero_carry(self.lanes)
        self.ring, self.schedule, self.seconds = Ring(data.train_size), Schedule(), 0.0
        self.torn = self.diverged = False
        self._averaged = averaged_copy(self.model) if hyper.average else None
        self._moment = threading.RLock()  # held while anything that a moment holds is changing

    def adopt(self, hyper: HyperParams) -> None:
        """Train with other settings from here on.  The lanes stay in their places, whatever the length of a window."""
        self.hyper = self.model.hyper = hyper
        self._averaged = (self._averaged or averaged_copy(self.model)) if hyper.average else None
        self.evaluated.hyper = hyper
        for group in self.optimizer.param_groups:
            if 'alpha' in group:
                group['alpha'] = hyper.decay

    @property
    def evaluated(self) -> LanguageModel:
        """The model that evaluates, reads and draws: with the average of the weights, or else the one that learns."""
        return self._averaged or self.model

    @property
    def epoch(self) -> float:
        """Symbols trained / n, summed over the sizes that the ring has had."""
        return self.ring.epoch_at(self.symbols)

    @property
    def learnrate(self) -> float:
        """The step size of the next window by the run's own schedule."""
        window = self.lanes * self.hyper.seq_len / self.data.train_size
        return self.schedule.learnrate(self.hyper, self.epoch, window)

    @property
    def progress(self) -> Progress:
        """The numbers that an attached schedule sees."""
        return Progress(self.position, self.symbols, self.epoch, self.round, self.learnrate)

    # ---- lanes ----------------------------------------------------------------------------------------------

    def places(self, position: int) -> NDArray[np.int64]:
        """Return the places of all lanes on the ring, (B,): evenly spaced, or drawn anew for each window."""
        n = self.data.train_size
        if self.hyper.sampling == 'lanes':
            return lane_starts(position, n, self.lanes)
        return np.random.default_rng(derive_seed('windows', self.seed, position)).integers(n, size=self.lanes)

    def next_symbol(self, lane: int = 0) -> int:
        """Return the symbol that follows what a lane has read."""
        T = self.hyper.seq_len if self.position else 0
        return int(self.data.train[(self.places(self.position - T)[lane] + T) % self.data.train_size])

    def epoch_windows(self) -> int:
        """Return the number of windows of an epoch with the present number of lanes."""
        return windows_per_epoch(self.data.train_size, self.lanes, self.hyper.seq_len)

    def lay_lanes(self, lanes: int, *, clear_state: bool = False) -> None:
        """Change to `lanes` lanes; with as many as before, the carry stays.

        New lanes stand evenly spaced around the present position, and each first reads the 2·T symbols before its
        place, so that none starts blind.  At the very beginning, or with `clear_state`, the carry is zeros.

        Raises
        ------
        TrainingError       the text has fewer training symbols than one window of every lane
        HyperParamsError    one window of every lane cannot fit into the memory of the device
        """
        n, T = self.data.train_size, self.hyper.seq_len
        if n < lanes * T:
            raise failures.too_few_symbols(n, lanes, T)
        mine = self.team.share(lanes)
        count = mine.stop - mine.start
        refuse_beyond(memory_of(self.device), self.modeltype, len(self.data.chars), self.hyper, count)
        with learning(self.hyper.deterministic), torch.no_grad():
            carry = self.carry
            if clear_state or not self.symbols:
                carry = self.model.zero_carry(count)
            elif self.lanes != lanes:
                before = torch.from_numpy(read_before(self.data.train, self.position, lanes, 2 * T)[mine])
                carry = carry_after(self.model, before.to(self.device), self.model.zero_carry(count), 2 * T)
        with self._moment:
            self.lanes, self.carry = lanes, carry

    @contextlib.contextmanager
    def laid(self, lanes: int, *, clear_state: bool, team: Alone = ALONE) -> Iterator[None]:
        """Lay lanes for the block, and share them with other ranks; after it, each rank has the carry of all lanes.

        If the block fails before a window was trained, the lanes are as they were; later, ranks have lost the carry.
        """
        before, symbols, self.team = (self.lanes, self.carry), self.symbols, team
        self.carry = self.carry.part(team.share(self.lanes))
        try:
            self.lay_lanes(lanes, clear_state=clear_state)
            yield
            self.carry = team.gather(self.carry, self.lanes)
        except BaseException:
            with self._moment:
                if self.symbols == symbols and not self.torn:
                    self.lanes, self.carry = before
                self.torn |= self.symbols != symbols and team is not ALONE
            raise
        finally:
            self.team = ALONE

    # ---- learning -------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def new_round(self) -> Iterator[None]:
        """Count one more round; if the block fails before a window was trained, the round did not begin."""
        self.round += 1
        symbols = self.symbols
        try:
            yield
        except BaseException:
            if self.symbols == symbols:
                self.round -= 1
            raise

    def train_window(self, own_rate: Rate | None = None, asks: Asks = Asked) -> StepResult:
        """Advance every lane by one window and update the weights once.

        Parameters
        ----------
        own_rate : callable, optional    gives the step size instead of the run's own schedule
        asks : callable, optional        returns what this rank is asked; the team then has what all ranks are asked
        Raises
        ------
        NonFiniteLossError    loss or gradient is not finite; everything is as it was before the call
        TornWindowError       an earlier update was cut in half
        TrainingError         memory was refused; everything is as it was, unless that cut the update in half
        """
        self.refuse_if_torn()
        began = time.monotonic()
        B, T = self.lanes, self.hyper.seq_len
        rate = self.learnrate if own_rate is None else own_rate(self.progress)
        with (
            memory_explained(lambda: failures.no_memory_left(B, T, is_torn=self.torn)),
            learning(self.hyper.deterministic),
            self._moment,
        ):
            mine = self.team.share(B)
            places = self.places(self.position)[mine]
            ids = torch.from_numpy(read_ring(self.data.train, places, T + 1)).to(self.device)
            masks = window_masks(self.model, self.hyper, self.seed, self.position, B, mine)
            # A random window is a text of its own.
            carry = self.carry if self.hyper.sampling == 'lanes' else self.model.zero_carry(len(places))
            tear = partial(setattr, self, 'torn', True)  # until the numbers below are those of the new weights
            rest = rate, B * T, tear, partial(self.team.sum_gradients, lanes=B, asks=asks)
            result, carry = train_step(self.model, self.optimizer, self.hyper, ids, carry, masks, *rest)
            if not result.is_finite:
                self.diverged = True
                raise failures.window_not_finite(result, self.position, self.round)
            if self._averaged:
                follow(self._averaged, self.model, self.hyper.average, self.position // T)
            self.carry = carry
            self.position += T
            self.symbols += B * T
            self.torn = self.diverged = False
        self.seconds += time.monotonic() - began
        return result

    def refuse_if_torn(self) -> None:
        """Raise TornWindowError if an update or a restore was cut in half."""
        if self.torn:
            raise failures.torn(self.position)

    def refuse_if_diverged(self) -> None:
        """Raise NonFiniteLossError if the newest window or validation was not finite: no checkpoint is made then."""
        if self.diverged:
            raise failures.not_finite(self.position)

    def epoch_ended(self) -> bool:
        """Return True if the end of an epoch waits for a validation (with `anneal`, where there is a split)."""
        judges = self.hyper.anneal < 1 and len(self.data.valid) > 0
        return judges and int(self.epoch) > self.schedule.epochs_judged

    def validate(self, windows: int, each_window: Callable[[], object]) -> SplitScore | None:
        """Measure the validation split, and judge the epoch if one has ended: see evaluate_split.

        Raises
        ------
        NonFiniteLossError    the loss is not finite
        """
        data = self.data
        split = data.valid if windows else data.validated
        with deterministic(self.hyper.deterministic):
            found = evaluate_split(
                self.evaluated, data.train, split, self.hyper.seq_len, windows, each_window, self.team
            )
        if found and not found.is_finite:
            self.diverged = True
            raise failures.validation_not_finite(found.nats, self.position, self.round, self.learnrate)
        if found and found.is_whole and self.epoch_ended():
            self.schedule = self.schedule.judge(int(self.epoch), found.nats)
        return found

    # ---- moments --------------------------------------------------------------------------------------------

    def moment(self) -> Moment:
        """Return a copy of the present moment; another thread waits for a window to end, and ranks for each other."""
        with self._moment:
            carry = self.team.gather(self.carry, self.lanes)
            return Moment(
                self.modeltype,
                self.hyper,
                self.seed,
                self.position,
                self.symbols,
                self.round,
                self.seconds,
                self.schedule,
                self.ring,
                weights=copied(self.model.named_parameters()),
                average=copied(self._averaged.named_parameters()) if self._averaged else {},
                optimizer=copied(optimizer_tensors(self.model, self.optimizer)),
                carry=copied(carry.items()),
            )

    def load(self, moment: Moment) -> None:
        """Become a moment of the same model type; the learner is torn if this is cut in half.

        Raises
        ------
        CheckpointError    its model or its optimizer is another one, and nothing has changed
        """
        refuse_other_settings(moment, self.model)
        with self._moment:
            self._load(moment)

    def _load(self, moment: Moment) -> None:
        self.torn = True
        set_weights(self.model, moment.weights)
        with torch.inference_mode(False):
            load_optimizer_tensors(self.model, self.optimizer, moment.optimizer)
            # Into memory of our own: products can round differently on unaligned memory.
            saved = Carry(moment.carry).to(self.device) if moment.carry else None
            self.carry = saved or self.model.zero_carry(FIRST_LANES)
        self.model.zero_grad()
        self.adopt(moment.hyper)
        if self._averaged:
            set_weights(self._averaged, moment.average)
        self.position, self.symbols, self.round = moment.position, moment.symbols, moment.round
        self.ring, self.schedule, self.seconds = moment.ring, moment.schedule, moment.seconds
        self.lanes = self.carry.lanes
        self.torn = self.diverged = False
