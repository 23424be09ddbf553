"""Units of a model that follow a feature of a text: the verbs findneurons and showneuron."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.arguments import check_errors_argument, whole
from charrnn.display.colours import (
    BLUE_ORANGE,
    SHOWN_PARTS,
    Coloured,
    ColouredText,
    Scale,
    first_of_each,
    places_table,
)
from charrnn.display.progress import Screen
from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import NOUNS, fitted
from charrnn.errors import HyperParamsError, shown
from charrnn.evaluation.correlation import correlations
from charrnn.evaluation.protocol import cut_into_lanes
from charrnn.names import nearest, plain
from charrnn.sampling.sampler import not_numbers
from charrnn.session.given import Given, given_indices, given_text
from charrnn.session.neurons import place_of, size_of_states, states_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.text.features import FEATURES, OTHER_FEATURES, of_symbols
from charrnn.text.folders import SPLITS

MOST_OF_A_SPLIT = 200_000
"""Symbols of a split that are read: a correlation over more is not another one."""
EXTREMES = 5
"""The highest and the lowest states in the table of a unit."""

Feature = str | Callable[[str], Any] | Sequence[float] | NDArray[Any]
"""A name, a function of the text, or a number for each symbol."""


class Unit(NamedTuple):
    """A unit, and how well it follows a feature.

    Parameters
    ----------
    layer, unit : int        from 0 on
    correlation : float      with the feature, from -1 to 1
    """

    layer: int
    unit: int
    correlation: float


class Units(Tabular, tuple[Unit, ...]):
    """Units, the best first: a tuple that the prompt shows as a table."""

    title: str

    def __new__(cls, units: Iterable[Unit], title: str = '') -> Self:
        """Return the units under a title."""
        found = super().__new__(cls, units)
        found.title = title
        return found

    def table(self) -> Table:
        """Return a row for each unit."""
        columns = [Column('layer', align='>'), Column('unit', align='>'), Column('correlation', '+.3f', '>')]
        after = f'ms.showneuron(text, {self[0].layer}, {self[0].unit}) colours a text by the first'
        return Table(columns, self, before=self.title, after=after)


@fitted
@dataclass(frozen=True, eq=False, repr=False)
class Neuron(Coloured):
    """One unit while the model reads a text.

    Parameters
    ----------
    text : str
    symbols : tuple of str         the text in symbols: characters, bytes or words
    values : (symbols,) float32    the hidden state after each symbol
    layer, unit : int              from 0 on
    level : str                    'char', 'byte' or 'word'
    places : (symbols, 2) int64    begin and end of each symbol in the text, in characters
    """

    text: str
    symbols: tuple[str, ...]
    values: NDArray[np.float32]
    layer: int
    unit: int
    level: str
    places: NDArray[np.int64]

    def coloured(self) -> ColouredText:
        """Return the text with the state after each symbol; a character of several bytes has that after its last."""
        first = first_of_each(self.places)
        last = np.append(first[1:], len(self.values)) - 1
        most = float(np.abs(self.values).max()) or 1.0
        scale = Scale(-most, most, BLUE_ORANGE, 'state')
        return ColouredText(self.text, self.places[first], self.values[last].astype(float), scale, NOUNS[self.level])

    def table(self) -> Table:
        """Return the range of the unit, and the places of its highest and its lowest states."""
        shown, values = self.coloured(), self.values
        order = np.argsort(-shown.values, kind='stable').tolist()
        if len(order) > 2 * EXTREMES:
            order = [*order[:EXTREMES], *order[-EXTREMES:]]
        title = (
            f'layer {self.layer}, unit {self.unit}, over {len(values):,} {NOUNS[self.level]}: '
            f'{values.min():+.3f} to {values.max():+.3f}, mean {values.mean():+.3f}'
        )
        return places_table(
            shown, order, Column('state', '+.3f', '>'), title, 'the highest and the lowest states; .values has all'
        )


@known_names_only
def findneurons(
    ms: Session, text: str | bytes | None, feature: Feature, k: int = 10, *, errors: str = 'strict'
) -> Units:
    """Rank the units by how well they follow a feature.

    The result lists the k units whose states correlate most with the
    feature, each as (layer, unit, correlation); below 0, the unit does the
    opposite. A state is the one after the symbol that the feature is told
    for.

    Parameters
    ----------
    text : str       what the model reads, from a state of zeros; a model of
                     bytes also takes bytes. 'valid', 'train' or 'test' is
                     that split, or its first 200,000 symbols; None is
                     'valid'
    feature : str    'quote' and 'bracket' (inside them), 'upper', 'digit',
                     'indent' (white space that begins a line), 'line' (the
                     place in the line); or a number for each symbol, such as
                     0 or 1; or a function of the text that gives them:
                     lambda text: [c in 'aeiou' for c in text]. Of words and
                     bytes, it may also give one for each character
    k : int          units to list
    errors : str     'strict', or 'replace': symbols that the model does
                     not know are read as U+FFFD or <unk>

    Raises HyperParamsError (a feature that is always the same, or of
    another length, ...), CharSetError (an unknown symbol), SamplingError
    (no text), TrainingError (no such split).
    """
    run = run_of(ms)
    k, (layers, units) = whole(1)('k', k, 10), size_of_states(run)
    known = feature if isinstance(feature, str) and feature in FEATURES else 'line'
    reading = _reading(run, text, errors, f'ms.findneurons({{}}, {known!r})', MOST_OF_A_SPLIT)
    values = _values_of(feature, reading)
    lanes, length = reading.ids.shape
    screen = Screen(level=run.data.chars.level)
    with screen.bar('reading the text', length, lanes):
        states = _each(states_of(run, *reading.tensors(run)), screen.advance)
        found = correlations(states, values.reshape(lanes, length))
    if np.isnan(found).any():
        raise not_numbers()
    order = np.argsort(-np.abs(found).ravel(), kind='stable')[:k].tolist()
    best = [Unit(i // units, i % units, float(found.flat[i])) for i in order]
    name = repr(feature) if isinstance(feature, str) else 'the feature'
    number = f'{len(best)} of {layers * units:,} units: correlation with {name}'
    return Units(best, f'{number} over {lanes * length:,} {NOUNS[run.data.chars.level]}{reading.of}')


@known_names_only
def showneuron(ms: Session, text: str | bytes | None, layer: int, unit: int, *, errors: str = 'strict') -> Neuron:
    """Show a text coloured by the state of one unit.

    The prompt shows the text in orange where the state is positive, in blue
    where it is negative; without colours, the places of the highest and the
    lowest states. `.values` is the state after each symbol.

    Parameters
    ----------
    text : str       what the model reads, from a state of zeros; a model of
                     bytes also takes bytes. 'valid', 'train' or 'test' is
                     the beginning of that split; None is 'valid'
    layer : int      0 for the lowest, -1 for the highest
    unit : int       from 0 on
    errors : str     'strict', or 'replace': symbols that the model does
                     not know are read as U+FFFD or <unk>

    Raises HyperParamsError (no such layer or unit), CharSetError (an
    unknown symbol), SamplingError (no text), TrainingError (no such split).
    """
    run = run_of(ms)
    layers, units = size_of_states(run)
    layer, unit = place_of('layer', layer, layers), place_of('unit', unit, units, 'a layer')
    reading = _reading(run, text, errors, f'ms.showneuron({{}}, {layer}, {unit})', SHOWN_PARTS, most_lanes=1)
    values = np.array([states[layer, 0, unit] for states in states_of(run, *reading.tensors(run))], np.float32)
    if not np.isfinite(values).all():
        raise not_numbers()
    given = reading.given
    return Neuron(given.text, given.symbols, values, layer, unit, run.data.chars.level, given.places)


@dataclass(frozen=True, eq=False)
class Reading:
    """A text that is read in B lanes of T symbols, each after W symbols that only lead to it.

    Parameters
    ----------
    given : Given              the B·T symbols
    ids : (B, T) int64
    before : (B, W) int64
    of : str                   the split, for a title; empty for a text
    """

    given: Given
    ids: NDArray[np.int64]
    before: NDArray[np.int64]
    of: str = ''

    def tensors(self, run: Run) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and the symbols before them on the device of a run."""
        device = run.learner.device
        return torch.from_numpy(self.ids).to(device), torch.from_numpy(self.before).to(device)


