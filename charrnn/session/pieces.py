"""Pieces: a text while it is written, as an iterator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from charrnn.display.text import Text, fitting, printable
from charrnn.sampling.sample import Sample
from charrnn.sampling.writer import Writer


class Pieces(Iterator[str]):
    """The pieces of a text, as they are drawn: ``for piece in pieces``; at a prompt, they print as they come.

    Nothing is drawn before it is asked for, so an iteration can end early.

    Parameters
    ----------
    writer : Writer         of one stream
    sample : callable       returns the text so far as a Sample
    """

    def __init__(self, writer: Writer, sample: Callable[[], Sample]) -> None:
        self._writer, self._sample = writer, sample
        self._pieces = self._written()

    def __next__(self) -> str:
        return next(self._pieces)

    @property
    def sample(self) -> Sample:
        """The text that was drawn so far, with its state and costs."""
        return self._sample()

    def _written(self) -> Iterator[str]:
        (stream,), sent = self._writer.streams, 0
        request = self._writer.request
        for _ in self._writer.write(block=16):
            end = stream.settled(request.stop)
            if request.constraints:  # a line that has ended is not taken back
                end = min(end, stream.text.rfind('\n') + 1)
                stream.frozen = sum(place <= end for place in stream.ends)
            if end > sent:
                yield Text(stream.text[sent:end])
                sent = end
        if rest := stream.whole_text()[sent:]:
            yield Text(rest)

    def __repr__(self) -> str:
        if not hasattr(sys, 'ps1'):  # no prompt: a debugger, a log
            return f'<pieces of a text, {len(self._writer.streams[0].text):,} characters so far>'
        for piece in self:
            print(end=fitting(printable(piece)), flush=True)
        return ''
