"""runtime.js under node: the numbers of torch, and the texts of generatestring."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from conftest import MakeRun, learner_of, train, words
from export.conftest import Javascript, packed_facts

from charrnn import ModelState, generatestring
from charrnn.models import MODELTYPES
from charrnn.sampling.filters import Limits

CELLS = [name for name in MODELTYPES if name != 'LSTMAttention']
TOLERANCE = {'float16': 0.002, 'int8': 0.05}
"""The largest difference of a logit, as a share of the largest logit; a wrong sign or gate makes one of 0.1 or more."""


def torch_logits(ms: ModelState, text: str) -> torch.Tensor:
    model = learner_of(ms).model
    ids = torch.from_numpy(ms.chars.encode(text).astype(np.int64))[None]
    with torch.no_grad():
        return model.logits(model(ids, model.zero_carry(1))[0])[0]


@pytest.mark.parametrize('layers', [1, 2])
@pytest.mark.parametrize('modeltype', CELLS)
def test_logits_and_costs_are_those_of_torch(
    make_run: MakeRun, javascript: Javascript, modeltype: str, layers: int
) -> None:
    ms = make_run(modeltype=modeltype, layers=layers, state_size=13, learnrate=0.03)
    train(ms, 20)
    assert_numbers_of_torch(ms, javascript)


@pytest.mark.parametrize('settings', [{'emsize': 3}, {'tied': True}])
def test_a_model_whose_weights_are_fewer_than_its_input_products(
    make_run: MakeRun, javascript: Javascript, settings: dict[str, int]
) -> None:
    many = ''.join(map(chr, range(0x400, 0x440)))
    ms = make_run(modeltype='LSTM', text=words(300) + many * 10, state_size=9, **settings)
    assert packed_facts(ms)['model']['inputs'] == settings.get('emsize', 9)
    assert_numbers_of_torch(ms, javascript)


def assert_numbers_of_torch(ms: ModelState, javascript: Javascript) -> None:
    text = words(60, seed=5)
    wanted = torch_logits(ms, text)
    nats = torch.nn.functional.cross_entropy(
        wanted[:-1], torch.from_numpy(ms.chars.encode(text[1:]).astype(np.int64)), reduction='none'
    )
    for weights, share in TOLERANCE.items():
        tolerance = share * max(1.0, float(wanted.abs().max()))
        found = javascript(
            """
            const [model, vocabulary] = open(given.facts)
            let state = null
            return vocabulary.cells(given.text).map(cell => {
              const done = r.read(model, state, cell)
              state = done.state
              return [done.nats, Array.from(model.logits(state))]
            })""",
            facts=packed_facts(ms, weights),
            text=text,
        )
        assert found[0][0] is None, 'nothing stands before the first symbol'
        assert (torch.tensor([logits for _, logits in found]) - wanted).abs().max() < tolerance
        assert (torch.tensor([cost for cost, _ in found[1:]]) - nats).abs().max() < 2 * tolerance


@pytest.mark.parametrize(
    ('modeltype', 'level'), [('GRUEncode', 'char'), ('GRUEncode', 'byte'), ('LSTM', 'char'), ('RNN_TANH', 'char')]
)
def test_temperature_0_writes_the_text_of_generatestring(
    make_run: MakeRun, javascript: Javascript, modeltype: str, level: str
) -> None:
    text = 'a cat, é語, ran on. the mat is big!\n' * 40  # known by heart, or else the text would be one word repeated
    ms = make_run(modeltype=modeltype, text=text, level=level, state_size=24, seq_len=30, learnrate=0.02)
    train(ms, 100)
    for prime in ('the ', '\n'):
        found = javascript(
            """
            const [model, vocabulary] = open(given.facts), state = after(model, vocabulary.cells(given.prime))
            const cells = [...r.write(model, vocabulary, state, given.settings, () => 0)].flat()
            return cells.map(cell => cell.text).join('')""",
            facts=packed_facts(ms), prime=prime, settings={'temp': 0, 'topk': 0, 'length': 300},
        )  # fmt: skip
        wanted = str(generatestring(ms, 300, temp=0, prime=prime))
        assert found == wanted.removesuffix('\ufffd'), 'a character that is cut in half is left out'
        assert len(found) > 150 and len(set(found)) > 12


def test_weights_are_unpacked_to_the_bit(make_run: MakeRun, javascript: Javascript) -> None:
    ms = make_run(state_size=13)
    weight = learner_of(ms).model.readout_weight
    with torch.no_grad():
        weight[0] = 0
        weight[1, :8] = torch.tensor([65504.0, -65504, 2**-14, 2**-24, -(2**-24), 6.1e-5, -0.0, 1 / 3])
    halves, steps = (
        np.array(javascript('return Array.from(open(given.facts)[0].readout)', facts=packed_facts(ms, weights)))
        for weights in TOLERANCE
    )
    wanted = weight.detach().numpy()
    assert np.array_equal(halves.reshape(wanted.shape), wanted.astype(np.float16))
    scales = np.abs(wanted).max(axis=1, keepdims=True) / 127
    assert (np.abs(steps.reshape(wanted.shape) - wanted) <= scales * 0.5001).all()


def test_a_symbol_is_chosen_as_in_python(javascript: Javascript) -> None:
    draws = np.random.default_rng(0)
    cases = [
        (np.round(draws.normal(0, 3, 9), 1).tolist(), float(temp), float(draw))
        for temp in (0, 1e-9, 0.3, 1, 30)
        for draw in (0, 0.2, 0.7, 1 - 2**-53)
        for _ in range(5)
    ]
    cases += [([1.0, 2.0, 2.0], 0.0, 0.9), ([1.0, 2.0, 2.0], 1e-9, 0.9)]  # equal logits: the first, then either
    found = javascript('return given.cases.map(([logits, temp, draw]) => r.choose(logits, temp, draw))', cases=cases)
    assert found == [Limits(temp).pick(np.array(logits), draw) for logits, temp, draw in cases]


def test_filters_leave_the_topk_largest_and_never_the_silent_symbol(javascript: Javascript) -> None:
    logits = [9, 1, 5, 3, 5, 2]
    cases: list[tuple[int, int | None, list[int]]] = [
        (0, None, [0, 1, 2, 3, 4, 5]),
        (0, 0, [1, 2, 3, 4, 5]),
        (1, None, [0]),
        (1, 0, [2]),  # of equal ones, the first
        (3, 0, [2, 3, 4]),
        (99, 0, [1, 2, 3, 4, 5]),
    ]
    found = javascript(
        'return given.cases.map(([topk, silent]) => Array.from(r.filtered(given.logits, topk, silent)))',
        logits=logits, cases=cases,
    )  # fmt: skip
    for row, (_, _, left) in zip(found, cases, strict=True):  # JSON has null for -Infinity
        assert row == [value if i in left else None for i, value in enumerate(logits)]


def test_a_text_ends_before_its_stop_and_shows_nothing_that_may_be_part_of_it(
    make_run: MakeRun, javascript: Javascript
) -> None:
    ms = make_run(text=words(3000), state_size=24, seq_len=30, learnrate=0.02)
    train(ms, 80)
    draws = np.random.default_rng(1).random(200).tolist()

    def write(*settings: Mapping[str, object]) -> list[list[str]]:
        pieces: list[list[str]] = javascript(
            """
            const [model, vocabulary] = open(given.facts), state = after(model, vocabulary.cells('the cat'))
            return given.settings.map(settings => {
              const draws = given.draws.slice()
              const pieces = [...r.write(model, vocabulary, state, settings, () => draws.shift())]
              return pieces.map(cells => cells.map(cell => cell.text).join(''))
            })""",
            facts=packed_facts(ms),
            settings=[{'temp': 1.0, 'topk': 0, 'length': 200, **each} for each in settings],
            draws=draws,
        )
        return pieces

    short, whole = map(''.join, write({'length': 3}, {}))
    assert len(whole) == 200 and short == whole[:3]
    stops = ['\n', 'a mat', 'the cat ran', 'never', whole[-3:], whole[150:190]]
    for stop, pieces in zip(stops, write(*({'stop': stop} for stop in stops)), strict=True):
        assert ''.join(pieces) == whole[: at if (at := whole.find(stop)) >= 0 else None]
    (held,) = write({'stop': whole[4:8], 'length': 7})  # the last three symbols could be its beginning until the end
    assert ''.join(held) == whole[:7] and held[-2] == '' and held[-1].endswith(whole[4:7])


def test_bytes_become_the_characters_of_python(javascript: Javascript) -> None:
    draws = random.Random(3)
    parts = ['é'.encode(), '語'.encode(), '\U0001f600'.encode(), '\ufeff'.encode(), b'a', b'\xff', b'\xe2\x82', b'\xf0']
    parts += [b'\xed\xa0\x80', b'\xc0\xaf', b'\xf4\x90\x80\x80', b'\xe0\x80', b'\n']
    cases = [b''.join(draws.choices(parts, k=12)) + b'.' for _ in range(60)]
    found = javascript(
        """
        return given.cases.map(bytes => {
          const decoder = r.vocabularyOf({level: 'byte'}).decoder()
          const cells = bytes.map(byte => decoder.push(byte)).flat()
          return [cells.map(cell => cell.text).join(''), cells.map(cell => cell.symbols).flat()]
        })""",
        cases=[list(case) for case in cases],
    )
    assert found == [[case.decode('utf-8', 'replace'), list(case)] for case in cases]


def test_characters_that_a_box_would_change_have_pictures(javascript: Javascript) -> None:
    codes = [0xFFFD, *map(ord, '\x00\t\n\r\x1b a\x7f\u202e'), 0xD800]
    shown, typed, unknown = javascript(
        """
        const vocabulary = r.vocabularyOf({level: 'char', codes: given.codes, silent: 0})
        const decoder = vocabulary.decoder()
        const shown = given.codes.map((_, index) => decoder.push(index)[0].text).join('')
        return [shown, vocabulary.cells(shown).map(cell => cell.symbols[0]), vocabulary.cells('z\\ufffd')]""",
        codes=codes,
    )
    assert shown == '\ufffd␀\t\n␍␛ a␡\u202e\ufffd'
    assert typed[1:-1] == list(range(1, len(codes) - 1)), 'what is shown is read as what was drawn'
    assert unknown == [{'text': char, 'symbols': [0], 'known': False} for char in 'z\ufffd']
