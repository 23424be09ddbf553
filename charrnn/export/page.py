"""The verb exporthtml: a run as one page of HTML that reads and writes in any browser, without a connection.

    page.html     the frame: $names are filled in here
    page.css      the stylesheet
    runtime.js    the model and the vocabulary in JavaScript, without the page
    page.js       the page: the text, its colours, the buttons
    units.js      the strip of hidden units

The policy in the page (Content-Security-Policy) allows these scripts by their SHA-256, and no connection at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from charrnn.arguments import choice, path_of
from charrnn.display.text import NOUNS, fitted, printable
from charrnn.errors import HyperParamsError, SamplingError, TrainingError, WorkspaceError, shown, warn
from charrnn.export.packed import KINDS, Packed, pack
from charrnn.models.recurrent import Recurrent
from charrnn.session.generation import generatestring
from charrnn.session.prime import default_prime, indices_of
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only
from charrnn.storage.durable import cannot_read, cannot_write, explained, make_folder, write_whole
from charrnn.text.vocabulary import Vocabulary
from charrnn.version import __version__

MARK = b'<meta name="generator" content="charrnn '
"""Bytes at the beginning of every page, by which an older page is known, and may be written over."""
MOST_CELLS = 20_000
"""The longest text of a page; page.js has the same number."""
SAMPLE_SIZE = 300
"""Symbols of the sample that a page opens with, if its maker gives no prime."""
SYMBOL = {'char': 'character', 'byte': 'byte'}
SUFFIXES = ('.html', '.htm')
SCRIPTS = ('runtime.js', 'page.js', 'units.js')
CAUTION = (
    'What the network writes is a guess at what its training text might have said, and no person’s words; '
    'it can repeat that text word for word.'
)


@fitted
@dataclass(frozen=True)
class Page:
    """A page that was written.

    Parameters
    ----------
    path : str              where it is
    bytes : int             its size
    weights : str           'float16' or 'int8'
    weight_bytes : int      the size of the weights in it, before base64 makes four bytes of three
    trained_bytes : int     the size of the weights as they were trained
    """

    path: str
    bytes: int
    weights: str
    weight_bytes: int
    trained_bytes: int


@known_names_only
def exporthtml(
    ms: Session,
    path: str | Path,
    *,
    weights: str = 'float16',
    name: str | None = None,
    prime: str | bytes | None = None,
    licence: str | None = None,
    errors: str = 'strict',
) -> Page:
    """Write one page that reads and writes in any browser.

    The page is one file with the weights in it: it opens from a disk or a
    mail, needs no connection, and makes none. It scores what is typed,
    goes on with it, and shows the units. It has the name of the training
    text and its characters, and nothing else of the text. A page that is
    there already is written over, any other file is not.

    Parameters
    ----------
    path : path      ends in .html; folders that are missing are made
    weights : str    'float16', or 'int8': half the size, and rougher
    name : str       the headline; by default the name of the run
    prime : str      the text that the page opens with; by default a sample
    licence : str    the terms of the training text and the weights
    errors : str     'strict', or 'replace', for the prime, as in
                     generatestring

    Raises TrainingError (words, or a model with attention),
    WorkspaceError (a file that cannot be written, or is no page),
    CharSetError (an unknown symbol).
    """
    run = run_of(ms)
    model = refuse_what_no_page_can_run(run)
    weights = choice(*KINDS)('weights', weights)
    for argument, given in (('name', name), ('licence', licence)):
        if given is not None and not isinstance(given, str):
            raise HyperParamsError(f'{argument}={shown(given)} is no text.', f"{argument}='...'")
    target = target_of(path_of('path', path, 'page.html'))
    packed = pack(model, weights)
    trained = sum(p.numel() * p.element_size() for p in model.parameters())
    title = printable(run.workspace.path.name if name is None else name)
    about = about_run(run, f'{megabytes(trained)} as trained, {megabytes(len(packed.data))} in this page ({weights})')
    page = page_of(run, packed, title, opening_text(ms, run, prime, errors), about, licence)
    with explained(target, cannot_write):
        make_folder(target.parent)
        write_whole(target, page)
    return Page(str(path), len(page), weights, len(packed.data), trained)


def refuse_what_no_page_can_run(run: Run) -> Recurrent:
    """Return the model of a run that runtime.js can run.

    Raises
    ------
    TrainingError (words, or attention), TornWindowError, NonFiniteLossError
    """
    model, level = run.learner.evaluated, run.data.chars.level
    if level not in SYMBOL:
        raise TrainingError(
            'a page reads what is typed character by character, and this run reads words.', "a run with level='char'"
        )
    if not isinstance(model, Recurrent) or model.stack() is None:
        raise TrainingError(
            f'a page keeps a state of one size after each symbol, and {run.modeltype} also looks back at earlier ones.',
            "a run with modeltype='LSTM'",
        )
    run.learner.refuse_if_torn()
    run.learner.refuse_if_diverged()
    return model


def target_of(path: Path) -> Path:
    """Return the file to write: `path`, or the file that it links to.

    Raises
    ------
    WorkspaceError    another ending, a folder, or a file that is no page
    """
    if path.is_dir():
        raise WorkspaceError(f'{str(path)!r} is a directory.', f'path={str(path / "page.html")!r}')
    if path.suffix.lower() not in SUFFIXES:
        raise WorkspaceError(
            f'{str(path)!r} does not end in .html, so that a browser would not show it as a page.',
            f'path={str(path.with_name(f"{path.name}.html"))!r}',
        )
    with explained(path, cannot_read):
        path = path.resolve()
        if path.exists() and not (path.is_file() and is_page(path)):
            raise WorkspaceError(f'{str(path)!r} exists, and is no page of charrnn.', f'path={str(free_name(path))!r}')
    return path


def is_page(path: Path) -> bool:
    """Return True if a file is a page, or empty."""
    with path.open('rb') as file:
        begin = file.read(1000)
    return not begin or MARK in begin


def free_name(path: Path) -> Path:
    """Return the path with the first number that no file has."""
    numbered = (path.with_name(f'{path.stem}-{number}{path.suffix}') for number in range(2, 10**6))
    return next(other for other in numbered if not other.exists())


def opening_text(ms: Session, run: Run, prime: str | bytes | None, errors: str) -> list[int]:
    """Return the indices of the text that a page opens with.

    Raises
    ------
    CharSetError     an unknown symbol
    SamplingError    a text that a page cannot hold
    """
    if prime is not None:
        indices = indices_of(run, prime, errors)
        if len(indices) > MOST_CELLS:
            raise SamplingError(f'prime has {len(indices):,} symbols: a page holds {MOST_CELLS:,}.', 'a shorter prime')
        return indices
    if 'samplefilter' in run.attachments:
        warn('the attached samplefilter is Python, which no page runs: it draws without, and opens without a text.')
        return []
    return indices_of(run, generatestring(ms, SAMPLE_SIZE, temp=0.5, seed=0))


def about_run(run: Run, size: str) -> dict[str, str]:
    """Return what a page says of its run, by the word before it."""
    learner, data = run.learner, run.data
    hyper, noun = learner.hyper, NOUNS[data.chars.level]
    numbers = sum(p.numel() for p in learner.evaluated.parameters())
    losses = [f'training {nats:.2f}' for nats in run.history.column('train_nats')[-1:]]
    losses += [
        f'validation {nats:.2f} (text that it has not learned from)' for _, nats in run.history.validations()[-1:]
    ]
    return {
        'Model': f'{run.modeltype}, {hyper.layers} × {hyper.state_size} units, {numbers:,} weights',
        'Training text': f'{text_name(run)}, {len(data.train):,} {noun}, read {learner.epoch:.1f} times',
        'Loss': f'{", ".join(losses)}; nats a {SYMBOL[data.chars.level]}' if learner.symbols else 'not yet trained',
        'Size': size,
        'Made with': f'charrnn {__version__}',
    }


def text_name(run: Run) -> str:
    """Return the name of the source without its folders, which are nobody else's business."""
    return printable(Path(run.data.source).name) or 'a text'


