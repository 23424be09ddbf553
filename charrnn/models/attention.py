"""LSTMAttention: an LSTM with causal scaled dot-product attention over its outputs.

    ids ──► embedding ──► LSTM layers ──► o ──┬──────────────────────────► + ──dropout──► readout ──► logits
                                              └──► softmax(QKᵀ/√H) V ──►──┘

    Q = o W_qᵀ,  K = o' W_kᵀ,  V = o' W_vᵀ        o' the outputs that a position sees: its own and the M before it

M is `memory` (0: seq_len).  The last M outputs are part of the carry, and so is the number of slots that are filled.
The result therefore does not depend on the edges of windows: reading one symbol at a time gives the same, and nothing
is read twice.  With T = 3, M = 4 and two outputs so far, position t of the window (rows) sees (x):

    memory  .  .  3  4 │ 5  6  7         dots are empty slots: masked, not keys of zeros
    t = 5         x  x   x
    t = 6         x  x   x  x
    t = 7         x  x   x  x  x         outputs more than M back are dropped

A later output is never seen.  Attention without this mask would see its targets, and its loss would measure nothing.

Source: Vaswani et al. 2017, arXiv:1706.03762 (scaled dot-product attention); Dai et al. 2019, arXiv:1901.02860 (a
memory of earlier outputs, through which no gradient flows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention

from charrnn.hyperparams import HyperParams
from charrnn.models.carry import Carry
from charrnn.models.recurrent import LSTM
from charrnn.models.weights import uniform


def band_mask(filled: Tensor, memory: int, length: int) -> Tensor:
    """Return the mask of the attention: true where a position of the window may see an output.

    Parameters
    ----------
    filled : (B,)                   the number of memory slots of each lane that hold an output; the last slots
    Returns
    -------
    bool, (B, length, memory + length)     true where position t of the window (row) may see output j (column)
    """
    t = torch.arange(length, device=filled.device)[:, None]
    j = torch.arange(memory + length, device=filled.device)[None, :]
    band = (j >= t) & (j <= t + memory)  # the M outputs before t, and its own at column t + M
    there = j >= memory - filled[:, None]
    return band & there[:, None, :]


class LSTMAttention(LSTM):
    """LSTM → causal attention over its own outputs, with a residual path → readout."""

    settings = ('emsize', 'tied', 'memory')

    def __init__(self, vocab_size: int, hyper: HyperParams, generator: torch.Generator | None) -> None:
        super().__init__(vocab_size, hyper, generator)
        H = hyper.state_size
        self.memory = hyper.memory or hyper.seq_len
        self.query_weight = uniform(generator, H**-0.5, H, H)
        self.key_weight = uniform(generator, H**-0.5, H, H)
        self.value_weight = uniform(generator, H**-0.5, H, H)

    @classmethod
    def count_weights(cls, vocab_size: int, hyper: HyperParams) -> int:
        return super().count_weights(vocab_size, hyper) + 3 * hyper.state_size**2

    @classmethod
    def count_carry(cls, hyper: HyperParams) -> int:
        memory = hyper.memory or hyper.seq_len
        return super().count_carry(hyper) + memory * hyper.state_size

    @classmethod
    def count_window(cls, hyper: HyperParams) -> int:
        """Return what the layers keep, the outputs seen with their keys and values, and the mask of bytes."""
        T, seen = hyper.seq_len, (hyper.memory or hyper.seq_len) + hyper.seq_len
        return super().count_window(hyper) + 3 * seen * hyper.state_size + T * seen // 4

    def zero_carry(self, lanes: int) -> Carry:
        memory = self.readout_bias.new_zeros(self.memory, lanes, self.hyper.state_size)
        filled = torch.zeros(1, lanes, dtype=torch.int64, device=memory.device)
        return Carry({**super().zero_carry(lanes), 'memory': memory, 'filled': filled})

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        own, seen, states, mask = self._see(ids, carry, masks)
        attended = scaled_dot_product_attention(
            linear(own, self.query_weight)[:, None],
            linear(seen, self.key_weight)[:, None],
            linear(seen, self.value_weight)[:, None],
            attn_mask=mask[:, None],
        )[:, 0]
        outputs = own + attended
        if masks is not None:
            outputs = outputs * masks[-1].transpose(0, 1)
        return outputs, Carry(states)

    def hidden_matrices(self) -> dict[str, int]:
        return {**super().hidden_matrices(), 'query_weight': 1, 'key_weight': 1, 'value_weight': 1}

    def settle(self, hyper: HyperParams) -> HyperParams:
        """Return settings with the present length of the memory, whatever seq_len becomes."""
        return replace(hyper, memory=self.memory)

    def _see(
        self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None
    ) -> tuple[Tensor, Tensor, dict[str, Tensor], Tensor]:
        """Return the window's outputs (B, T, H), memory and outputs (B, M + T, H), the new states, and the mask."""
        own, states = self.recur(ids, carry, masks)
        seen = torch.cat([carry['memory'], own])
        states['memory'] = seen[len(seen) - self.memory :]
        states['filled'] = (carry['filled'] + len(own)).clamp(max=self.memory)
        mask = band_mask(carry['filled'][0], self.memory, len(own))
        return own.transpose(0, 1), seen.transpose(0, 1), states, mask

    def attention_weights(self, ids: Tensor) -> Tensor:
        """Return the attention of each symbol of a text (row) to each symbol (column), (T, T), for ids (1, T)."""
        own, seen, _, mask = self._see(ids, self.zero_carry(1), None)
        scores = linear(own, self.query_weight) @ linear(seen, self.key_weight).transpose(1, 2)
        scores = scores / self.hyper.state_size**0.5
        weights: Tensor = scores.masked_fill(~mask, float('-inf')).softmax(-1)
        return weights[0, :, self.memory :]
