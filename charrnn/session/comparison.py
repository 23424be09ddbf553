"""Models of different levels on one table, in bits per byte of the same text: the verb compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from charrnn.display.progress import Screen
from charrnn.display.tables import Column, Several, Table, Tabular
from charrnn.display.text import count, fitted
from charrnn.errors import TrainingError
from charrnn.evaluation.archivers import MOST_BYTES, coded_bytes
from charrnn.evaluation.ladder import MOST_MEASURED
from charrnn.evaluation.protocol import cut_into_lanes, evaluate_split
from charrnn.evaluation.textsize import measure_text
from charrnn.evaluation.units import LEARNS, LEFT_OUT, error_bar, word_perplexity
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only


@fitted
@dataclass(frozen=True)
class ComparedModel:
    """One row of a comparison.

    Parameters
    ----------
    name : str               the working directory
    level, modeltype : str
    weights : int
    bits_per_byte, stderr : float     stderr is nan for a single block
    word_perplexity : float           nan for a text without words
    """

    name: str
    level: str
    modeltype: str
    weights: int
    bits_per_byte: float
    stderr: float
    word_perplexity: float


class Comparison(Several, Tabular, tuple[ComparedModel, ...]):
    """The rows, best first: a tuple that the prompt shows as a table.

    Attributes
    ----------
    text_bytes : int            of the text that all were measured on
    xz_bits_per_byte : float    of the same text, for a general compressor that has seen the training text, and that
                                learns while it reads the text, as a model does in evaluate(adapt=True)
    ppmd_bits_per_byte : float or None    the same of the best general compressor of text; None without pyppmd
    compressed_bytes : int      of the text that the compressors were measured on: the first ones
    """

    noun = 'model'
    text_bytes: int
    xz_bits_per_byte: float
    ppmd_bits_per_byte: float | None = None
    compressed_bytes: int = 0

    def table(self) -> Table:
        """Return a row for each model and each adaptive coder, best first."""
        columns = [
            Column(''),
            Column('level'),
            Column('model'),
            Column('weights', align='>'),
            Column('bits/byte'),
            Column('perplexity/word', align='>'),
        ]
        rows = [
            (
                row.bits_per_byte,
                row.name,
                row.level,
                row.modeltype,
                count(row.weights),
                f'{row.bits_per_byte:.4f}{error_bar(row.stderr)}',
                None if math.isnan(row.word_perplexity) else f'{row.word_perplexity:.4g}',
            )
            for row in self
        ]
        for name, bits in (('xz', self.xz_bits_per_byte), ('PPMd', self.ppmd_bits_per_byte)):
            if bits is not None:
                rows.append((bits, name, '', 'adaptive', '', f'{bits:.4f}', ''))
        shown = [row[1:] for row in sorted(rows, key=lambda row: row[0])]
        after = f'on the same {self.text_bytes:,} bytes of held-out text; {LEARNS}'
        if 0 < self.compressed_bytes < self.text_bytes:
            after += f', measured on the first {self.compressed_bytes:,}: a sample'
        return Table(columns, shown, after=after if self.ppmd_bits_per_byte is not None else f'{after}\n{LEFT_OUT}')


@known_names_only
def compare(*states: Session) -> Comparison:
    """Compare models of any level on the same text.

    One table, in bits per byte of held-out text, best first. The text is
    the common end of all validation splits, so no model has trained on
    any of it. Where they begin at different places, it begins after the
    first line break, or at the first place where a symbol of every model
    ends. A word model pays for the words it cannot spell.
    Raises TrainingError (there is no such text, or no model).
    """
    if not states:
        raise TrainingError('there is nothing to compare.', 'compare(ms, ...)')
    runs = [run_of(ms) for ms in spread('compare', states)]
    for run in runs:
        if not len(run.data.valid):
            what = f'{run.workspace.name!r} has no validation split.'
            raise TrainingError(what, 'ms = ModelState.initfromsrcfile(..., trainfrac=0.9), a new run')
    texts = [run.data.text('valid') for run in runs]
    common = common_end(texts)
    if common is None:
        raise TrainingError(
            'these models do not validate on the same text.',
            'runs on the same file, or on one directory with train.txt and valid.txt',
        )
    begin = [len(text) - len(common) for text in texts]  # of the common text, in each validation split
    start = _common_start(runs, texts, begin)
    if start == len(common):
        raise TrainingError(
            f'the validation splits have {len(common):,} bytes in common, and nowhere in them does a symbol of every '
            'model begin.',
            'runs with the same trainfrac, or on a longer text',
        )
    common = common[start:]
    rows = [_compare_one(run, text[: len(text) - len(common)], common) for run, text in zip(runs, texts, strict=True)]
    result = Comparison(sorted(rows, key=lambda row: row.bits_per_byte))
    result.text_bytes = len(common)
    earliest = max(zip(texts, runs, strict=True), key=lambda pair: -len(pair[0]))[1]  # the longest training text
    part = common[:MOST_MEASURED]  # as on a ladder
    coded, result.compressed_bytes = coded_bytes(earliest.data.text('train', MOST_BYTES), part), len(part)
    result.xz_bits_per_byte = coded['xz'] * 8 / len(part)
    result.ppmd_bits_per_byte = coded['PPMd'] * 8 / len(part) if 'PPMd' in coded else None
    return result


def spread(verb: str, states: Sequence[Session]) -> Sequence[Session]:
    """Return the models that a verb was given, each as an argument of its own.

    Raises
    ------
    TrainingError    they were given as one list
    """
    if any(isinstance(ms, list | tuple) for ms in states):
        raise TrainingError('a list is no ModelState.', f'{verb}(*states), with a star before the list')
    return states


def common_end(texts: Sequence[bytes]) -> bytes | None:
    """Return the shortest of `texts` if all of them end with it, else None: then they are different texts."""
    shortest = min(texts, key=len)
    return shortest if all(text.endswith(shortest) for text in texts) else None


def _common_start(runs: list[Run], texts: list[bytes], begin: list[int]) -> int:
    """Return the first place of the common text where a symbol of every model begins; its length if there is none.

    Where the validation splits begin at different places, places after its first line break are preferred.

    Parameters
    ----------
    texts : list of bytes    the validation splits
    begin : list of int      where the common text begins in each
    """
    size = len(texts[0]) - begin[0]
    line = texts[0].find(b'\n', begin[0]) + 1 - begin[0]
    for start in (line, 0) if any(begin) and line > 0 else (0,):
        before = -1
        while before < start < size:
            before = start
            for run, text, first in zip(runs, texts, begin, strict=True):
                start = max(start, run.data.chars.boundary(text, first + start) - first)
        if start < size:
            return start
    return size


def _compare_one(run: Run, dropped: bytes, common: bytes) -> ComparedModel:
    """Score the common text; the model first reads the symbols before it, as in every evaluation."""
    data, model = run.data, run.learner.evaluated
    skipped = len(data.chars.encode(dropped.decode('utf-8', 'surrogateescape'), errors='replace'))
    start = data.train_size + skipped
    split = data.indices[start : data.train_size + len(data.valid)]
    T, screen = run.learner.hyper.seq_len, Screen(level=data.chars.level)
    lanes, longest = cut_into_lanes(len(split), T)
    with screen.bar(f'measuring {run.name}', -(-longest // T), lanes * T):
        found = evaluate_split(model, data.indices[:start], split, T, each_window=screen.advance)
    assert found is not None, 'nothing stops it'
    size = measure_text(common, data, dropped[-1:] or data.byte_before('valid'))
    total = found.nats * found.symbols + size.spelling_nats
    per_byte = 1 / (math.log(2) * size.bytes)
    return ComparedModel(
        run.name,
        data.chars.level,
        run.modeltype,
        sum(p.numel() for p in model.parameters()),
        total * per_byte,
        found.stderr * found.symbols * per_byte,
        word_perplexity(total, size),
    )