def _reading(run: Run, text: object, errors: str, call: str, most: int, most_lanes: int | None = None) -> Reading:
    """Return a text, or the beginning of a split, as it is read; `call` is the verb with {} for the text."""
    name = 'valid' if text is None else text
    if not isinstance(name, str) or name not in SPLITS:
        given = given_text(run, text, errors, call)
        return Reading(given, given.ids[None], given.ids[None, :0])
    check_errors_argument(errors)
    data, T = run.data, run.learner.hyper.seq_len
    split, before = data.split(name, call)[:most], data.before(name)[-T:]
    lanes = most_lanes or cut_into_lanes(len(split), T)[0]
    length = len(split) // lanes
    ids = split[: lanes * length].astype(np.int64)
    ring = np.concatenate([before.astype(np.int64), ids])
    leading = np.stack([ring[lane * length : lane * length + len(before)] for lane in range(lanes)])
    of = f' of {name!r}, {lanes} {"lane" if lanes == 1 else "lanes"}'
    return Reading(given_indices(data.chars, ids), ids.reshape(lanes, length), leading, of)


def _values_of(feature: object, reading: Reading) -> NDArray[np.float64]:
    """Return a feature as a number for each symbol, not all the same."""
    given, name = reading.given, 'the feature'
    noun, size = NOUNS[given.chars.level], len(given.ids)
    if isinstance(feature, str):
        if feature not in FEATURES:
            key = plain(feature)
            known = dict(zip(FEATURES, FEATURES, strict=True)) | OTHER_FEATURES
            meant = known.get(nearest(key, known) or '')
            names = f'feature={meant!r}' if meant else f'one of {", ".join(map(repr, FEATURES))}'
            raise HyperParamsError(f'no feature {shown(feature)}.', names)
        name, found = repr(feature), of_symbols(list(FEATURES[feature](given.text)), given.places)
    else:
        if callable(feature) and not takes_a_text(feature):
            raise HyperParamsError('the feature is a function that does not take a text.', "feature='line'")
        raw = feature(given.text) if callable(feature) else feature
        raw = list(raw) if isinstance(raw, Iterator) else raw
        try:
            found = np.asarray(raw, np.float64)
        except (TypeError, ValueError, OverflowError):
            found = np.zeros(())
        if found.ndim != 1:
            kind = 'the feature gives' if callable(feature) else 'feature is'
            raise HyperParamsError(
                f'{kind} {shown(raw)}: a number for each of {size:,} {noun} is needed.', "feature='line'"
            )
        if len(found) == len(given.text) != size:
            found = of_symbols(found, given.places)
        if len(found) != size:
            raise HyperParamsError(
                f'the feature has {len(found):,} values, and {size:,} {noun} are read.', "feature='line'"
            )
        if not np.isfinite(found).all():
            raise HyperParamsError('the feature holds nan or inf.', 'numbers that are finite, such as 0 and 1')
    if (found == found[0]).all():
        others = (other for other in FEATURES if np.ptp(of_symbols(list(FEATURES[other](given.text)), given.places)))
        other = next(others, None)
        step = f'feature={other!r}' if other else "a longer text, such as ms.findneurons('train', 'line')"
        raise HyperParamsError(f'{name} is {found[0]:g} at all {noun} that are read: no unit can follow it.', step)
    return found


def takes_a_text(function: Callable[..., object]) -> bool:
    """Return False for a function that cannot be called with one argument."""
    try:
        inspect.signature(function).bind('')
    except TypeError:
        return False
    except ValueError:  # a function of C that does not tell
        return True
    return True


def _each(states: Iterator[Any], advance: Callable[[], object]) -> Iterator[Any]:
    """Yield what another iterator yields, and call a function after each."""
    for now in states:
        yield now
        advance()
