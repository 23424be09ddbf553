"""The form of a compressed text: what ``ms.compress`` returns.

magic, version    9 bytes
checksum          4 bytes, the CRC-32 of all bytes after it
weights, vocabulary, text    8 bytes each, the first of a SHA-256
trial             4 bytes, the CRC-32 of the first logits, which another engine would round otherwise
symbols, lanes, bytes of what the symbols lose    numbers in bytes of 7 bits
model, engine     two texts, each after its length, for messages
what the symbols lose (zlib), then the code (sampling/coder.py)
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from charrnn.errors import CompressionError, shown

MAGIC = b'\xffcharrnn\x01'
"""The last byte is the version."""
DIGEST = 8
"""Bytes of each digest."""
MOST_NAME = 200
"""Bytes of the longest name in the data."""


@dataclass(frozen=True)
class Compressed:
    """A compressed text, taken apart.

    Parameters
    ----------
    weights, vocabulary, text : bytes    digests
    trial : int               CRC-32 of the first logits
    symbols, lanes : int
    model, engine : str       of the compressing side, in words
    lost : bytes              what the symbols lose, packed
    code : bytes
    """

    weights: bytes
    vocabulary: bytes
    text: bytes
    trial: int
    symbols: int
    lanes: int
    model: str
    engine: str
    lost: bytes
    code: bytes

    def to_bytes(self) -> bytes:
        """Return the data."""
        numbers = b''.join(map(as_bytes, (self.symbols, self.lanes, len(self.lost))))
        names = b''.join(as_bytes(len(name)) + name for name in (self.model.encode(), self.engine.encode()))
        digests = self.weights + self.vocabulary + self.text + self.trial.to_bytes(4, 'big')
        body = digests + numbers + names + self.lost + self.code
        return MAGIC + zlib.crc32(body).to_bytes(4, 'big') + body

    @classmethod
    def of(cls, data: bytes) -> Compressed:
        """Take data apart that may be damaged, or made by a stranger.

        Raises
        ------
        CompressionError    they are no compressed text, of a later version, cut off, or changed
        """
        if data[: len(MAGIC) - 1] != MAGIC[:-1]:
            what = 'the data are empty' if not data else f'{shown(data)} is no text that ms.compress made'
            raise CompressionError(f'{what}.', 'the data that compress has made')
        if data[len(MAGIC) - 1 : len(MAGIC)] not in (MAGIC[-1:], b''):
            raise CompressionError(
                f'the data are of version {data[len(MAGIC) - 1]}, and this charrnn reads version {MAGIC[-1]}.',
                'the charrnn that made them, or a newer one',
            )
        body = data[len(MAGIC) + 4 :]
        if zlib.crc32(body).to_bytes(4, 'big') != data[len(MAGIC) : len(MAGIC) + 4]:
            raise damaged('their checksum does not fit')
        digests, at = [body[i * DIGEST : (i + 1) * DIGEST] for i in range(3)], 3 * DIGEST + 4
        trial = int.from_bytes(body[3 * DIGEST : at], 'big')
        try:
            (symbols, at), names = number_at(body, at), list[str]()
            lanes, at = number_at(body, at)
            size, at = number_at(body, at)
            for _ in range(2):
                length, at = number_at(body, at)
                names.append(body[at : at + min(length, MOST_NAME)].decode())
                at += length
        except ValueError:
            raise damaged('their head makes no sense') from None
        if at + size > len(body) or not 1 <= lanes <= max(1, symbols):
            raise damaged('their head makes no sense')
        weights, vocabulary, text = digests
        lost, code = body[at : at + size], body[at + size :]
        model, engine = names
        return cls(weights, vocabulary, text, trial, symbols, lanes, model, engine, lost, code)


def damaged(why: str) -> CompressionError:
    """Return the error for data that are not as they were written."""
    return CompressionError(f'the data are damaged or cut off: {why}.', 'another copy of the data')


def as_bytes(number: int) -> bytes:
    """Return a whole number, 0 or more, in bytes of 7 bits, the lowest first; the last one is below 128."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def number_at(data: bytes, at: int) -> tuple[int, int]:
    """Return the number of ``as_bytes`` at a place, and the place after it; raise ValueError if there is none."""
    number = 0
    for shift in range(0, 63, 7):
        if at >= len(data):
            break
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    raise ValueError('no number')


def pack(parts: dict[int, str]) -> bytes:
    """Return the parts of a text that its symbols lose, with their places; b'' for none."""
    before, found = 0, bytearray()
    for place, part in parts.items():
        spelled = part.encode('utf-8', 'surrogateescape')
        found += as_bytes(place - before) + as_bytes(len(spelled)) + spelled
        before = place
    return zlib.compress(bytes(found), 9) if found else b''


def unpack(lost: bytes, symbols: int) -> dict[int, str]:
    """Return the parts of which ``pack`` made data; raise ValueError if they are none.

    zlib gives at most some 1030 bytes for one, so that hostile data cannot become very large.
    """
    try:
        data = zlib.decompress(lost) if lost else b''
    except zlib.error:
        raise ValueError('no parts') from None
    place, at, found = 0, 0, dict[int, str]()
    while at < len(data):
        step, at = number_at(data, at)
        length, at = number_at(data, at)
        place += step
        if length > len(data) - at or place > 2 * symbols or place in found:
            raise ValueError('no parts')
        found[place] = data[at : at + length].decode('utf-8', 'surrogateescape')
        at += length
    return found
