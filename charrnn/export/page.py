"""Make a page."""

from __future__ import annotations

from typing import Any

from charrnn.text.vocabulary import Vocabulary


def vocabulary_facts(chars: Vocabulary[Any]) -> dict[str, Any]:
    """Return a vocabulary of characters or bytes as the script of a page takes it."""
    if chars.level == 'byte':
        return {'level': 'byte'}
    codes = [ord(chars.decode([index])) for index in range(len(chars))]
    return {'level': 'char', 'codes': codes, 'silent': chars.silent}
