"""The units and the attention of a model while it reads a text: the verbs trackneurons and trackattention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.arguments import is_whole
from charrnn.display.tables import Column, Table, Tabular
from charrnn.errors import HyperParamsError, SamplingError, TrainingError, shown
from charrnn.evaluation.cost import carry_after, read
from charrnn.session.prime import example_of, indices_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only

SHOWN_UNITS, SHOWN_SYMBOLS = 8, 40
"""The units and symbols that the prompt shows of an array of states."""


class Neurons(Tabular, np.ndarray):
    """An array of states that the prompt shows as a table: the symbols that were read beside the values.

    Arrays made from it, such as slices, are shown as numpy shows them.
    """

    symbols: tuple[str, ...]
    layer: int

    def __new__(cls, states: NDArray[np.float32], symbols: Sequence[str], layer: int) -> Self:
        """Return the states as such an array; `layer` is the one that the table shows."""
        found = states.view(cls)
        found.symbols, found.layer = tuple(symbols), layer
        return found

    def __array_finalize__(self, made_from: object) -> None:
        self.symbols, self.layer = (), 0

    def table(self) -> Table:
        """Return a row for each symbol, with the units that change most."""
        if not self.symbols:
            return Table((), (), before=repr(np.asarray(self)))
        states = np.asarray(self if self.ndim == 2 else self[self.layer])
        units = sorted(np.argsort(-states.std(axis=1), kind='stable')[:SHOWN_UNITS].tolist())
        columns = [Column(''), *(Column(f'unit {unit}', '+.2f', '>') for unit in units)]
        rows = [(repr(symbol), *states[units, time]) for time, symbol in enumerate(self.symbols[:SHOWN_SYMBOLS])]
        more = len(self.symbols) - len(rows)
        axes = '(unit, time)' if self.ndim == 2 else '(layer, unit, time)'
        return Table(
            columns,
            rows,
            before=f'layer {self.layer}: the {len(units)} of {len(states)} units that change most',
            after=(f'… {more:,} more symbols\n' if more > 0 else '')
            + f'an array {axes} = {self.shape}; layer=0 is the lowest',
        )


@known_names_only
def trackneurons(ms: Session, text: str, *, errors: str = 'strict', layer: int | None = None) -> NDArray[np.float32]:
    """Return every unit's state while a text is read.

    (layer, unit, time): the hidden states after each symbol, from a state
    of zeros; (unit, time) with `layer`, 0 for the lowest or -1 for the
    highest. The prompt shows the units of one layer that change most,
    beside the symbols. Raises CharSetError (an unknown symbol),
    SamplingError (no text), HyperParamsError (no such layer),
    TrainingError (a model type of your own without such states).
    """
    run = run_of(ms)
    layers, _ = size_of_states(run)
    if layer is not None:
        layer = place_of('layer', layer, layers)
    ids = _symbols_of(run, text, errors)
    found: NDArray[np.float32] = np.stack([states[:, 0] for states in states_of(run, ids)], axis=-1)
    top = layers - 1 if layer is None else layer
    symbols = [run.data.chars.decode([index]) for index in ids[0].tolist()]
    return Neurons(found if layer is None else found[top], symbols, top)


def size_of_states(run: Run) -> tuple[int, int]:
    """Return the number of layers and the number of units of each; raise TrainingError for a model without states h."""
    zero = run.learner.evaluated.zero_carry(1)
    if 'h' not in zero or zero['h'].ndim != 3:
        what = f"{run.modeltype} has no state 'h' (layers, lanes, units) in its carry: there is {', '.join(zero)}."
        raise TrainingError(what, 'ms.carry, its states after the newest window')
    return len(zero['h']), zero['h'].shape[2]


def place_of(name: str, given: Any, number: int, where: str = 'this run') -> int:
    """Return the number of a layer or a unit that the user gave; a negative one counts from the end.

    Raises
    ------
    HyperParamsError    there is no such layer or unit
    """
    if not (is_whole(given) and -number <= int(given) < number):
        raise HyperParamsError(f'no {name} {shown(given)}: {where} has {number}.', f'{name}={number - 1}')
    return int(given) % number


def states_of(run: Run, ids: torch.Tensor, before: torch.Tensor | None = None) -> Iterator[NDArray[np.float32]]:
    """Read symbols (B, T) from a state of zeros, or after the symbols `before` (B, W); yield the states (L, B, H)."""
    model = run.learner.evaluated
    carry = model.zero_carry(len(ids))
    if before is not None:
        carry = carry_after(model, before, carry)
    for _, after in read(model, ids, carry, at_once=1):
        yield after['h'].float().cpu().numpy()


@known_names_only
def trackattention(ms: Session, text: str, *, errors: str = 'strict') -> NDArray[np.float32]:
    """Return what each symbol of a text attends to.

    (time, time): rows attend, columns are attended to; each row sums to 1 and is zero
    behind its diagonal. Raises TrainingError (this model type has no
    attention), CharSetError (an unknown symbol), SamplingError (no text).
    """
    run = run_of(ms)
    with torch.no_grad():
        if (
            run.learner.evaluated.attention_weights(torch.zeros(1, 1, dtype=torch.long, device=run.learner.device))
            is None
        ):
            step = "ms = ModelState.initfromsrcfile(..., modeltype='LSTMAttention'), a new run"
            raise TrainingError(f'{run.modeltype} has no attention.', step)
        weights = run.learner.evaluated.attention_weights(_symbols_of(run, text, errors))
    assert weights is not None, 'it was not None for one symbol'
    found: NDArray[np.float32] = weights.cpu().numpy()
    return found


def _symbols_of(run: Run, text: str, errors: str) -> torch.Tensor:
    """Return the symbols of a text that is not empty, (1, T)."""
    ids = indices_of(run, text, errors, 'text')
    if not ids:
        raise SamplingError('the text is empty: there is nothing to read.', f'text={example_of(run)}')
    return torch.tensor([ids], device=run.learner.device)
