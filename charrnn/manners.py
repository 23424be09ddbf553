"""The manners of a ModelState at the prompt: one page of help, and advice for names that it does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from charrnn.advice import no_attribute, no_attribute_of_the_class
from charrnn.hyperparams import CHANGEABLE, HyperParams, write

ON_THE_CLASS = ('initfromsrcfile', 'load')
"""The verbs that are called on the class itself."""


class OnePage(type):
    """The metaclass of ModelState, which keeps help(ModelState) on one page.

    pydoc prints the whole help of every name in dir(); on the class, these are the two that are called on it.  The
    table in the docstring has every verb, help(ModelState.trainmodel) the details, and dir(ms) every name.
    """

    def __dir__(cls) -> list[str]:
        return list(ON_THE_CLASS)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute_of_the_class


def shown_names(self: object) -> list[str]:
    """Return the names to complete after ``ms.``: an ``__dir__`` without what is private."""
    return [name for name in object.__dir__(self) if not name.startswith('_') or name.startswith('__')]


def set_attribute(self: object, name: str, value: object) -> None:
    """Set one of the slots, and answer any other name with what to type instead: a ``__setattr__``."""
    if name in getattr(type(self), '__slots__', ()):
        object.__setattr__(self, name, value)
        return
    if name in CHANGEABLE:
        raise AttributeError(f'ms.{name} cannot be set here.  Next: ms.sethyperparams({write(name, value)})')
    if name in HyperParams.__dataclass_fields__ or name in vars(type(self)):
        raise AttributeError(f'ms.{name} cannot be set: it is a fact of this run.')
    raise no_attribute(self, name)


def refuse_attribute(self: object, name: str) -> NoReturn:
    """Answer a name that there is not with what to type instead: a ``__getattr__``."""
    raise no_attribute(self, name)


def refuse_pickling(self: object) -> NoReturn:
    """Say how a run is kept instead: a ``__reduce__``."""
    raise TypeError('a ModelState owns a directory: ms.newcheckpoint() saves it, ModelState.load(dir) loads it')
