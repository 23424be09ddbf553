"""The mean of several models: each reads by itself, and their probabilities are averaged.

    p(w | text) = (p₁(w | text) + … + p_K(w | text)) / K

It reads, evaluates and draws as any model does; it does not train.

Source: Hansen & Salamon 1990 (ensembles).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from charrnn.models.carry import Carry
from charrnn.models.contract import LanguageModel


class Ensemble(LanguageModel):
    """The mean of the predictions of models with one vocabulary.

    Its outputs are those of its members side by side, and so are the states of its carry: ``0/h`` is the first's h.
    """

    def __init__(self, members: Sequence[LanguageModel]) -> None:
        nn.Module.__init__(self)
        self.members: Sequence[LanguageModel] = nn.ModuleList(members)  # type: ignore[assignment]
        self.hyper, self.engine = members[0].hyper, members[0].engine
        self.readout_weight, self.readout_bias = members[0].readout_weight, members[0].readout_bias

    def carries(self, carry: Carry) -> list[Carry]:
        """Return the carry of each member."""
        parts: list[dict[str, Tensor]] = [{} for _ in self.members]
        for key, state in carry.items():
            member, _, name = key.partition('/')
            parts[int(member)][name] = state
        return [Carry(part) for part in parts]

    def zero_carry(self, lanes: int) -> Carry:
        return joined([model.zero_carry(lanes) for model in self.members])

    def forward(self, ids: Tensor, carry: Carry, masks: Sequence[Tensor] | None = None) -> tuple[Tensor, Carry]:
        read = [model(ids, part) for model, part in zip(self.members, self.carries(carry), strict=True)]
        return torch.cat([outputs for outputs, _ in read], dim=-1), joined([after for _, after in read])

    def logits(self, outputs: Tensor) -> Tensor:
        """Return the logarithms of the mean probabilities, (…, V)."""
        each = [model.logits(part).log_softmax(-1) for model, part in self._parts(outputs)]
        return torch.logsumexp(torch.stack(each), 0) - math.log(len(each))

    def nats(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mean_nats(torch.stack([model.nats(part, targets) for model, part in self._parts(outputs)]))

    def _parts(self, outputs: Tensor) -> list[tuple[LanguageModel, Tensor]]:
        sizes = [model.readout_weight.shape[1] for model in self.members]
        return list(zip(self.members, torch.split(outputs, sizes, dim=-1), strict=True))


def joined(carries: Sequence[Carry]) -> Carry:
    """Return the carries of all members as one."""
    return Carry({f'{k}/{name}': state for k, carry in enumerate(carries) for name, state in carry.items()})


def mean_nats(nats: Tensor) -> Tensor:
    """Return the cost of each symbol under the mean of the probabilities, (N,), for the costs (K, N) of the members."""
    return math.log(len(nats)) - torch.logsumexp(-nats, 0)
