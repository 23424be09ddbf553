"""Law 11: the score of a text is the evaluation's loss on the same symbols from the same start."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train

from charrnn import ModelState
from charrnn.evaluation.protocol import evaluate_split
from charrnn.evaluation.textsize import measure_text
from charrnn.models import MODELTYPES

TEXT = 'the cat sat on the mat,\nand so did the dog, é и い\n' * 60


def plain_nats(ms: ModelState, ids: list[int]) -> list[float]:
    """Return the cost of each of `ids` but the first, from one plain pass of the model over all."""
    model = learner_of(ms).model
    with torch.no_grad():
        outputs, _ = model(torch.tensor([ids]), model.zero_carry(1))
        found = torch.log_softmax(model.logits(outputs[0, :-1]).double(), -1)
    return [-float(row[i]) for row, i in zip(found, ids[1:], strict=True)]


@pytest.mark.parametrize('modeltype', MODELTYPES)
@pytest.mark.parametrize('level', ['char', 'byte', 'word'])
def test_a_score_is_the_loss_of_the_same_symbols_from_the_same_start(
    make_run: MakeRun, modeltype: str, level: str
) -> None:
    ms = make_run(modeltype=modeltype, level=level, text=TEXT)
    train(ms, 10)
    T, data = ms.hyper.seq_len, ms.data
    before, split = data.train[-T:], data.valid[: 10 * T]  # so short a split is one lane
    evaluated = evaluate_split(learner_of(ms).model, before, split, T)
    assert evaluated is not None and evaluated.lanes == 1 and evaluated.symbols == len(split)

    prime, text = data.chars.to_bytes(before), data.chars.to_bytes(split)
    scored = ms.score(text, prime=prime) if level == 'byte' else ms.score(text.decode(), prime=prime.decode())
    assert len(scored) == len(split) and scored.nats.dtype == np.float64
    assert sum(scored) == scored.total == pytest.approx(evaluated.nats * evaluated.symbols, rel=1e-6)
    expected = plain_nats(ms, [*before.tolist(), *split.tolist()])[T - 1 :]
    np.testing.assert_allclose(scored.nats, expected, rtol=1e-4, atol=1e-5)

    size = measure_text(text, data, prime[-1:])
    total = scored.total + size.spelling_nats
    assert scored.bits_per_byte == pytest.approx(total / math.log(2) / len(text))
    assert scored.bits_per_char == pytest.approx(total / math.log(2) / size.chars)
    assert scored.perplexity == pytest.approx(math.exp(scored.total / len(split)))
    assert scored.word_perplexity == pytest.approx(math.exp(total / size.words))


def test_the_default_start_is_that_of_generatestring(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 10)
    assert sum(ms.score('the cat')) == pytest.approx(sum(plain_nats(ms, ms.chars.encode('\nthe cat').tolist())))
    one_line = make_run('one', text='the cat sat ' * 60)
    train(one_line, 10)
    first = [int(one_line.data.train[0])]
    expected = plain_nats(one_line, first + one_line.chars.encode('cat').tolist())
    assert sum(one_line.score('cat')) == pytest.approx(sum(expected))


def test_texts_of_a_list_are_each_scored_by_itself(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 10)
    texts = [('the cat sat ' * 20)[k : k + 1 + 3 * k] for k in range(70)]  # more than are read side by side
    found = ms.score(texts, prime='on a ')
    assert sorted(one.number for one in found) == list(range(1, 71))
    for one in found:
        alone = ms.score(texts[one.number - 1], prime='on a ')
        assert one.text == alone.text == texts[one.number - 1]
        np.testing.assert_allclose(one.nats, alone.nats, rtol=1e-4, atol=1e-5)
    costs = [one.bits_per_char for one in found]
    assert costs == sorted(costs, reverse=True)


def test_a_long_text_is_read_in_windows(make_run: MakeRun) -> None:
    ms = make_run()
    train(ms, 10)
    text = ms.chars.decode(np.tile(ms.data.train, 4))
    assert len(text) > 2000
    np.testing.assert_allclose(
        ms.score(text, prime='a').nats, plain_nats(ms, ms.chars.encode('a' + text).tolist()), rtol=1e-4, atol=1e-5
    )
