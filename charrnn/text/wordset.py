"""WordSet: words between white space, and the end of a line as a word of its own; with `punctuation` also each mark.

    'the cat\\nsat'  ──►  the  cat  <eos>  sat  ──►  'the cat\\nsat'

The vocabulary holds the words of the training text alone: index 0 is `<unk>`, the unknown word; the others follow by
falling frequency (equal ones by code point).  Decoding puts one space between words and a line break for `<eos>`;
punctuation.py has the rule for marks.
Decoding loses unknown words, other white space, a word `<eos>` of the text itself (it becomes a line break) and, with
`lower`, capitals.  ``spelled`` returns all of that with its places, because an honest score must pay for it: indices
and spelled parts together give back every text exactly.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from charrnn.arguments import check_errors_argument
from charrnn.display.text import fitted
from charrnn.errors import CharSetError, HyperParamsError, shown
from charrnn.text.ahead import ahead
from charrnn.text.decoding import SURROGATE, decoded_chunks
from charrnn.text.punctuation import MARKED_WORD, PLAIN_WORD, Spacing
from charrnn.text.sources import Source, split_size
from charrnn.text.tokens import END, Codes, tokens_of
from charrnn.text.vocabulary import Decoder, Indices, Vocabulary, outside, refuse_surrogates

UNKNOWN = '<unk>'
BREAK = re.compile(r'\s')


@fitted
class WordSet(Vocabulary[str]):
    """Words and their indices.

    >>> words = WordSet(['<eos>', 'the', 'cat'])
    >>> words
    WordSet(['<eos>', 'the', 'cat'])
    >>> words.encode('the cat\\n').tolist()
    [2, 3, 1]
    >>> words.decode([2, 3, 1, 2])
    'the cat\\nthe'

    Parameters
    ----------
    words : iterable of str    the symbols, in the order of their indices from 1 on (`<unk>`, if it is among them, is 0)
    lower : bool               read a text in lower case
    punctuation : bool         read each punctuation mark as a word of its own
    """

    __slots__ = ('_index', '_words', 'holds_unknown', 'lower', 'punctuation')

    level = 'word'

    def __init__(self, words: Iterable[str], lower: bool = False, punctuation: bool = False) -> None:
        given = list(dict.fromkeys(words))
        self.holds_unknown = UNKNOWN in given
        self.lower, self.punctuation = lower, punctuation
        self._words = [UNKNOWN, *(word for word in given if word != UNKNOWN)]
        self._index = {word: i for i, word in enumerate(self._words)}

    @property
    def symbols(self) -> Sequence[str]:
        """The words of the text; `<unk>` is among them only if the text holds it."""
        return self._words if self.holds_unknown else self._words[1:]

    @property
    def silent(self) -> int | None:
        """The index of `<unk>`, 0; None if the text itself holds `<unk>`."""
        return None if self.holds_unknown else 0

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __contains__(self, word: object) -> bool:
        return (word in self._index) and (word != UNKNOWN or self.holds_unknown)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordSet):
            return NotImplemented
        return self.facts() == other.facts()

    def __hash__(self) -> int:
        return hash((tuple(self._words), self.lower, self.punctuation))

    def __repr__(self) -> str:
        if len(self) <= 20:
            options = ''.join(f', {name}=True' for name in ('lower', 'punctuation') if getattr(self, name))
            return f'WordSet({list(self.symbols)!r}{options})'
        return f'<WordSet of {len(self.symbols):,} words {self.symbols[0]!r} … {self.symbols[-1]!r}>'

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of a word or a line break."""
        return MARKED_WORD if self.punctuation else PLAIN_WORD

    def encode(self, text: str, errors: str = 'strict') -> Indices:
        """Return the index of every word and line break.

        Raises
        ------
        CharSetError    errors='strict', and a word is unknown
        """
        check_errors_argument(errors)
        words, codes = tokens_of(text, self.lower, self.punctuation)
        if errors == 'strict':
            unknown = next((word for word in words if word not in self), None)
            if unknown is not None:
                raise CharSetError(
                    f'{shown(unknown)} is not among this model’s {len(self.symbols):,} words.',
                    "ms.chars shows them; errors='replace' reads it as <unk>.",
                )
        indices: Indices = np.fromiter(map(self._index.get, words, repeat(0)), self.dtype, len(words))
        return indices[codes]

    def decode(self, indices: Iterable[int]) -> str:
        """Return the text that `indices` spell: a line break for `<eos>`, and spaces by the rule of punctuation.py."""
        decoder = self.decoder()
        decoder.feed(indices)
        return decoder.text

    def places(self, text: str) -> NDArray[np.int64]:
        """Return the begin and the end of each word and line break.

        >>> WordSet(['the', 'cat']).places('the  cat').tolist()
        [[0, 3], [5, 8]]
        """
        return np.array([found.span() for found in self.pattern.finditer(text)], np.int64).reshape(-1, 2)

    def decoder(self) -> WordDecoder:
        """Return a decoder that has been given no word yet."""
        return WordDecoder(self._words, self.punctuation)

    def decoder_after(self, text: str) -> WordDecoder:
        """Return a decoder that goes on after `text`: its first space depends on the last line of `text`."""
        line = text[text.rfind('\n') + 1 :]
        decoder = WordDecoder(self._words, self.punctuation)
        decoder.go_on(line, (found[0] for found in self.pattern.finditer(line)))
        return decoder

    def spelled(self, text: str, continues: bool = False) -> Iterator[tuple[int, str]]:
        """Yield each part of a text that decode(encode(text)) loses, with its place.

        The indices of a text and these parts give the text back exactly.

        Parameters
        ----------
        continues : bool       the text continues a line: a word stands before it
        Yields
        ------
        place, part            2·i: the white space before symbol i, 2·i + 1: symbol i itself, 2·n: the end of the text
        """
        end, place, spacing = 0, 0, Spacing(self.punctuation, continues)
        for found in self.pattern.finditer(text):
            token, gap = found[0], text[end : found.start()]
            if gap != spacing.before(token):
                yield place, gap
            if not self._comes_back(token):
                yield place + 1, token
            end, place = found.end(), place + 2
        if end < len(text):
            yield place, text[end:]

    def _comes_back(self, token: str) -> bool:
        """Return True if decoding gives back this word or line break as it is."""
        if token == '\n':
            return END in self
        return token != END and token in self and not (self.lower and token != token.lower())

    @classmethod
    def pieces(cls, path: Path, source: Source) -> Iterator[str]:
        """Yield a text in pieces of whole lines or, in a very long line, of whole words."""
        rest = ''
        for text in decoded_chunks(path, source.encoding, source.errors):
            rest += text
            cut = rest.rfind('\n') + 1
            if not cut and len(rest) > 2**20:
                cut = max((m.end() for m in BREAK.finditer(rest)), default=0)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
        if rest:
            yield rest

    @classmethod
    def scan(cls, source: Source, files: Sequence[Path]) -> tuple[Self, list[int]]:
        """Return the `vocab_size` most frequent words of the training text, `<unk>` counted, and the file sizes.

        Words that the training text holds fewer than `mincount` times are left out.
        """

        def tokens(piece: str) -> tuple[list[str], Codes]:
            return tokens_of(piece, source.lower, source.punctuation)

        sizes = []
        for path in files:
            size = 0
            for piece, (_, codes) in ahead(tokens, cls.pieces(path, source)):
                refuse_surrogates(path, not piece.isascii() and bool(SURROGATE.search(piece)))
                size += len(codes)
            sizes.append(size)
        left = split_size(source.trainfrac, sizes[0])
        counts: Counter[str] = Counter()
        for _, (words, codes) in ahead(tokens, cls.pieces(files[0], source)):
            for word, count in zip(words, np.bincount(codes[:left], minlength=len(words)).tolist(), strict=True):
                if count:
                    counts[word] += count
            left -= len(codes[:left])
            if not left:
                break
        kept = [word for word in counts if counts[word] >= source.mincount and word != UNKNOWN]
        ranked = sorted(kept, key=lambda word: (-counts[word], word))
        if source.vocab_size is not None:
            ranked = ranked[: source.vocab_size - 1]
        if UNKNOWN in counts:
            ranked.append(UNKNOWN)
        if counts and not ranked:
            most = max(counts.values())
            raise HyperParamsError(
                f'mincount={source.mincount}, and no word of the training text is seen more than {most:,} times.',
                f'mincount={most}',
            )
        return cls(ranked, source.lower, source.punctuation), sizes

    def grown(self, source: Source) -> tuple[Self, int]:
        """Return this WordSet with the new words of a file after its own, and the number of words in the file.

        One with a `vocab_size` is full.
        """
        every = replace(source, vocab_size=None)
        other, (size,) = self.scan(replace(every, mincount=1), [source.path])
        if source.vocab_size is not None:
            return self, size
        if source.mincount > 1:
            try:
                other, _ = self.scan(every, [source.path])
            except HyperParamsError:  # no word occurs so often
                return self, size
        new = [word for word in other.symbols if word not in self]
        return (type(self)([*self.symbols, *new], self.lower, self.punctuation) if new else self), size

    def boundary(self, text: bytes, at: int) -> int:
        """Return the first place of `text` from byte `at` on after a word or a line break, if a further one follows."""
        decoded, end, place = text.decode('utf-8', 'surrogateescape'), 0, 0
        for found in self.pattern.finditer(decoded):
            if place >= at:
                return place
            place += len(decoded[end : found.end()].encode('utf-8', 'surrogateescape'))
            end = found.end()
        return len(text)

    def end_of(self, text: str, count: int) -> int:
        """Return the offset in a text at which its first `count` words and line breaks end."""
        return max((found.end() for found in islice(self.pattern.finditer(text), count)), default=0)

    def encode_piece(self, piece: str) -> Indices:
        """Return the indices of a piece; unknown words are 0."""
        return self.encode(piece, errors='replace')

    def facts(self) -> dict[str, Any]:
        """Return the words in order, and the options.

        With `punctuation`, the list has another name, so that a charrnn that does not know the option refuses the run.
        """
        words = list(self.symbols)
        if self.punctuation:
            return {'words_and_marks': words, 'lower': self.lower, 'punctuation': True}
        return {'words': words, 'lower': self.lower}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the WordSet that ``facts`` describes."""
        lower, punctuation = facts['lower'], facts.get('punctuation', False)
        if type(lower) is not bool or type(punctuation) is not bool:
            raise ValueError('lower and punctuation must be bool')
        words = facts['words_and_marks' if punctuation else 'words']
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise ValueError('words must be a list of str')
        return cls(words, lower, punctuation)


class WordDecoder(Decoder):
    """The text of word indices: a line break for `<eos>`, and spaces by the rule of punctuation.py."""

    __slots__ = ('_spacing', '_words')

    def __init__(self, words: Sequence[str], punctuation: bool) -> None:
        super().__init__()
        self._words, self._spacing = words, Spacing(punctuation)

    def push(self, index: int) -> None:
        """Add the word of an index; raise CharSetError if it is outside the vocabulary."""
        if not 0 <= index < len(self._words):
            raise outside(index, len(self._words))
        word = '\n' if self._words[index] == END else self._words[index]
        self._pieces.append(self._spacing.before(word) + word)

    def go_on(self, line: str, tokens: Iterable[str]) -> None:
        """Go on after a line that has no line break, and these tokens; no space follows white space."""
        for token in tokens:
            self._spacing.before(token)
        if line[-1:].isspace():
            self._spacing.join()
