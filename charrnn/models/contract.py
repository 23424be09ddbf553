"""What training, evaluation and sampling ask of a model: the contract that every family keeps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry


class LanguageModel(nn.Module):
    """A recurrent language model.

    Parameters
    ----------
    vocab_size : int                 V
    hyper : HyperParams
    generator : torch.Generator      draws the weights: they are functions of it alone
    """

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator) -> None:
        super().__init__()

    def zero_carry(self, lanes: int) -> Carry:
        """The carry of lanes that have read nothing."""
        raise NotImplementedError

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        """Read a window of every lane.

        Parameters
        ----------
        ids : int64 (B, T)        symbols
        carry : Carry             left by the symbols before; not modified
        masks : (T, B, H) each    dropout on the output of every layer; None drops nothing
        Returns
        -------
        outputs : (B, T, H)       of the last layer; ``logits`` turns them into predictions
        carry : Carry             after the last symbol
        """
        raise NotImplementedError

    def logits(self, outputs: Tensor) -> Tensor:
        """(…, H) to unnormalised log-probabilities of the next symbol (…, V)."""
        raise NotImplementedError
