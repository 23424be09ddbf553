"""The attached functions as training and sampling call them: guarded, and with their answers checked.

    schedule       moment → the learning rate of the next window
    onreport       a row of the history → nothing
    samplefilter   logits (V,) of the next symbol, text so far → logits (V,)

An invalid answer raises an AttachedError that names the function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.display.printable import printable
from charrnn.sampling.sampler import Filter
from charrnn.storage.attachments import Attachments, raised
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.schedule import Moment

NAMES = ('schedule', 'onreport', 'samplefilter')
SHAPES = {
    'schedule': 'lambda moment: moment.learnrate / (1 + moment.epoch)',
    'onreport': "lambda row: print(row['epoch'], row['train_nats'])",
    'samplefilter': 'lambda logits, text: logits',
}


class AttachedTable(dict[str, str]):
    """The sources of what is attached, by name; the prompt shows them as they were typed."""

    def __init__(self, attachments: Attachments) -> None:
        super().__init__({name: held.source for name, held in attachments.items()})
        self.waiting = attachments.waiting

    def __repr__(self) -> str:
        if not self:
            return 'nothing is attached.  Next: ms.attach(schedule=...), onreport=... or samplefilter=...'
        lines = []
        for name, source in self.items():
            state = (
                '  (waits: ms.reattach() runs this code, ms.detach(...) lets go of it)' if name in self.waiting else ''
            )
            lines += [f'{name}{state}', *(f'  │ {line}' for line in printable(source).splitlines())]
        return '\n'.join(lines)


def own_rate(attachments: Attachments) -> Callable[[Moment], float] | None:
    """The attached schedule; its answer is a finite number of at least 0, or an AttachedError."""
    schedule = attachments.function('schedule')
    if schedule is None:
        return None

    def rate(moment: Moment) -> float:
        found = schedule(moment)
        if isinstance(found, bool) or not isinstance(found, Real) or not 0 <= float(found) < math.inf:
            raise raised('schedule', f'answered {found!r} to {moment}: not a finite number of at least 0')
        return float(found)

    return rate


def own_filter(attachments: Attachments, chars: Vocabulary[Any]) -> Filter | None:
    """The attached sampling filter; its answer is as many logits, not all of them -inf, or an AttachedError."""
    function = attachments.function('samplefilter')
    if function is None:
        return None

    def changed(logits: NDArray[np.float64], indices: Sequence[int]) -> NDArray[np.float64]:
        try:
            found = np.asarray(function(logits, chars.decode(indices)), np.float64)
        except (TypeError, ValueError) as error:
            raise raised('samplefilter', f'answered with no array of logits ({error})') from None
        if found.shape != logits.shape or np.isnan(found).any() or not np.isfinite(found.max()):
            what = f'answered with an array {found.shape}, with nan or with nothing but -inf'
            raise raised('samplefilter', f'{what}, where logits {logits.shape} are due')
        return found

    return changed
