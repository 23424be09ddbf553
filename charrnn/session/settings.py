"""Settings that would do nothing: beside another setting, with a model type, or on a text.

The fields of HyperParams say which other setting each needs, the model types which settings they have.  Only what a
user types is refused, no default and nothing that is off; a run from disk has the settings that it has.
"""

from __future__ import annotations

from collections.abc import Iterable

from charrnn.errors import HyperParamsError, shown
from charrnn.hyperparams import CHANGEABLE, HyperParams
from charrnn.models import MODELTYPES
from charrnn.text.dataset import Dataset


def refuse_idle(modeltype: str, hyper: HyperParams, typed: Iterable[str], *, begun: bool = False) -> None:
    """Raise HyperParamsError if a setting that was typed would do nothing.

    Parameters
    ----------
    begun : bool    the run exists, so only some settings can change
    """
    for name in typed:
        if error := idle(modeltype, hyper, name, begun=begun):
            raise error


def idle(modeltype: str, hyper: HyperParams, name: str, *, begun: bool = False) -> HyperParamsError | None:
    """Return the error for a setting that would do nothing; None for one that acts, is off or is the default."""
    f, value = hyper.__dataclass_fields__[name], getattr(hyper, name)
    if value == f.default or not value:
        return None
    leave = f'leave {name} out'
    takers = [kind for kind, model in MODELTYPES.items() if name in model.settings]
    if takers and modeltype not in takers:
        *others, last = map(repr, takers)
        kinds = f'{", ".join(others)} or {last}' if others else last
        return HyperParamsError(f'{modeltype} has no {name}: it would do nothing.', f'{leave}, or modeltype={kinds}')
    other, wanted = f.metadata['needs'] or (name, value)
    if (present := getattr(hyper, other)) == wanted:
        return None
    return HyperParamsError(
        f'{name} acts only with {other}={wanted!r}: beside {other}={shown(present)} it would do nothing.',
        f'{leave}, or {other}={wanted!r}' if not begun or other in CHANGEABLE else leave,
    )


def refuse_anneal_without_validation(hyper: HyperParams, data: Dataset) -> None:
    """Raise HyperParamsError if the learning rate would wait for validations, and the text leaves nothing for them."""
    if hyper.anneal < 1 and not len(data.valid):
        raise HyperParamsError(
            f'anneal={hyper.anneal} needs a validation split, and this text leaves none.',
            'anneal=1.0, or a new run with trainfrac=0.9 or on a directory with valid.txt',
        )
