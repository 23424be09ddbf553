"""A text that every Python carries, for whoever has none at hand: its own help pages."""

from __future__ import annotations

from pathlib import Path


def text_or_builtin(given: str | None, most: int | None = None) -> Path:
    """The path of the text that was given, or of Python's help pages (their first `most` characters), written here."""
    if given and most is None:
        return Path(given)
    if given:
        text = Path(given).read_text(encoding='utf-8')
        path = Path('workspaces') / f'{Path(given).stem}-{most}.txt'
    else:
        from pydoc_data.topics import topics

        text, path = '\n'.join(topics.values()), Path('workspaces') / 'help-pages.txt'
    path.parent.mkdir(exist_ok=True)
    path.write_text(text[:most], encoding='utf-8')
    return path
