"""Draw the pictures of docs/guide/how.md: python tools/pictures.py [FOLDER].

They are SVG on a white card of their own, so that they read on a light and on a dark page, and 520 units wide with
letters of 16, so that they read on a telephone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / 'docs' / 'guide' / 'pictures'
WIDTH = 520
INK, GREY, PALE = '#1a202c', '#5a6778', '#e6ebf1'
COLOURS = ('#2166ac', '#b35806', '#1b7837', '#762a83')
"""One for each lane."""


# ---- marks --------------------------------------------------------------------------------------------------


def text(x: float, y: float, words: str, *, colour: str = INK, anchor: str = 'middle', size: int = 16,
         bold: bool = False) -> str:  # fmt: skip
    """Return one line of words."""
    weight = ' font-weight="600"' if bold else ''
    words = words.replace('&', '&amp;').replace('<', '&lt;')
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="{size}" text-anchor="{anchor}"{weight}>{words}</text>'


def line(points: Iterable[tuple[float, float]], colour: str, *, width: float = 2, dashed: bool = False,
         arrow: bool = False) -> str:  # fmt: skip
    """Return a line through points, with an arrow head at its end if wished."""
    path = 'M' + ' L'.join(f'{x:.1f} {y:.1f}' for x, y in points)
    more = (' stroke-dasharray="5 5"' if dashed else '') + (f' marker-end="url(#{colour[1:]})"' if arrow else '')
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{more}/>'


def box(x: float, y: float, width: float, height: float, *, fill: str = PALE, edge: str = 'none') -> str:
    """Return a rectangle with round corners."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="{fill}" stroke="{edge}"/>'


