"""The baselines and the sizes of a run's text, which are computed once, and evaluations of a model beside them."""

from __future__ import annotations

import math

from charrnn.display.progress import Screen
from charrnn.evaluation.adaptation import SEGMENT, evaluate_adaptively
from charrnn.evaluation.ladder import baseline_ladder, in_order, measured_on, missing, uniform_nats, unigram_nats
from charrnn.evaluation.protocol import cut_into_lanes, evaluate_split
from charrnn.evaluation.textsize import Letters, TextSize, letters_of, measure_pieces, measure_text
from charrnn.evaluation.units import Evaluation, in_every_unit
from charrnn.models import LanguageModel
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.text.vocabulary import count_symbols
from charrnn.training.ranks import ALONE, Alone

SLOW_LADDER = 2_000_000
"""Symbols from which the baselines take so long, some five seconds, that they are announced."""
SLOW_GUESSES = 5_000_000
"""Symbols from which counting them takes longer than a prompt may wait."""


class Measurements:
    """The baselines and the sizes of the splits of one text, and evaluations beside them.

    Parameters
    ----------
    data : Dataset            never changes, so neither does what is kept here
    workspace : Workspace     keeps the ladder, if this process is the writer of the run
    letters : Letters         the cost of spelling, where the text is not there
    """

    def __init__(self, data: Dataset, workspace: Workspace, letters: Letters | None = None) -> None:
        self.data, self.workspace = data, workspace
        self._ladders: dict[str, dict[str, float]] = {}
        self._sizes: dict[str, TextSize] = {}
        self._letters = letters
        self._guesses: tuple[float, float | None] | None = None

    def ladder(self, split: str, screen: Screen) -> dict[str, float]:
        """Return the baseline ladder of a split: known, on disk, or computed now; only the rungs that it lacks."""
        measured = measured_on(self.data, split)
        key = split if measured == len(self.data.split(split)) else f'{split} ({measured})'
        if key not in self._ladders:
            self._ladders |= self.workspace.read_ladders(self.data.digest)
        known = self._ladders.get(key, {})
        if lacking := missing(known):
            if len(self.data.indices) > SLOW_LADDER:
                screen.say('measuring the baselines, once for this text ...')
            with screen.bar('baselines', len(lacking), measured):
                self._ladders[key] = baseline_ladder(self.data, split, known, screen.advance)
            self.workspace.keep_ladders(self.data.digest, self._ladders)
        return in_order(self._ladders[key])

    def guesses(self, *, slow: bool = True) -> tuple[float, float | None]:
        """Return the uniform and the unigram rung of the validation split; without one, the uniform rung of training.

        They are computed once.  With `slow=False`, a text that takes longer than a prompt may wait has no unigram.
        """
        if self._guesses is None:
            data = self.data
            split = 'valid' if len(data.valid) else 'train'
            if not slow and len(data.indices) > SLOW_GUESSES:
                return math.log(len(data.chars.symbols)), None
            found = count_symbols(data.validated, len(data.chars))
            unigram = unigram_nats(data.train_counts, found) if found.any() else None
            self._guesses = uniform_nats(data, split), unigram
        return self._guesses

    def size_of(self, text: bytes, before: bytes = b'') -> TextSize:
        """Return the size of any text; see ``measure_text``."""
        return measure_text(text, self.data, before, self._letters_once)

    def _letters_once(self) -> Letters:
        if self._letters is None:
            self._letters = letters_of(self.data)
        return self._letters

    def evaluate(
        self, model: LanguageModel, split: str, label: str, screen: Screen, *, adapt: bool = False, team: Alone = ALONE
    ) -> Evaluation:
        """Return the loss of a model on a split, in every unit; `label` begins the protocol; see the verb.

        Ranks share the lanes; one stream, with `adapt`, is read by each of them.
        """
        data, T = self.data, model.hyper.seq_len
        indices = data.split(split)
        before = data.before(split)
        if adapt:
            with screen.bar(f'evaluating {split}', -(-len(indices) // SEGMENT), SEGMENT):
                found = evaluate_adaptively(model, data.train, before, indices, T, screen.advance)
        else:
            lanes, longest = cut_into_lanes(len(indices), T)
            with screen.bar(f'evaluating {split}', -(-longest // T), lanes * T):
                found = evaluate_split(model, before, indices, T, each_window=screen.advance, team=team)
        assert found is not None, 'nothing stops it'
        if split not in self._sizes:
            self._sizes[split] = measure_pieces(data.pieces(split), data, data.byte_before(split), self._letters_once)
        ladder = self.ladder(split, screen)
        return in_every_unit(
            found,
            self._sizes[split],
            ladder,
            f'{split}: {label}',
            data.chars.level,
            in_sample=split == 'train',
            learns=SEGMENT if adapt else 0,
            ladder_symbols=measured_on(data, split),
        )
