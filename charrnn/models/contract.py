"""The contract of a model: the methods that training, evaluation and sampling call.

A class of the user's own keeps it too: see ``charrnn.models.registry``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry
from charrnn.models.cells import Cell, Stack
from charrnn.models.engines.choice import Engine, choose_engine
from charrnn.models.readout import readout_nats
from charrnn.models.weights import uniform, zeros


class LanguageModel(nn.Module):
    """A recurrent language model; this base class holds the output layer, which all families share.

    Parameters
    ----------
    vocab_size : int                 V
    hyper : HyperParams
    generator : torch.Generator      draws the weights, which depend on it alone; None: shapes without memory
    Attributes
    ----------
    readout_weight : (V, H)          with `readout_bias` (V,), turns outputs into logits
    engine : Engine                  computes the recurrent layers; chosen by ``move``, when the model is built
    """

    settings: ClassVar[tuple[str, ...]] = ()
    """The hyperparameters of this family that not every family has."""
    cell: ClassVar[Cell | None] = None
    """The cell of the recurrent layers, for an engine; None: ``forward`` computes them itself."""
    engine: Engine
    readout_weight: nn.Parameter

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if 'stack' not in vars(cls) and {'forward', 'recur'} & vars(cls).keys():
            cls.stack = LanguageModel.stack  # type: ignore[method-assign]  # an inherited one has another forward

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__()
        self.hyper = hyper
        self.readout_weight = uniform(generator, hyper.state_size**-0.5, vocab_size, hyper.state_size)
        self.readout_bias = zeros(generator, vocab_size)

    def move(self, device: torch.device, dtype: torch.dtype = torch.float32) -> Self:
        """Move the weights to a device and a precision, choose the engine for them, and return this model."""
        self.to(device, dtype)
        self.engine = choose_engine(self.cell, device, dtype)
        return self

    # ---- sizes, before memory is taken: plain numbers, so that no size is too large to count ------------------

    @classmethod
    def count_weights(cls, vocab_size: int, hyper: HyperParams) -> int:
        """Return the number of weights; a family adds its own to those of the readout."""
        return vocab_size * (hyper.state_size + 1)

    @classmethod
    def count_carry(cls, hyper: HyperParams) -> int:
        """Return the numbers in the carry of one lane, or fewer."""
        return hyper.state_size

    @classmethod
    def count_window(cls, hyper: HyperParams) -> int:
        """Return the numbers that one lane of a window keeps for its backward pass, or fewer."""
        return hyper.seq_len * hyper.state_size

    # ---- the methods that training, evaluation and sampling call ----------------------------------------------

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.readout_weight.device

    def zero_carry(self, lanes: int) -> Carry:
        """Return the carry of lanes that have read nothing."""
        raise NotImplementedError

    def mask_shapes(self, lanes: int, seq_len: int) -> list[tuple[int, ...]]:
        """Return the shapes of the dropout masks of one window, in the order in which ``forward`` takes the masks.

        Without a mask the model has no dropout.
        """
        return []

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        """Read a window of every lane.

        Parameters
        ----------
        ids : int64 (B, T)        symbols
        carry : Carry             left by the symbols before; not modified
        masks : sequence          dropout masks with the shapes of ``mask_shapes``; None drops nothing
        Returns
        -------
        outputs : (B, T, H)       of the last layer; ``logits`` turns them into predictions
        carry : Carry             after the last symbol
        """
        raise NotImplementedError

    def stack(self) -> Stack | None:
        """Return the model as a Stack, for a fast reader; None if a Stack cannot hold the model.

        A subclass with a ``forward`` of its own has none, unless it defines this method as well.
        """
        return None

    def attention_weights(self, ids: Tensor) -> Tensor | None:
        """Return the attention of each symbol (row) to each (column), (T, T), for ids (1, T); None if there is none."""
        return None

    def recurrent_matrices(self) -> list[str]:
        """Return the names of the matrices that weightdrop acts on; without any, the model has no weightdrop."""
        return []

    def hidden_matrices(self) -> dict[str, int]:
        """Return the names of the matrices between hidden activations, which muon makes orthogonal, in blocks of rows.

        By default each matrix is one block, but for the readout and the weights of a torch.nn.Embedding.
        """
        tables = {id(part.weight) for part in self.modules() if isinstance(part, nn.Embedding)}
        tables.add(id(self.readout_weight))
        return {name: 1 for name, p in self.named_parameters() if p.ndim == 2 and id(p) not in tables}

    def settle(self, hyper: HyperParams) -> HyperParams:
        """Return `hyper` with all settings that the weights or the carry of this model depend on kept as they are."""
        return hyper

    def logits(self, outputs: Tensor) -> Tensor:
        """Turn outputs (…, H) into unnormalised log-probabilities of the next symbol, (…, V)."""
        return linear(outputs, self.readout_weight, self.readout_bias)

    def nats(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cost of each target (N,) after outputs (N, H), in nats, without gradients."""
        return readout_nats(outputs, self.readout_weight, self.readout_bias, targets)
