"""Attachments: callables that a user defined at the prompt and hung on a run, kept with it by dill.

    schedule       moment → the learning rate of the next window
    onreport       a row of the history → nothing
    samplefilter   logits (V,) of the next symbol, text so far → logits (V,)

Each checkpoint has their bytes as they were at that moment, with every variable they use.  Opening them runs whatever
code their author put there, so nothing here opens any but ``reattach``: until then they wait, and are carried along.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import linecache
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

from charrnn.errors import AttachedError, TrainingError, warn

NAMES = ('schedule', 'onreport', 'samplefilter')
SUFFIX = '.dill'


@dataclass(frozen=True)
class Attachment:
    """One of them.

    Parameters
    ----------
    source : str                     its text, as far as it is known, for people
    pickled : bytes                  as it was when it was attached or saved last
    function : callable or None      None while it waits for ms.reattach()
    """

    source: str
    pickled: bytes
    function: Callable[..., Any] | None = None


class Attachments(Mapping[str, Attachment]):
    """Those of one run, by name.

    Parameters
    ----------
    waiting : mapping of name to (source, pickled), as a checkpoint holds them
    """

    def __init__(self, waiting: Mapping[str, tuple[str, bytes]] | None = None) -> None:
        self._held = {name: Attachment(*found) for name, found in (waiting or {}).items()}

    def __getitem__(self, name: str) -> Attachment:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def kept_over(self, found: Attachments) -> Attachments:
        """Those that were found with a checkpoint; but what this session has attached or opened stays as it is."""
        both = Attachments()
        both._held = {**found._held, **{name: held for name, held in self._held.items() if held.function is not None}}
        return both

    def function(self, name: str) -> Callable[..., Any] | None:
        """A callable that can be called, guarded: what it raises becomes an AttachedError that names it."""
        held = self._held.get(name)
        if held is None or held.function is None:
            return None
        function = held.function

        def guarded(*given: Any) -> Any:
            try:
                return function(*given)
            except (Exception, SystemExit) as error:  # nobody's exit() ends the session
                raise raised(name, f'raised {type(error).__name__}: {error}') from error

        return guarded

    @property
    def waiting(self) -> list[str]:
        """The names of those that nobody has opened yet."""
        return [name for name, held in self._held.items() if held.function is None]

    def attach(self, given: Mapping[str, Callable[..., Any]]) -> None:
        """Hang callables on the run, all or none of them.

        Raises
        ------
        AttachedError    one is not callable, or cannot be kept
        """
        for name, function in given.items():
            if not callable(function):
                raise AttachedError(f'{name}={function!r} cannot be called.', f'a function or a lambda: {SHAPES[name]}')
        self._held |= {name: Attachment(_source(f), _pickled(name, f), f) for name, f in given.items()}

    def detach(self, name: str) -> None:
        """Let go of one.

        Raises
        ------
        AttachedError    there is none of that name
        """
        if name not in self._held:
            there = ', '.join(map(repr, self._held)) or 'nothing'
            raise AttachedError(f'nothing is attached as {name!r}; attached: {there}.', 'ms.attached')
        del self._held[name]

    def reattach(self) -> None:
        """Open those that wait.  This runs their code.

        Raises
        ------
        AttachedError    one cannot be opened; it and those after it still wait
        """
        import dill

        for name in self.waiting:
            try:
                function = dill.loads(self._held[name].pickled)
            except (Exception, SystemExit) as error:
                raise AttachedError(
                    f'{name} cannot be opened: {type(error).__name__}: {error}.',
                    f'ms.attach({name}=...) with a new one, or ms.detach({name!r})',
                ) from error
            if not callable(function):
                raise AttachedError(f'what was kept as {name} cannot be called: {function!r}.', f'ms.detach({name!r})')
            self._held[name] = replace(self._held[name], function=function)

    def refuse_waiting(self) -> None:
        """Raise TrainingError if a decision is due."""
        if self.waiting:
            raise TrainingError(
                f'this run has {", ".join(self.waiting)} attached, from another session and not opened.',
                'ms.attached shows the source; ms.reattach() runs that code and goes on with it, '
                f'ms.detach({self.waiting[0]!r}) goes on without',
            )

    def save(self) -> dict[str, bytes]:
        """The bytes of each as it is now: a callable may have changed what it remembers."""
        for name, held in self._held.items():
            if held.function is not None:
                try:
                    self._held[name] = replace(held, pickled=_pickled(name, held.function))
                except AttachedError as error:  # it could be kept once: better that than no checkpoint
                    warn(f'{error.what} The checkpoint has it as it was before.')
        return {name: held.pickled for name, held in self._held.items()}


SHAPES = {
    'schedule': 'lambda moment: moment.learnrate / (1 + moment.epoch)',
    'onreport': "lambda row: print(row['epoch'], row['train_nats'])",
    'samplefilter': 'lambda logits, text: logits',
}


def raised(name: str, what: str) -> AttachedError:
    """The error of an attached callable that misbehaved."""
    return AttachedError(
        f'the attached {name} {what}.', f'ms.attach({name}=...) with a mended one, or ms.detach({name!r})'
    )


def _pickled(name: str, function: Callable[..., Any]) -> bytes:
    import dill

    try:
        found: bytes = dill.dumps(function, recurse=True)
    except Exception as error:
        raise AttachedError(
            f'{name} cannot be kept with the run: {type(error).__name__}: {error}.',
            'a function that uses plain values alone: not ms, but what you need of it, taken into a variable before',
        ) from None
    return found


def _source(function: Callable[..., Any]) -> str:
    """The text of a function, wherever it was typed: in a file, in a notebook's cell, at a prompt."""
    code = getattr(function, '__code__', None)
    if code is not None:
        lines = linecache.getlines(code.co_filename)  # of a prompt's cell too, where the prompt keeps its cells
        if lines:
            with contextlib.suppress(Exception):  # tokenize's errors, of half a text
                return ''.join(inspect.getblock(lines[code.co_firstlineno - 1 :])).strip()
        if typed := _typed(code):
            return typed
    name = getattr(function, '__qualname__', f'an object of {type(function).__qualname__}')
    return f'{name} (its source is not known)'


def _typed(code: CodeType) -> str:
    """What was typed at a plain prompt, which keeps only its history: the newest lines that compile to this code."""
    try:
        import readline
    except ImportError:
        return ''
    size = readline.get_current_history_length()
    lines = [readline.get_history_item(place) or '' for place in range(max(1, size - 1000), size + 1)]
    for first in reversed(range(len(lines))):
        block = lines[first : first + 1]
        block += itertools.takewhile(lambda line: line.startswith((' ', '\t')), lines[first + 1 :])
        with contextlib.suppress(SyntaxError, ValueError):
            if _holds(compile('\n'.join(block) + '\n', '<typed>', 'exec'), code):
                return '\n'.join(block)
    return ''


def _holds(module: CodeType, wanted: CodeType) -> bool:
    inner = [constant for constant in module.co_consts if isinstance(constant, CodeType)]
    same = (code.co_code == wanted.co_code and code.co_names == wanted.co_names for code in inner)
    return any(same) or any(_holds(code, wanted) for code in inner)
