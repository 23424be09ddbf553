"""The attached functions of a run: callables that a user gave to it under a name, stored with each checkpoint by dill.

A checkpoint has the pickled bytes of each function at that moment, with every variable that the function uses.
Unpickling runs any code that the author of the bytes put there, so only ``reattach`` unpickles: until then a loaded
function waits, and its bytes are copied into later checkpoints.  This module does not know which names exist.
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.errors import AttachedError, shown, warn

SUFFIX = '.dill'


@dataclass(frozen=True)
class Attachment:
    """One attached function.

    Parameters
    ----------
    source : str                     the source code for display, as far as it is known
    pickled : bytes                  dill's bytes of the function when it was attached or last saved
    function : callable or None      None while the attachment waits for ms.reattach()
    """

    source: str
    pickled: bytes
    function: Callable[..., Any] | None = None


class Attachments(Mapping[str, Attachment]):
    """The attached functions of one run, by name.

    Parameters
    ----------
    waiting : mapping of name to (source, pickled), as in a checkpoint
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
        """Return the attachments `found` in a checkpoint, but keep those that this session has attached or opened."""
        both = Attachments()
        both._held = {**found._held, **{name: held for name, held in self._held.items() if held.function is not None}}
        return both

    def copied(self) -> Attachments:
        """Return the same attachments for another run."""
        return Attachments().kept_over(self)

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return an attached function that raises only AttachedError, with its name; None if it is missing or waits."""
        held = self._held.get(name)
        if held is None or held.function is None:
            return None
        function = held.function

        def guarded(*given: Any) -> Any:
            try:
                return function(*given)
            except (Exception, SystemExit) as error:  # exit() in an attached function must not end the session
                raise raised(name, f'raised {type(error).__name__}: {error}') from error

        return guarded

    @property
    def waiting(self) -> list[str]:
        """The names of the attachments that are not opened yet."""
        return [name for name, held in self._held.items() if held.function is None]

    def attach(self, given: Mapping[str, Callable[..., Any]]) -> None:
        """Attach callables to the run: all of them, or none.

        Raises
        ------
        AttachedError    dill cannot pickle one
        """
        self._held |= {name: Attachment(_source(f), _pickled(name, f), f) for name, f in given.items()}

    def detach(self, name: str) -> None:
        """Remove an attachment.

        Raises
        ------
        AttachedError    there is no attachment with that name
        """
        if not isinstance(name, str) or name not in self._held:
            there = ', '.join(map(repr, self._held)) or 'nothing'
            step = ' or '.join(f'ms.detach({other!r})' for other in self._held) or 'ms.attached'
            raise AttachedError(f'nothing is attached as {shown(name)}; attached: {there}.', step)
        del self._held[name]

    def reattach(self) -> None:
        """Unpickle the attachments that wait, which runs their code.

        Raises
        ------
        AttachedError    one cannot be opened; that one and the following ones still wait
        """
        import dill

        for name in self.waiting:
            try:
                function = dill.loads(self._held[name].pickled)
            except (Exception, SystemExit) as error:
                raise AttachedError(
                    f'{name} cannot be opened: {type(error).__name__}: {error}.',
                    f'ms.attach({name}=...) with a new one, or ms.detach({shown(name)})',
                ) from error
            if not callable(function):
                raise AttachedError(
                    f'the object stored as {name} cannot be called: {shown(function)}.', f'ms.detach({shown(name)})'
                )
            self._held[name] = replace(self._held[name], function=function)

    def refuse_waiting(self, *names: str) -> None:
        """Raise AttachedError while one of `names` is loaded and neither reattached nor detached."""
        waiting = [name for name in self.waiting if name in names]
        if waiting:
            raise AttachedError(
                f'this run has {", ".join(waiting)} attached, from another session and not opened.',
                'ms.attached shows the source; ms.reattach() runs that code and goes on with it, '
                f'ms.detach({waiting[0]!r}) goes on without',
            )

    def save(self) -> dict[str, bytes]:
        """Return the bytes of each attachment, pickled again, since a callable may have changed its own state."""
        for name, held in self._held.items():
            if held.function is not None:
                try:
                    self._held[name] = replace(held, pickled=_pickled(name, held.function))
                except AttachedError as error:  # the older bytes are better than no checkpoint
                    warn(f'{error.what} The checkpoint keeps the version that was pickled before.')
        return {name: held.pickled for name, held in self._held.items()}


def raised(name: str, what: str) -> AttachedError:
    """Return the error for an attached function that raised or returned an invalid value."""
    return AttachedError(
        f'the attached {name} {what}.', f'ms.attach({name}=...) with a corrected one, or ms.detach({shown(name)})'
    )


def _pickled(name: str, function: Callable[..., Any]) -> bytes:
    import dill

    try:
        found: bytes = dill.dumps(function, recurse=True)
    except Exception as error:
        raise AttachedError(
            f'{name} cannot be kept with the run: {type(error).__name__}: {error}.',
            'a function that uses plain values only: not ms, but variables with the values that it needs of ms',
        ) from None
    return found


def _source(function: Callable[..., Any]) -> str:
    """Return the source code of a function from a file, a notebook's cell or a prompt; else its name."""
    for find in (_from_linecache, inspect.getsource, _from_dill):  # prompts keep their input from Python 3.13 on
        with contextlib.suppress(Exception):  # no source, or tokenize's errors for half a text
            if found := find(function).strip():
                return found
    name = getattr(function, '__qualname__', f'an object of {type(function).__qualname__}')
    return f'{name} (its source is not known)'


def _from_linecache(function: Any) -> str:
    code = function.__code__
    return ''.join(inspect.getblock(linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]))


def _from_dill(function: Any) -> str:
    """Return the newest definition with the function's name in the history of a plain prompt; empty if none is found.

    To recognize a lambda, dill evaluates lines of the history, which could run them again: lambdas are left out.  Where
    dill finds no definition it returns the first line of the history, so the name in its answer is checked.
    """
    name = function.__name__
    if not name.isidentifier() or function.__code__.co_filename != '<stdin>':
        return ''
    import dill.source

    found: str = dill.source.getsource(function)
    return found if re.match(rf'(@.*\n)*(async\s+)?def\s+{name}\b', found) else ''
