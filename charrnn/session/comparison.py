"""Models of different levels on one table, in bits per byte of the same text: the verb compare."""

from __future__ import annotations

import math
from dataclasses import dataclass

from charrnn.display.tables import Column, Table, Tabular
from charrnn.display.text import count
from charrnn.errors import TrainingError
from charrnn.evaluation.ladder import xz_bytes
from charrnn.evaluation.protocol import evaluate_split
from charrnn.evaluation.units import measure_text
from charrnn.session.run import Run, Session, run_of
from charrnn.signatures import known_names_only


@dataclass(frozen=True)
class ComparedModel:
    """One row of a comparison.

    Parameters
    ----------
    name : str               the working directory
    level, modeltype : str
    weights : int
    bits_per_byte, stderr : float
    word_perplexity : float
    """

    name: str
    level: str
    modeltype: str
    weights: int
    bits_per_byte: float
    stderr: float
    word_perplexity: float


class Comparison(Tabular, tuple[ComparedModel, ...]):
    """The rows, best first: a tuple that the prompt shows as a table.

    Attributes
    ----------
    text_bytes : int            of the text that all were measured on
    xz_bits_per_byte : float    of the same text, for a general compressor that has seen the training text
    """

    text_bytes: int
    xz_bits_per_byte: float

    def table(self) -> Table:
        """Return a row for each model, and one for xz."""
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
                row.name,
                row.level,
                row.modeltype,
                count(row.weights),
                f'{row.bits_per_byte:.4f} ± {row.stderr:.4f}',
                f'{row.word_perplexity:.4g}',
            )
            for row in self
        ]
        rows.append(('xz', '', '', '', f'{self.xz_bits_per_byte:.4f}', ''))
        return Table(columns, rows, after=f'on the same {self.text_bytes:,} bytes of held-out text')


@known_names_only
def compare(*states: Session) -> Comparison:
    """Compare models of any level on the same text.

    One table, in bits per byte of held-out text, best first. The text is
    the common end of all validation splits (from the first line break on,
    where they begin at different places), so no model has trained on any
    of it. The words that a word model does not know are
    charged letter by letter.
    Raises TrainingError (there is no such text, or no model).
    """
    if not states:
        raise TrainingError('there is nothing to compare.', 'compare(ms1, ms2)')
    runs = [run_of(ms) for ms in states]
    for run in runs:
        run.data.split('valid')  # or it says that there is none
    texts = [run.data.text('valid') for run in runs]
    common = min(texts, key=len)
    if any(not text.endswith(common) for text in texts):
        raise TrainingError(
            'these models do not validate on the same text.',
            'runs on the same file, or on one directory with train.txt and valid.txt',
        )
    if any(len(text) != len(common) for text in texts):
        common = common[common.find(b'\n') + 1 :]
    if not common:
        raise TrainingError('the validation splits have no whole line in common.', 'runs on a longer text')
    rows = [_compare_one(run, text[: len(text) - len(common)], common) for run, text in zip(runs, texts, strict=True)]
    result = Comparison(sorted(rows, key=lambda row: row.bits_per_byte))
    result.text_bytes = len(common)
    earliest = max(zip(texts, runs, strict=True), key=lambda pair: -len(pair[0]))[1]  # the longest training text
    result.xz_bits_per_byte = xz_bytes(earliest.data, common) * 8 / len(common)
    return result


def _compare_one(run: Run, dropped: bytes, common: bytes) -> ComparedModel:
    """Score the common text; the model first reads the symbols before it, as in every evaluation."""
    data, model = run.data, run.learner.model
    skipped = len(data.chars.encode(dropped.decode('utf-8', 'surrogateescape'), errors='replace'))
    start = data.train_size + skipped
    split = data.indices[start : data.train_size + len(data.valid)]
    found = evaluate_split(model, data.indices[:start], split, run.learner.hyper.seq_len)
    assert found is not None, 'nothing stops it'
    size = measure_text(common, data)
    total = found.nats * found.symbols + size.spelling_nats
    per_byte = 1 / (math.log(2) * size.bytes)
    return ComparedModel(
        run.workspace.name,
        data.chars.level,
        run.modeltype,
        sum(p.numel() for p in model.parameters()),
        total * per_byte,
        found.stderr * found.symbols * per_byte,
        math.exp(min(total / size.words, 700)),
    )
