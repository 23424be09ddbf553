"""A user's script, for mypy alone: it passes, except in the marked lines.

Nothing calls its functions.  A marked line that mypy accepts is an error as well (warn_unused_ignores): the mark is
the test that the typo is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

import charrnn
from charrnn import ModelState, compare, generatestring, plot, temperatures


def first_day(file: Path) -> ModelState:
    """Use the names as the help shows them."""
    ms = ModelState.initfromsrcfile(file, 'workspaces/text', modeltype='GRU', layers=1, level='word', dropout=0.1)
    report = ms.trainmodel(num_rounds=3, batchsize=16, print_every=10, minutes=0.5, quiet=True)
    seconds: float = report.seconds
    text: str = generatestring(ms, 100)
    same: str = ms.generatestring(100, 0.5, prime='The ', seed=1)
    raw: bytes = generatestring(ms, 100).bytes
    several: list[str] = generatestring(ms, 100, n=3)
    loss: float = ms.evaluate().nats
    best: ModelState = ms.restore('best')
    print(seconds, text.upper(), same[:3], raw, several[0].upper(), loss, best, ms.history[-1], ms.hyper.learnrate)
    print(temperatures(ms, 'Once')[0].text, compare(ms, best)[0].bits_per_byte, ms.trackneurons('The').shape)
    best_unit = ms.findneurons(None, lambda text: [c.isupper() for c in text], k=1)[0]
    print(best_unit.correlation > 0, ms.showneuron('The', *best_unit[:2]).values, ms.copied('The', 2).spans[0].offset)
    ms.attach(schedule=lambda moment: moment.learnrate / (1 + moment.epoch))
    ms.sethyperparams(learnrate=5e-4)
    plot(ms, best)
    return ModelState.load('workspaces/text', device='cpu')


class Own(charrnn.LanguageModel):
    """A model type of the user's own."""

    def zero_carry(self, lanes: int) -> charrnn.Carry:
        return charrnn.Carry({'h': self.readout_bias.new_zeros(1, lanes, self.hyper.state_size)})

    def forward(
        self, ids: torch.Tensor, carry: charrnn.Carry, masks: Sequence[torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, charrnn.Carry]:
        return carry['h'][0][:, None].expand(-1, ids.shape[1], -1), carry


def another_day(file: Path) -> ModelState:
    """Begin a run with the class."""
    charrnn.register('Own', Own)
    return ModelState.initfromsrcfile(file, 'workspaces/own', modeltype='Own')


def with_typos(ms: ModelState, other: list[ModelState]) -> None:
    """Misspell names, and take results for what they are not."""
    ms.trainmodle()  # type: ignore[attr-defined]
    print(ms.bestt)  # type: ignore[attr-defined]
    print(ms.hyper.learnrat)  # type: ignore[attr-defined]
    ms.learnrate = 0.1  # type: ignore[attr-defined]
    ms.modeltype = 'GRU'  # type: ignore[misc]
    ms.trainmodel(epochs=3)  # type: ignore[call-overload]
    ms.trainmodel('3')  # type: ignore[call-overload]
    ms.trainmodel().sceonds  # type: ignore[attr-defined]  # noqa: B018
    generatestring(ms, 100, n=3).upper()  # type: ignore[attr-defined]
    several: list[str] = generatestring(ms, 100)  # type: ignore[assignment]
    one: str = generatestring(ms, 100, n=3)  # type: ignore[assignment]
    generatestring(ms, prompt='The ')  # type: ignore[call-overload]
    compare(other)  # type: ignore[arg-type]
    ModelState.initfromsrcfile('text.txt')  # type: ignore[call-arg]
    ModelState.laod('workspaces/text')  # type: ignore[attr-defined]
    charrnn.register(Own, 'Own')  # type: ignore[arg-type]
    charrnn.regsiter('Own', Own)  # type: ignore[attr-defined]
    print(several, one)