def megabytes(size: int) -> str:
    """Return a number of bytes as MB, or as kB below one.

    >>> megabytes(1_324_296), megabytes(20_600)
    ('1.3 MB', '21 kB')
    """
    return f'{size / 1e6:.1f} MB' if size >= 999_500 else f'{size / 1e3:.0f} kB'


def page_of(run: Run, packed: Packed, title: str, text: list[int], about: dict[str, str], licence: str | None) -> bytes:
    """Return a page as UTF-8."""
    chars, model = run.data.chars, packed.facts
    symbol, valid = SYMBOL[chars.level], run.history.validations()
    facts = {
        'model': model,
        'vocabulary': vocabulary_facts(chars),
        'symbol': symbol,
        'start': default_prime(run),
        'text': text,
        'heldOut': valid[-1][1] / math.log(2) if valid and valid[-1][0] == run.learner.round else None,
    }
    parts = {name: read_part(name) for name in ('page.css', *SCRIPTS)}
    lead = (
        f'A small neural network that has read {text_name(run)} and goes on with any text, one {symbol} at a time. '
        'All of it is in this file: it needs no connection, and nothing that you type leaves your device.'
    )
    terms = 'The scripts of this page are part of charrnn, Apache-2.0. ' + CAUTION
    filled = Template(read_part('page.html')).substitute(
        generator=f'charrnn {__version__}',
        policy=policy_of(parts['page.css'], [parts[name] for name in SCRIPTS]),
        name=html.escape(title),
        lead=html.escape(lead),
        style=parts['page.css'],
        symbol=symbol,
        topk=len(chars),
        units=model['H'],
        last=model['H'] - 1,
        facts=''.join(f'<dt>{html.escape(word)}</dt><dd>{html.escape(what)}</dd>\n' for word, what in about.items()),
        licence=html.escape(f'{printable(licence)} {terms}' if licence else terms),
        json=json.dumps(facts).replace('<', '\\u003c'),
        weights=base64.b64encode(packed.data).decode(),
        scripts='\n'.join(f'<script>{parts[name]}</script>' for name in SCRIPTS),
    )
    return filled.encode()


def read_part(name: str) -> str:
    """Return a file of this folder."""
    return (files('charrnn.export') / name).read_text(encoding='utf-8')


def policy_of(style: str, scripts: Sequence[str]) -> str:
    """Return a Content-Security-Policy that allows this stylesheet, these scripts, and nothing else."""

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; script-src {' '.join(map(allowed, scripts))}; style-src {allowed(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def vocabulary_facts(chars: Vocabulary[Any]) -> dict[str, Any]:
    """Return a vocabulary of characters or bytes as runtime.js takes it."""
    if chars.level == 'byte':
        return {'level': 'byte'}
    codes = [ord(chars.decode([index])) for index in range(len(chars))]
    return {'level': 'char', 'codes': codes, 'silent': chars.silent}
