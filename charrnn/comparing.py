"""compare: models of different levels on one table, in bits per byte of the same text."""

from __future__ import annotations

import math
from dataclasses import dataclass

from charrnn.display.text import count
from charrnn.errors import TrainingError
from charrnn.evaluation.ladder import xz_bytes
from charrnn.evaluation.protocol import evaluate_split
from charrnn.evaluation.units import measure_text
from charrnn.modelstate import ModelState


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


class Comparison(tuple[ComparedModel, ...]):
    """The rows, best first: a tuple that the prompt shows as a table."""

    text_bytes: int
    xz_bits_per_byte: float

    def __repr__(self) -> str:
        width = max([len(row.name) for row in self] + [3])
        lines = [f'{"":<{width}}  level  model          weights  bits/byte        perplexity/word']
        lines += [
            f'{row.name:<{width}}  {row.level:<5}  {row.modeltype:<13}  {count(row.weights):>7}  '
            f'{row.bits_per_byte:.4f} ± {row.stderr:.4f}  {row.word_perplexity:>14.4g}'
            for row in self
        ]
        lines.append(f'{"xz":<{width}}  {"":<29}  {self.xz_bits_per_byte:.4f}')
        lines.append(f'on the same {self.text_bytes:,} bytes of held-out text')
        return '\n'.join(lines)


def compare(*states: ModelState) -> Comparison:
    """Models of any level on one table, in bits per byte of the same held-out text, best first.

    The text is what all validation splits have in common at their end (from the first line break on, where they
    begin at different places), so no model has trained on any of it. What a word model cannot spell it pays for.

    Raises
    ------
    TrainingError    there is no such text, or no model
    """
    if not states:
        raise TrainingError('there is nothing to compare.', 'compare(ms1, ms2)')
    for ms in states:
        if not isinstance(ms, ModelState):
            raise TrainingError(f'{ms!r} is no ModelState.', f'compare(ModelState.load({ms!r}), ...)')
        ms.data.split('valid')  # or it says that there is none
    texts = [ms.data.text('valid') for ms in states]
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
    rows = [_compare_one(ms, text[: len(text) - len(common)], common) for ms, text in zip(states, texts, strict=True)]
    result = Comparison(sorted(rows, key=lambda row: row.bits_per_byte))
    result.text_bytes = len(common)
    earliest = max(zip(texts, states, strict=True), key=lambda pair: -len(pair[0]))[1]  # the longest training text
    result.xz_bits_per_byte = xz_bytes(earliest.data, common) * 8 / len(common)
    return result


def _compare_one(ms: ModelState, dropped: bytes, common: bytes) -> ComparedModel:
    """Score the common text; the model first reads what stands before it, as in every evaluation."""
    data, learner = ms.data, ms._run.learner
    skipped = len(data.chars.encode(dropped.decode('utf-8', 'surrogateescape'), errors='replace'))
    start = data.train_size + skipped
    split = data.indices[start : data.train_size + len(data.valid)]
    found = evaluate_split(learner.model, data.indices[:start], split, ms.hyper.seq_len, ms.device)
    assert found is not None
    nats, stderr, symbols, _ = found
    size = measure_text(common, data)
    total = nats * symbols + size.spelling_nats
    per_byte = 1 / (math.log(2) * size.bytes)
    return ComparedModel(
        ms._run.workspace.name,
        data.chars.level,
        ms.modeltype,
        sum(p.numel() for p in learner.model.parameters()),
        total * per_byte,
        stderr * symbols * per_byte,
        math.exp(min(total / size.words, 700)),
    )
