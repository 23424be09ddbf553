"""The status of a run, ``repr(ms)``: at most six lines of 80 columns; the last one ends with what to type next."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from charrnn.display.text import NOUNS, count, fitting, number, printable, shorten, sparkline

WIDTH = 80


@dataclass(frozen=True)
class Status:
    """The values that the status lines show."""

    directory: str
    modeltype: str
    layers: int
    state_size: int
    level: str
    symbols: int
    weights: int
    device: str
    train_size: int
    valid_size: int
    epoch: float
    round: int
    lanes: int
    seq_len: int
    train_nats: float | None
    valid_nats: Sequence[tuple[int, float]]  # round and loss of each validation
    best: tuple[int, float] | None  # round and loss of the best checkpoint
    checkpoint: int | None
    newest: int | None  # the checkpoint that load takes, after the restore of another one
    rounds_behind: int
    saved: bool
    torn: bool
    diverged: bool
    finding: str  # words about the training, or none
    following: str  # what to type next
    attached: Sequence[str] = ()
    waiting: Sequence[str] = ()
    training: str = ''  # progress of a training in the background, which is going on

    def __str__(self) -> str:
        model = f'{self.modeltype} {self.layers}x{self.state_size}, {self.symbols:,} {self.level}s, '
        model += f'{count(self.weights)} weights, {self.device}'
        name = shorten(printable(self.directory).replace('\n', '\\n'), max(8, WIDTH - len(model) - 16))
        lines = [f'ModelState {name!r}  {model}', f'  data   {self._data()}', f'  now    {self._now()}']
        loss = self._loss()
        if loss:
            lines.append(f'  loss   {loss}')
        if self.training or self.finding:
            lines.append(f'  {f"training in the background: {self.training}" if self.training else self.finding}')
        lines.append(self._last())
        return '\n'.join(fitting(line)[:WIDTH] for line in lines)

    def html(self) -> str:
        """Return the status lines as HTML."""
        return f'<pre>{html.escape(str(self))}</pre>'

    def _data(self) -> str:
        valid = f'{self.valid_size:,} valid' if self.valid_size else 'no validation'
        return f'{self.train_size:,} train + {valid} {NOUNS[self.level]}'

    def _now(self) -> str:
        if not self.lanes:
            return 'not yet trained'
        attached = f', with {", ".join(self.attached)}' if self.attached else ''
        return f'epoch {self.epoch:.2f}, round {self.round}, {self.lanes} lanes of {self.seq_len}{attached}'

    def _loss(self) -> str:
        parts = [f'train {number(self.train_nats)}'] if self.train_nats is not None else []
        if self.valid_nats:
            when, nats = self.valid_nats[-1]
            parts.append(
                f'valid {number(nats)}' + ('' if when == self.round else f' in round {when}' if when else ' untrained')
            )
        if not parts:
            return ''
        text = f'{", ".join(parts)} nats/{self.level}'
        if self.best:
            text += f', best {number(self.best[1])} in round {self.best[0]}'
        room = WIDTH - len(f'  loss   {text}  ')
        return f'{text}  {sparkline([nats for _, nats in self.valid_nats], min(16, room))}' if room > 1 else text

    def _last(self) -> str:
        saved, following = self._saved()
        line = f'  saved  {saved}.  Next: {following}'
        return line if len(line) <= WIDTH else f'  Next: {following}'

    def _saved(self) -> tuple[str, str]:
        """Return what is saved, and what to type next."""
        if self.training:
            return f'checkpoint {self.checkpoint}', 'ms.training.stop(), or ms.training.wait()'
        if self.torn:
            return 'the weights are half updated', 'ms.restore()'
        if self.diverged:
            return 'the newest loss or gradient was not finite', 'ms.restore()'
        if self.checkpoint is None:
            return 'nothing yet', 'ms.newcheckpoint()'
        if not self.saved:
            rounds = self.rounds_behind
            behind = 'some windows' if not rounds else 'one round' if rounds == 1 else f'{rounds} rounds'
            return f'checkpoint {self.checkpoint}, {behind} behind', 'ms.newcheckpoint()'
        is_last = self.newest in (None, self.checkpoint)
        saved = f'checkpoint {self.checkpoint}' + ('' if is_last else f', but load takes {self.newest}, the newest')
        if self.waiting:
            return saved, 'ms.attached, then ms.reattach() or ms.detach'
        return saved, self.following if is_last or self.finding else 'ms.newcheckpoint()'
