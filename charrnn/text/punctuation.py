"""The words of a text and the white space between them; marks of punctuation belong to words, or are words themselves.

Without ``punctuation``, a word is a string between white space, and decoding puts one space between two words.

With it, a mark (a character of MARKS) is a word of its own, and so is a run of hyphens, except that one of INSIDE stays
in a word that goes on behind it: don't, well-known, 3.14, example.com.  Decoding then puts one space between two words,

    but none before a mark of CLOSING                          the cat, the dog.
    none after a mark of OPENING                               (the cat)
    none on either side of a mark of JOINING, or of hyphens    and/or, yes--no
    and a straight quote opens and closes in turn in a line    "the cat" sat

At the beginning and the end of a line there is no space.  The lists are fixed, so that another Python, with another
version of Unicode, reads the same words.
"""

from __future__ import annotations

import re

MARKS = (
    r'!-/:-@\[-`{-~\xa1-\xa9\xab\xac\xae-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u060c\u061b\u061f\u06d4\u0964\u0965'
    r'\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u3001-\u3003\u3008-\u3011\u3014-\u301f'
    r'\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65'
)
"""The marks, as the inside of a character class: of ASCII, Latin-1, Arabic, Devanagari, typography, money, CJK."""
INSIDE = r"'’.,:_-"
CLOSING = frozenset(",.;:!?)]}%'…’”»،؛؟۔।॥、。〉》」』】！），．：；？］｝")
OPENING = frozenset('([{“‘„«$£€#@¿¡〈《「『【（［｛')
JOINING = frozenset('/—')

PLAIN_WORD = re.compile(r'\n|\S+')
MARKED_WORD = re.compile(rf'\n|<unk>|[^\s{MARKS}]+(?:[{INSIDE}][^\s{MARKS}]+)*|-{{2,}}|[{MARKS}]')


class Spacing:
    """The white space that decoding puts before each word of a text, a function of the words before it.

    Parameters
    ----------
    punctuation : bool    marks are words of their own
    continues : bool      the text continues a line: a word stands before it
    """

    __slots__ = ('_is_quoted', '_joins', '_last', '_punctuation')

    def __init__(self, punctuation: bool, continues: bool = False) -> None:
        self._punctuation, self._joins = punctuation, not continues  # _joins: no space comes after the last word
        self._last, self._is_quoted = '', False

    def before(self, word: str) -> str:
        """Return the white space before the next word, which may be a line break, and go on behind that word."""
        joins_left = joins_right = word == '\n'
        if self._punctuation:
            hyphens = word.startswith('--')
            is_quote, is_joining = word == '"', word in JOINING or hyphens
            joins_left = joins_left or is_joining or word in CLOSING or (is_quote and self._is_quoted)
            joins_right = joins_right or is_joining or word in OPENING or (is_quote and not self._is_quoted)
            if word.startswith('-') and self._last.startswith('-'):  # together they would be one word
                self._joins = joins_left = False
            self._is_quoted = (self._is_quoted != is_quote) and word != '\n'
            self._last = word
        gap = '' if self._joins or joins_left else ' '
        self._joins = joins_right
        return gap

    def join(self) -> None:
        """Put no space before the next word."""
        self._joins = True
