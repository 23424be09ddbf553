"""Next steps for names and calls that charrnn does not have, filled with the run and the text that are there.

The tables of names are in ``names``; the decorators that ask for these steps are in ``signatures``.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from charrnn.arguments import is_file
from charrnn.errors import HyperParamsError, shown, typed
from charrnn.hyperparams import HyperParams, valid, write
from charrnn.names import ATTRIBUTES, BEGIN, CLASSES, NEEDED, OTHER_NAMES, nearest, plain
from charrnn.storage.nearby import begin, begin_again, from_here, load_or_begin, save_text, size_of
from charrnn.text.dataset import Dataset
from charrnn.text.vocabulary import excerpt


def again(first: Sequence[object], name: str = '', value: object = None) -> str:
    """Return the call that begins the run of a ModelState again, in a free directory, with an argument changed.

    Where the text is not at hand any more, or without a ModelState, the call has `...` in the place of the text.
    """
    ms = first[0] if first else None
    data = getattr(ms, 'data', None)
    if not isinstance(data, Dataset) or not Path(data.source).exists() or valid(name, value) is ...:
        return f'ModelState.initfromsrcfile(...{f", {write(name, value)}" if name else ""})'
    usual = {'modeltype': 'GRUEncode', **HyperParams().facts()}
    now = {'modeltype': getattr(ms, 'modeltype', ''), **getattr(ms, 'hyper', HyperParams()).facts()}
    needed = NEEDED.get(name)
    changes = {name: valid(name, value)} if name else {}
    changes |= {needed[0]: needed[1]} if needed and value else {}
    options = {**data.options, **{key: now[key] for key in now if now[key] != usual[key]}, **changes}
    dropped = {key for key, (other, fit) in NEEDED.items() if changes.get(other, fit) != fit}
    options = {key: each for key, each in options.items() if key not in dropped}
    return begin_again(from_here(Path(data.source)), from_here(getattr(ms, 'curdir', Path('run'))), options)


def is_text(value: object) -> bool:
    """Return True for a list of texts, a path, or a text that is longer than a word, in the place of a number."""
    if isinstance(value, list | tuple):
        return all(isinstance(each, str) for each in value) and any(value)
    if not isinstance(value, str):
        return isinstance(value, Path)
    try:
        float(value)
    except ValueError:
        return is_file(value) or len(value.split()) > 1 or bool(Path(value).suffix)
    return False


def own_text_in(values: Sequence[object], given: Mapping[str, object]) -> object:
    """Return the text or the path that a call of trainmodel gives; None if it gives none."""
    named = (each for name, each in given.items() if 'srcfile' in OTHER_NAMES.get(plain(name), (plain(name),)))
    first = values[0] if values else given.get('num_rounds')
    return first if is_text(first) else next((each for each in named if isinstance(each, str) or is_text(each)), None)


def own_text(text: Any, given: Mapping[str, Any]) -> HyperParamsError:
    """Return the error for a text or a path in the place of the number of rounds, as textgenrnn's functions take it."""
    kept = ', '.join(f'{name}={typed(value)}' for name, value in given.items() if value is not text)
    step = f'ms.trainmodel({kept}) trains on that; '
    if isinstance(text, str | Path) and is_file(text):
        step += f'ms.addsource({str(text)!r}) adds that text; {begin(str(text))} begins another run'
    else:
        save, file = save_text(text)
        step += f'{save}, then {begin(file, size=size_of(text))} begins another run'
    return HyperParamsError(f'trainmodel trains on the text of its own run, and takes no {shown(text)}.', step)


def no_attribute(ms: object, name: str) -> AttributeError:
    """Return the error for an unknown attribute of a ModelState, with what to type instead."""
    key, settings = plain(name), HyperParams.__dataclass_fields__
    known = {setting: f'ms.hyper.{setting}' for setting in settings} | {
        other: f'ms.{other}' for other in vars(type(ms))
    }
    meant = next((other for other in (key, *OTHER_NAMES.get(key, ())) if other in settings), None) or nearest(
        name, known
    )
    step = ATTRIBUTES.get(key) or (known[meant] if meant else '')
    if "'some text'" in step and isinstance(data := getattr(ms, 'data', None), Dataset):
        step = step.replace("'some text'", typed(excerpt(data.chars, data.train)))
    if 'ModelState.initfromsrcfile(...)' in step:
        step = step.replace('ModelState.initfromsrcfile(...)', again([ms]))
    # With `obj` and without `name`, Python adds no suggestion of its own.
    return AttributeError(f'a ModelState has no {name!r}.{f"  Next: {step}" if step else ""}', obj=ms)


def no_attribute_of_the_class(cls: type, name: str) -> NoReturn:
    """Raise the error for an unknown attribute of the class ModelState, as its ``__getattr__``."""
    raise no_name('ModelState', cls, name, [*vars(cls)], vars(cls))


def no_public_name(name: str) -> NoReturn:
    """Raise the error for a name that the package does not have, as its ``__getattr__``."""
    package = sys.modules['charrnn']
    error = no_name('charrnn', package, name, package.__all__, vars(package.ModelState))
    if 'Next: ' in str(error) and sys._getframe(1).f_code.co_name == '_handle_fromlist':
        # `from charrnn import name` drops the text of an AttributeError.
        raise ImportError(str(error), name='charrnn')
    raise error


def no_name(where: str, of: object, name: str, known: Collection[str], verbs: Collection[str]) -> AttributeError:
    """Return the error for a name that the module or the class does not have, with what to type instead.

    Parameters
    ----------
    where : str            the module or the class, as a user types it
    known : collection     the names that it has
    verbs : collection     the names of a ModelState
    """
    key = plain(name)
    step = f'ms.{name}()' if name in verbs else ATTRIBUTES.get(key, '')
    if key in CLASSES or name in ('load', 'initfromsrcfile') or step == ATTRIBUTES['load_model']:
        step = f'ms = {load_or_begin()}'
    elif key in BEGIN:
        step = f'ms = {begin()}, then ms.trainmodel()'
    elif step:
        step = f'ms = {load_or_begin()}, then {step}'
    elif near := nearest(name, known):
        step = f'{where}.{near}'
    if step and where == 'charrnn' and 'ModelState' in step:
        step = f'from charrnn import *, then {step}'
    return AttributeError(f'{where} has no {name!r}.{f"  Next: {step}" if step else ""}', obj=of)