def dot(x: float, y: float, colour: str, radius: float = 7) -> str:
    """Return a filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>'


def card(height: int, title: str, marks: Iterable[str]) -> str:
    """Return a picture: its marks on a white card."""
    heads = (
        f'<marker id="{colour[1:]}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
        for colour in (*COLOURS, INK, GREY)
    )
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif">',
        f'<title>{title}</title>',
        f'<defs>{"".join(heads)}</defs>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        *marks,
        '</svg>\n',
    ])  # fmt: skip


# ---- the ring -----------------------------------------------------------------------------------------------


def on_ring(share: float, radius: float) -> tuple[float, float]:
    """Return a point of the ring, clockwise from its top; `share` is the part of the way round."""
    angle = 2 * math.pi * share
    return WIDTH / 2 + radius * math.sin(angle), 225 - radius * math.cos(angle)


def arc(begin: float, end: float, radius: float) -> list[tuple[float, float]]:
    """Return points along a part of the ring."""
    return [on_ring(begin + (end - begin) * i / 24, radius) for i in range(25)]


def lanes() -> str:
    """Return the picture of four lanes on the ring of the training text."""
    marks = [f'<circle cx="260" cy="225" r="140" fill="none" stroke="{PALE}" stroke-width="16"/>']
    marks += [line([on_ring(0, 126), on_ring(0, 156)], INK, width=3)]
    marks += [text(260, 28, 'the seam: the end of the training text'), text(260, 48, 'joins its beginning')]
    for lane, colour in enumerate(COLOURS):
        place = 0.06 + lane / 4
        marks += [line(arc(place, place + 0.055, 140), colour, width=16), dot(*on_ring(place, 140), colour, 11)]
        marks += [line(arc(place + 0.075, place + 0.145, 140), colour, width=3, arrow=True)]
        x, y = on_ring(place + 0.02, 185)
        marks += [text(x, y + 6, f'lane {lane}', colour=colour, anchor='start' if x > 260 else 'end', bold=True)]
    marks += [
        text(260, 205, 'n symbols on a ring,'),
        text(260, 227, 'B = 4 lanes,'),
        text(260, 249, 'n / B symbols apart'),
    ]
    marks += [
        box(52, 425, 34, 16, fill=COLOURS[0]),
        text(98, 439, 'a window: the next T symbols of each lane', anchor='start'),
    ]
    marks += [text(98, 463, 'after a window, all lanes have moved by T', anchor='start', colour=GREY)]
    return card(480, 'Four lanes, evenly spaced on a ring, walk in the same direction', marks)


def carry() -> str:
    """Return the picture of three windows of one lane: the carry goes on, gradients stop."""
    marks = [text(260, 30, 'one lane, three windows of T symbols')]
    for k, x in enumerate((20, 190, 360)):
        marks += [box(x, 118, 140, 64, edge=COLOURS[0]), text(x + 70, 156, f'window {k + 1}')]
        marks += [text(x + 70, 228, ('But soft, what', ' light through', ' yonder window')[k], colour=GREY)]
        marks += [line([(x + 70, 210), (x + 70, 186)], GREY, arrow=True)]
        marks += [line([(x + 128, 100), (x + 12, 100)], COLOURS[1], dashed=True, arrow=True)]
        if k < 2:
            marks += [line([(x + 140, 150), (x + 168, 150)], COLOURS[0], width=4, arrow=True)]
            marks += [line([(x + 155, 74), (x + 155, 126)], COLOURS[1], width=3)]
    marks += [text(260, 62, 'gradients run back to the edge of their window, and stop', colour=COLOURS[1])]
    marks += [text(260, 268, 'the carry, the hidden state of each layer, goes on', colour=COLOURS[0])]
    marks += [text(260, 291, 'with its values from window to window', colour=COLOURS[0])]
    return card(310, 'The carry goes from window to window, gradients do not', marks)


def rollover() -> str:
    """Return the picture of a lane that crosses the seam and the end of an epoch."""
    marks = [text(260, 30, 'the ring, unrolled')]
    marks += [box(20, 60, 238, 40), text(139, 86, '… end of the text')]
    marks += [box(262, 60, 238, 40), text(381, 86, 'its beginning …'), line([(260, 52), (260, 182)], INK, width=3)]
    marks += [text(260, 204, 'the seam')]
    for k, x in enumerate((34, 124, 214, 304, 394)):
        marks += [box(x, 122, 84, 36, fill=COLOURS[3] if k == 2 else '#ffffff', edge=COLOURS[3])]
        marks += [text(x + 42, 146, f'{x // 90 + 41}', colour='#ffffff' if k == 2 else COLOURS[3])]
        if k < 4:
            marks += [line([(x + 84, 140), (x + 91, 140)], COLOURS[3], width=4)]
    marks += [text(260, 240, 'Window 43 begins in the last words and ends in the', colour=COLOURS[3])]
    marks += [text(260, 262, 'first ones. The lane keeps its place and its carry.', colour=COLOURS[3])]
    marks += [text(260, 296, 'The position is one number that only grows.')]
    marks += [text(260, 318, 'An epoch ends by counting; no lane moves for it.', colour=GREY)]
    return card(336, 'A lane crosses the seam of the ring and keeps its carry', marks)


def moment() -> str:
    """Return the picture of what a checkpoint holds."""
    rows = ('the weights', 'the moments of the optimizer', 'the carry of every lane', 'position, round',
            'what the schedule decided', 'settings and seed', 'your attached functions')  # fmt: skip
    marks = [
        text(260, 30, 'a moment: everything that training reads'),
        box(110, 46, 300, 246, fill='#ffffff', edge=INK),
    ]
    for k, words in enumerate(rows):
        marks += [box(122, 56 + 33 * k, 276, 28), text(260, 76 + 33 * k, words)]
    marks += [
        line([(150, 292), (150, 326)], COLOURS[0], width=3, arrow=True),
        text(138, 315, 'save', anchor='end', colour=COLOURS[0]),
    ]
    marks += [box(30, 330, 240, 40, edge=COLOURS[0]), text(150, 356, 'a checkpoint on disk')]
    marks += [line([(150, 370), (150, 396)], COLOURS[0], width=3, arrow=True)]
    marks += [box(30, 400, 240, 40, edge=COLOURS[0]), text(150, 426, 'load, in a new process')]
    marks += [line([(150, 440), (150, 466)], COLOURS[0], width=3, arrow=True)]
    marks += [line([(372, 292), (372, 466)], COLOURS[2], width=3, arrow=True)]
    marks += [text(384, 385, 'train on', anchor='start', colour=COLOURS[2])]
    marks += [box(30, 470, 460, 40, edge=INK), text(260, 496, 'the next window: the same bits either way')]
    return card(528, 'A moment is saved and loaded; the next window is the same', marks)


PICTURES = {'lanes.svg': lanes, 'carry.svg': carry, 'rollover.svg': rollover, 'moment.svg': moment}


def main(folder: Path) -> None:
    """Write every picture to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / name).write_text(draw(), encoding='utf-8', newline='')


if __name__ == '__main__':
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
