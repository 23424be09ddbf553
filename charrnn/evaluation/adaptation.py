"""Dynamic evaluation: a model that goes on learning from the text it is measured on, after each symbol was scored.

The text is read as one stream in segments.  A segment is scored first, with the weights as they are; only then does
its gradient g, of the mean cost of its symbols, move each weight w of a copy of the model, whose weights were w₀:

    w ← w - RATE · g / (s + SMALL · mean of s)       s = √(mean of g² over segments of the training text), per weight
    w ← w + PULL · (w₀ - w)

So a weight moves by about RATE where the text is as surprising as the training text, and forgets what it has learned
over some 1 / PULL segments.  An adaptive coder such as xz or PPMd learns while it reads too: it compares with this.

The constants were chosen on training text of tiny-shakespeare: see docs/results.md.

Source: Krause et al. 2018, arXiv:1709.07432 (the RMS rule; its pull is stronger on weights of large gradients).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.evaluation.cost import carry_after
from charrnn.evaluation.protocol import SplitScore, mean_of_blocks
from charrnn.models import Carry, Ensemble, LanguageModel, mean_nats, readout_loss
from charrnn.text.vocabulary import Indices

SEGMENT = 10
"""Symbols between two updates."""
RATE = 1.2e-4
"""Step of a weight whose gradient is as large as on the training text."""
PULL = 0.001
"""Share of the way back to the first weights, in each update."""
SMALL = 0.1
"""Share of the mean size of gradients that is added to each, so that rarely used weights do not leap."""
LOOKS = 300
"""Segments of the training text from which the sizes of gradients are taken."""
BLOCKS = 64
"""Parts of the stream that the standard error is taken from."""


class Adaptive:
    """A copy of a model that learns from what it reads; the model itself does not change.

    Of an ensemble, each member learns by itself.

    Parameters
    ----------
    model : LanguageModel
    train : (n,) indices    the training text, for the sizes of gradients
    warmup : int            symbols that are read before each look at the training text
    """

    def __init__(self, model: LanguageModel, train: Indices, warmup: int) -> None:
        self._model = model
        members = model.members if isinstance(model, Ensemble) else [model]
        with torch.inference_mode(False):
            self._copies = [_Copy(member, train, warmup) for member in members]

    def nats(
        self, symbols: Indices | NDArray[np.int64], carry: Carry, each_segment: Callable[[], object] = lambda: None
    ) -> NDArray[np.float64] | None:
        """Return the cost of each symbol but the first, (N,), for symbols (N + 1,); every one is scored, then learned.

        Parameters
        ----------
        carry : Carry            of one lane, before the first symbol
        each_segment : callable  called before every segment; a true answer gives up, and None is returned
        """
        costs = np.empty(len(symbols) - 1)
        carries = self._model.carries(carry) if isinstance(self._model, Ensemble) else [carry]
        with torch.inference_mode(False), torch.enable_grad():
            ids = torch.from_numpy(symbols.astype(np.int64)).to(self._model.device)[None]
            for start in range(0, len(costs), SEGMENT):
                if each_segment():
                    return None
                window = ids[:, start : start + SEGMENT + 1]
                read = [each.read(window, part) for each, part in zip(self._copies, carries, strict=True)]
                carries = [after for _, after in read]
                costs[start : start + SEGMENT] = mean_nats(torch.stack([nats for nats, _ in read])).cpu().numpy()
                for each in self._copies:
                    each.learn()
        return costs

    def reset(self) -> None:
        """Forget what was learned from the texts read so far."""
        for each in self._copies:
            each.reset()


class _Copy:
    """A copy of one model, the weights that it began with, and the rate of each weight."""

    def __init__(self, model: LanguageModel, train: Indices, warmup: int) -> None:
        self.model = copy.deepcopy(model).requires_grad_(True)
        self._weights = list(self.model.parameters())
        self._before = [w.detach().clone() for w in self._weights]
        self._rates = [RATE / (s + SMALL * s.mean() + 1e-30) for s in self._sizes(train, warmup)]

    def read(self, window: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Return the cost of each symbol of a window (1, T + 1) but the first, (T,) float64; leave the gradients."""
        for weight in self._weights:
            weight.grad = None
        outputs, after = self.model(window[:, :-1], carry.detach())
        rows, model = outputs[0], self.model
        readout_loss(rows, model.readout_weight, model.readout_bias, window[0, 1:]).backward()  # type: ignore[no-untyped-call]
        return model.nats(rows.detach(), window[0, 1:]).double(), after.detach()

    @torch.no_grad()
    def learn(self) -> None:
        """Move the weights by the gradients of the window that was read last, and back towards the beginning."""
        every = zip(self._weights, self._before, self._rates, strict=True)
        moving = [one for one in every if one[0].grad is not None]
        weights, before, rates = (list(each) for each in zip(*moving, strict=True))
        torch._foreach_addcmul_(weights, [w.grad for w in weights], rates, value=-1)
        torch._foreach_lerp_(weights, before, PULL)

    @torch.no_grad()
    def reset(self) -> None:
        """Put the weights back."""
        for weight, before in zip(self._weights, self._before, strict=True):
            weight.copy_(before)

    def _sizes(self, train: Indices, warmup: int) -> list[Tensor]:
        """Return the root of the mean squared gradient of each weight, over segments spread over the training text."""
        n, sums = len(train), [torch.zeros_like(w) for w in self._weights]
        looks = max(1, min(LOOKS, n // SEGMENT))
        places = (np.arange(looks) * n // looks)[:, None]
        ids = torch.from_numpy(train[(places + np.arange(-warmup, SEGMENT + 1)) % n].astype(np.int64))
        ids = ids.to(self.model.device)
        carry = carry_after(self.model, ids[:, :warmup], self.model.zero_carry(looks))
        with torch.enable_grad():
            for lane in range(looks):
                self.read(ids[lane : lane + 1, warmup:], carry.lane(lane))
                for total, weight in zip(sums, self._weights, strict=True):
                    if weight.grad is not None:
                        total.addcmul_(weight.grad, weight.grad)
        return [(total / looks).sqrt() for total in sums]


def evaluate_adaptively(
    model: LanguageModel,
    train: Indices,
    before: Indices,
    split: Indices,
    seq_len: int,
    each_segment: Callable[[], object] = lambda: None,
) -> SplitScore | None:
    """Measure the loss of a split by a copy of the model that learns while it reads it, in one stream.

    Parameters
    ----------
    train : (n,) indices         the training text
    before, split, seq_len       as in ``protocol.evaluate_split``
    each_segment : callable      called before every segment; a true answer gives up
    Returns
    -------
    SplitScore, or None if `each_segment` gave up
    """
    reader = Adaptive(model, train, seq_len)
    first = np.concatenate([before[np.arange(-seq_len, 0) % len(before)], split]).astype(np.int64)
    carry = model.zero_carry(1)
    if seq_len > 1:
        ids = torch.from_numpy(first[None, : seq_len - 1]).to(model.device)
        carry = carry_after(model, ids, carry, seq_len)
    nats = reader.nats(first[seq_len - 1 :], carry, each_segment)
    if nats is None:
        return None
    parts = np.array_split(nats, max(1, min(BLOCKS, len(nats) // seq_len)))
    mean, stderr = mean_of_blocks(np.array([part.sum() for part in parts]), np.array([len(part) for part in parts]))
    return SplitScore(mean, stderr, len(nats), len(split), 1, seq_len)
