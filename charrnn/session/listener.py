"""What training says and keeps: the listener that one call of trainmodel talks to."""

from __future__ import annotations

from collections.abc import Callable

from charrnn.display.progress import Screen
from charrnn.training.history import Row


class RunListener(Screen):
    """A screen, and behind it the history and the checkpoints of one run.

    Parameters
    ----------
    speak : callable → str       a sample from where lane 0 stands
    record : callable(row) → row append a row to the history, and how it stands there
    save : callable → int        write a checkpoint
    unigram : callable → float   the unigram rung of the validation split
    level : str                  what the losses are per: 'char', 'byte' or 'word'
    react : callable(row)        what the user hung on reports
    """

    def __init__(
        self,
        speak: Callable[[], str],
        record: Callable[[Row], Row],
        save: Callable[[], int],
        unigram: Callable[[], float],
        level: str,
        react: Callable[[Row], object] | None = None,
    ) -> None:
        super().__init__(level=level)
        self.speak, self.save, self._record, self._unigram, self._react = speak, save, record, unigram, react

    def record(self, row: Row) -> None:
        """Keep a row, show it, then hand a copy to the user's own callable."""
        kept = self._record(row)
        self.show(row, self._unigram() if row.get('valid_nats') is not None else None)
        if self._react:
            self._react(dict(kept))

    def tell_stopped(self, checkpoint: int) -> None:
        """The first Ctrl-C: the window was finished, and everything is saved."""
        self.say(
            f'Stopped at a window’s end, saved as checkpoint {checkpoint}.  Next: ms.trainmodel() goes on from here'
        )

    def tell_stopped_at_once(self, torn: bool) -> None:
        """The second Ctrl-C: whether it cut an update in half."""
        if torn:
            self.say('Stopped at once, in the middle of an update: these weights are of no moment.  Next: ms.restore()')
        else:
            self.say('Stopped at once, between two updates: nothing is torn.  Next: ms.newcheckpoint() keeps it')
