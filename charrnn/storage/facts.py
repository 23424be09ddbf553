"""The facts of a checkpoint, a JSON object, and the check of those that a stranger may have written."""

from __future__ import annotations

import math
from typing import Any

from charrnn.storage.sealed import parse_json

Facts = dict[str, Any]
FACTS = 'facts.json'

KEEP = 5
"""Number of newest checkpoints that are kept, besides the best, if the facts of the newest have no `keep`."""
LONGEST_NAME = 40
"""Maximum length of the name of an attached function, and of a checkpoint."""
LARGEST = 2**53
"""Counts below this are exact as int and as float64."""
SPECIAL = ('best', 'last')
"""Words for a checkpoint that depend on what there is, so that no checkpoint is called so."""

FACT_TYPES: dict[str, type | tuple[type, ...]] = {
    'position': int,
    'symbols': int,
    'round': int,
    'seed': int,
    'history_length': int,
    'seconds': (int, float),
    'valid_nats': (int, float, type(None)),
    'schedule': dict,
    'hyper': dict,
    'modeltype': str,
    'data_digest': str,
    'written': str,
}
RING_TYPES: dict[str, type | tuple[type, ...]] = {'size': int, 'symbols': int, 'epoch': (int, float)}
PARENT_TYPES = {'run': str, 'checkpoint': int, 'digest': str, 'round': int}


def is_checkpoint_name(name: object) -> bool:
    """Return True for a text that a checkpoint may be called: printable, at most 40 characters, and no number."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST_NAME
        and name.isprintable()
        and name == name.strip()
        and not name.isnumeric()
        and name not in SPECIAL
    )


def parse_facts(content: bytes) -> Facts:
    """Return the facts in a file, after a check of the types of those that every checkpoint has.

    Raises
    ------
    ValueError    says what is wrong
    """
    try:
        facts = parse_json(content)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise ValueError(f'{FACTS} is not a JSON object of facts')
    for name, types in FACT_TYPES.items():
        if not _is_possible(facts.get(name, ...), types):
            raise ValueError(f'the {name} in {FACTS} is {"invalid" if name in facts else "missing"}')
    keep = facts.get('keep', KEEP)
    if type(keep) is not int or not 1 <= keep < LARGEST:
        raise ValueError(f'the keep in {FACTS} is invalid')
    for name in ('attached', 'environment', 'parent'):
        if not isinstance(facts.get(name, {}), dict):
            raise ValueError(f'the {name} in {FACTS} is invalid')
    for name, source in facts.get('attached', {}).items():
        if not (name.isidentifier() and len(name) <= LONGEST_NAME and isinstance(source, str)):
            raise ValueError(f'an attached function in {FACTS} has an invalid name or source')
    parent = facts.get('parent')
    if parent and not all(_is_possible(parent.get(name, ...), kind) for name, kind in PARENT_TYPES.items()):
        raise ValueError(f'the parent in {FACTS} is invalid')
    if 'ring' in facts and not _is_ring(facts['ring']):
        raise ValueError(f'the ring in {FACTS} is invalid')
    if not _is_possible(facts.get('valid_size', 0), int):
        raise ValueError(f'the valid_size in {FACTS} is invalid')
    if 'name' in facts and not is_checkpoint_name(facts['name']):
        raise ValueError(f'the name in {FACTS} is invalid')
    return facts


def _is_ring(found: Any) -> bool:
    if not isinstance(found, dict) or found.keys() != RING_TYPES.keys() or not found['size']:
        return False
    return all(_is_possible(found[name], kind) for name, kind in RING_TYPES.items())


def _is_possible(value: object, types: type | tuple[type, ...]) -> bool:
    """Return True for a value of these types; a number is not negative, finite and exact, and a bool is none."""
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    if isinstance(value, int | float):
        return 0 <= value < (LARGEST if isinstance(value, int) else math.inf)
    return True
