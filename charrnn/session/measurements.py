"""Measuring a run: what depends on its text alone is computed once, what depends on the model every time."""

from __future__ import annotations

from charrnn.display.progress import Screen
from charrnn.evaluation.ladder import baseline_ladder, unigram_nats
from charrnn.evaluation.protocol import cut_into_lanes, evaluate_split
from charrnn.evaluation.units import Evaluation, TextSize, in_every_unit, measure_text
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.training.learner import Learner

SLOW_LADDER = 5_000_000  # symbols from which the baselines take so long that it is announced


class Measurements:
    """The baselines and the sizes of the splits of one text, and evaluations beside them.

    Parameters
    ----------
    data : Dataset            never changes, so neither does what is kept here
    workspace : Workspace     where the ladder is kept, by who owns the run
    """

    def __init__(self, data: Dataset, workspace: Workspace) -> None:
        self.data, self.workspace = data, workspace
        self._ladders: dict[str, dict[str, float]] = {}
        self._sizes: dict[str, TextSize] = {}

    def ladder(self, split: str) -> dict[str, float]:
        """The baseline ladder of a split: known, on disk, or computed now."""
        if split not in self._ladders:
            self._ladders |= self.workspace.read_ladders(self.data.digest)
        if split not in self._ladders:
            if len(self.data.indices) > SLOW_LADDER:
                Screen().say('measuring the baselines, once for this text ...')
            self._ladders[split] = baseline_ladder(self.data, split)
            self.workspace.keep_ladders(self.data.digest, self._ladders)
        return dict(self._ladders[split])

    def unigram(self) -> float:
        """The unigram rung of the validation split, which is quick to compute."""
        if 'valid' in self._ladders:
            return self._ladders['valid']['unigram']
        return unigram_nats(self.data.train, self.data.valid, len(self.data.chars))

    def evaluate(self, learner: Learner, split: str, whose: str = '') -> Evaluation:
        """The loss of `learner` on a split, in every unit; `whose` begins the protocol."""
        data, T = self.data, learner.hyper.seq_len
        indices = data.split(split)
        lanes, longest = cut_into_lanes(len(indices), T)
        screen = Screen(level=data.chars.level)
        with screen.bar(f'evaluating {split}', -(-longest // T), lanes * T):
            found = evaluate_split(
                learner.model, data.before(split), indices, T, learner.device, each_window=screen.advance
            )
        assert found is not None, 'nobody stops it'
        nats, stderr, symbols, protocol = found
        if split not in self._sizes:
            self._sizes[split] = measure_text(data.text(split), data)
        protocol = f'{split}: {whose}{protocol}'
        return in_every_unit(nats, stderr, symbols, self._sizes[split], self.ladder(split), protocol, data.chars.level)
