"""The commands in one table: the function that each calls, whose arguments are its options, and what shows its result.

A new command is one line here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from charrnn.experiments.sweep import sweep
from charrnn.modelstate import ModelState
from charrnn.session.fsck import fsck
from charrnn.session.overview import status
from charrnn.shell import archive, looks
from charrnn.shell.output import show_report, show_sample, show_value

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ends."""


def _fine(found: Any) -> int:
    return 0


def _unless_interrupted(found: Any) -> int:
    return INTERRUPTED if found.interrupted else 0


@dataclass(frozen=True)
class Verb:
    """One command.

    Parameters
    ----------
    purpose, example : str
    function : callable    its arguments are the options of the command
    show : callable        writes its result to the standard output, with next steps in the words of a shell
    status : callable      returns the exit status for its result
    ranks : bool           the processes that torchrun starts work on it together
    """

    purpose: str
    example: str
    function: Callable[..., Any]
    show: Callable[[Any, Callable[[str], str]], None] = show_value
    status: Callable[[Any], int] = _fine
    ranks: bool = False

    @property
    def loads(self) -> bool:
        """True for a function of a run, which the command loads from a directory."""
        first = next(iter(inspect.signature(self.function).parameters), '')
        return first == 'ms'

    @property
    def places(self) -> int:
        """The number of files and directories that it takes; a large one for any number."""
        parameters = inspect.signature(self.function).parameters.values()
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            return ANY
        return sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)


ANY = 1000
"""More places than a command line has."""

VERBS: Mapping[str, Verb] = {
    'init': Verb('begin a run on a text file', 'init text.txt workspaces/text', ModelState.initfromsrcfile),
    'train': Verb(
        'train the run in a directory',
        'train workspaces/text',
        ModelState.trainmodel,
        show_report,
        status=_unless_interrupted,
        ranks=True,
    ),
    'generate': Verb(
        'draw text from the run in a directory', 'generate workspaces/text', ModelState.generatestring, show_sample
    ),
    'score': Verb('measure what a text costs the run in a directory', 'score workspaces/text text.txt', looks.score),
    'evaluate': Verb(
        'measure the loss of a split, beside its baselines',
        'evaluate workspaces/text',
        ModelState.evaluate,
        ranks=True,
    ),
    'compare': Verb('compare runs on the same text', 'compare workspaces/text workspaces/other', looks.compare),
    'export': Verb(
        'write the model as a folder for others, without its text',
        'export workspaces/text exported',
        looks.export,
    ),
    'compress': Verb(
        'compress a file with the predictions of the run in a directory',
        'compress workspaces/text text.txt',
        archive.compress,
    ),
    'decompress': Verb(
        'give back a file that the same run has compressed',
        'decompress workspaces/text text.txt.crnn',
        archive.decompress,
    ),
    'sweep': Verb(
        'train runs with other settings each, and rank them; the same command goes on, also in other processes',
        'sweep text.txt workspaces/sweep --space space.json',
        sweep,
        status=_unless_interrupted,
    ),
    'status': Verb(
        'print one screen about a run; reads only, and works while another process trains it',
        'status workspaces/text',
        status,
    ),
    'fsck': Verb(
        'verify every byte of a run; reads only, and works while another process trains it',
        'fsck workspaces/text',
        fsck,
        status=lambda found: int(found.status),
    ),
}

CALLED: Mapping[str, tuple[str, Callable[..., Any]]] = {
    'load': ('train', ModelState.load),
    **{
        verb.function.__name__: (name, verb.function)
        for name, verb in VERBS.items()
        if verb.function.__module__ != looks.__name__
    },
}
"""The command for each call in a next step; a run that is loaded can be trained on.  Those of `looks`, which take files
where a call has values, are left out."""
