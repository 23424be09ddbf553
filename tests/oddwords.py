"""Texts of odd words and odd white space, and their tokens in a list."""

from hypothesis import strategies as st

from charrnn.text.tokens import tokens_of

SPACES = [' ', '\n', '  ', ' \n', '\t', '\r\n', '\xa0', '\u2028', '\x85', '\x0c', '\x1c', '\u3000']
WORDS = [
    'a',
    'b',
    'A',
    'é',
    'e\u0301',
    'İ',
    'ΑΣ',
    'ΑΣ.Α',
    'ß',
    '\ufeff',
    '\ufffd',
    '\x00',
    '\U0001f600',
    '<unk>',
    '<eos>',
    '<EOS>',
]
MARKS = ['.', ',', '"', "'", '’', '(', ')', '--', '-', '—', '/', '…', '_', '3.14', 'don’t', '<', '>', '«', '。']
any_text = st.lists(st.sampled_from(SPACES + WORDS + MARKS), max_size=30).map(''.join)


def listed(text: str, lower: bool = False, punctuation: bool = False) -> list[str]:
    """Return the tokens of a text, one after the other."""
    tokens, codes = tokens_of(text, lower, punctuation)
    return [tokens[code] for code in codes]
