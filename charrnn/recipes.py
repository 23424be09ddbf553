"""Recipes: settings in one word, for a text of a given size.

    small    a text of up to some 5 MB: Muon, a rate that falls along half a cosine, and the shorter the text, the more
             epochs and the more that is dropped

The settings were chosen on the training parts of several texts (docs/results.md).  They are ordinary hyperparameters:
the run keeps them and shows them (``ms.hyper``), and knows no recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charrnn.arguments import CHECKS

EVERY: dict[str, Any] = {'optimizer': 'muon', 'learnrate': 0.007, 'clip': 0.0, 'clipnorm': 1.0, 'regcost': 0.0}
"""For every text; the rate is that of 16 lanes."""
WINDOW = {'char': 64, 'byte': 64, 'word': 32}
"""seq_len, by level."""
SMALL: tuple[tuple[int, dict[str, Any]], ...] = (
    (200_000, {'cosine': 30.0, 'dropout': 0.3, 'locked': True, 'weightdrop': 0.2}),
    (700_000, {'cosine': 8.0}),
    (2_000_000, {'cosine': 4.0}),
)
"""Bytes of text up to which a row holds, and its settings; `cosine` is also the number of epochs to train."""
LARGE = {'cosine': 2.0}
"""For a text beyond the last row: fewer epochs, by the trend of the rows; none of that size was tried."""
TOGETHER = {'clip': 'clipnorm', 'dropout': 'locked', 'optimizer': 'learnrate'}
"""Settings whose value decides about another one: where a user gives the first, the recipe has neither."""


def settings_of(recipe: str | None, size: int, level: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters for a text: those of a recipe, if there is one, and those that are given.

    Parameters
    ----------
    size : int         bytes of the text that trains; 0 if it is not known
    given : mapping    hyperparameters that the user has chosen
    Raises
    ------
    HyperParamsError    an unknown recipe
    """
    if recipe is None:
        return {**given}
    check, _ = CHECKS['recipe']
    check('recipe', recipe)
    row = next((row for most, row in SMALL if size <= most), LARGE)
    found = {**EVERY, 'seq_len': WINDOW[level], **row}
    dropped = {TOGETHER[name] for name in given if name in TOGETHER}
    return {**{name: value for name, value in found.items() if name not in dropped}, **given}
