"""Law 17: evaluate and compare give the numbers of a plain computation, for every text, level and split."""

import math
import re
from collections import Counter
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import learner_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torture import TORTURE, count

from charrnn import CharRNNError, ModelState, TrainingError, WordSet, compare
from charrnn.evaluation import archivers
from charrnn.session import measurements
from charrnn.text.punctuation import Spacing

ODD = [
    '\x85',
    '\xa0',
    '\u2028',
    '\r\n',
    '\x0c',
    '\t',
    '  ',
    ' ',
    '\n',
    '<unk>',
    '<eos>',
    'é',
    'e\u0301',
    'İ',
    ' <eos>\n',
]
ODD += [
    '\ufeff',
    '\ufffd',
    '\x00',
    'a',
    'the ',
    'The cat ',
    'sat\n',
    'x' * 9,
    'ΑΣ ',
    '\U0001f600',
    'a, (b) "c"',
    '.',
    '--',
]
any_text = st.one_of(
    st.lists(st.sampled_from(ODD), min_size=3, max_size=60).map(''.join),
    st.lists(st.sampled_from(['the ', 'cat ', 'sat ', 'é ', 'on']), min_size=10, max_size=60).map(''.join),
    st.sampled_from(['a', ' ', '\n', 'a ', '\U0001f600']).map(lambda unit: unit * 40),
    st.sampled_from([' ', '\t\xa0', 'ab']).map(lambda end: 'the cat sat on a mat ' * 5 + end * 30),
)
any_options = st.fixed_dictionaries(
    {
        'level': st.sampled_from(['char', 'byte', 'word']),
        'trainfrac': st.sampled_from([0.5, 0.53, 0.7, 0.83, 0.9]),
        'lower': st.booleans(),
        'vocab_size': st.sampled_from([None, 2, 4]),
        'punctuation': st.sampled_from([False, False, True]),
        'mincount': st.sampled_from([1, 1, 2]),
    }
)
DIRECTORIES = numbers()


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('honest')


@pytest.fixture(scope='module', autouse=True)
def quick_ladder() -> Any:
    """Leave out the slow rungs of evaluate and compare, which tests/evaluation tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            measurements,
            'baseline_ladder',
            lambda data, name, known, *rest: {'uniform': math.log(len(data.chars.symbols))},
        )
        patch.setattr(archivers, '_xz', len)
        patch.setattr(archivers, 'has_ppmd', lambda: False)
        yield


def begin(folder: Path, text: str, options: dict[str, Any]) -> ModelState | None:
    """Begin a small run on a text, the options for words at their level alone; None if it is too short for a run."""
    path, level = folder / 'text.txt', options['level']
    path.write_bytes(text.encode())
    given = options if level == 'word' else {'level': level, 'trainfrac': options['trainfrac']}
    tiny = {'layers': 1, 'state_size': 3, 'seq_len': 2, 'device': 'cpu', 'init_checkpoint': False}
    try:
        return ModelState.initfromsrcfile(path, folder / f'run{next(DIRECTORIES)}', **{**tiny, **given})
    except CharRNNError:
        return None


def plain_costs(ms: ModelState, start: int, stop: int, ring: bool) -> torch.Tensor:
    """Return the cost of the symbols start … stop - 1, in nats: one lane after the other, each in one pass."""
    model, T, indices = learner_of(ms).model, ms.hyper.seq_len, ms.data.indices
    size, costs = stop - start, []
    lanes = max(1, min(64, size // (8 * T)))
    for lane in range(lanes):
        first, last = start + lane * size // lanes, start + (lane + 1) * size // lanes
        # Before the text stands its own end: for the training split the ring, else all that is before the split.
        ids = [int(indices[i if i >= 0 else i % (stop if ring else start)]) for i in range(first - T, last)]
        with torch.no_grad():
            outputs, _ = model(torch.tensor([ids[:-1]]), model.zero_carry(1))
            logits = outputs[0, T - 1 :].double() @ model.readout_weight.double().T + model.readout_bias.double()
        costs.append(logits.logsumexp(1) - logits[torch.arange(last - first), torch.tensor(ids[T:])])
    return torch.cat(costs)


def plain_spelling(ms: ModelState, text: str, before: str) -> float:
    """Return the cost of the parts of a text that the words of the run lose, and of the choice of their places."""
    if not isinstance(ms.chars, WordSet):
        return 0.0
    known, lower, train = set(ms.chars.symbols), ms.chars.facts()['lower'], ms.data.text('train').decode()
    ends, letters = len(train.split()) + train.count('\n') + 1, Counter(train)
    total = len(train) + len(letters) + ends + 1

    def cost(part: str) -> float:
        costs = [total / (letters[c] + 1) if c in letters else total * 0x110000 for c in part]
        return sum(map(math.log, costs)) + math.log(total / ends)

    places: Counter[str] = Counter(['space'])
    chosen: Counter[str] = Counter()
    continues = before not in ('', '\n') and text[:1].isspace()
    nats, end, last, spacing = 0.0, 0, 'x' if continues else '\n', Spacing(True, continues)
    for found in ms.chars.pattern.finditer(text):
        word, gap = found[0], text[end : found.start()]
        read = '<eos>' if word == '\n' else word.lower() if lower else word
        kind = 'unknown' if read not in known or read == '<unk>' else 'known'
        comes_back = read in known and (word == '\n' or (word == read and word != '<eos>'))
        expected = spacing.before(word) if ms.chars.punctuation else '' if '\n' in (last, word) else ' '
        places.update(['space', kind])
        for lost, part, place in (
            (gap != expected, gap, 'space'),
            (not comes_back, word, kind),
        ):
            if lost:
                nats += cost(part)
                chosen[place] += 1
        last, end = word, found.end()
    if text[end:]:
        nats += cost(text[end:])
        chosen['space'] += 1
    return nats + sum(math.log(math.comb(places[kind], chosen[kind])) for kind in places)


def assert_plain(found: float, expected: float) -> None:
    """Raise unless two numbers agree to the precision of float32 weights."""
    assert (math.isnan(found) and math.isnan(expected)) or found == pytest.approx(expected, rel=2e-5, abs=1e-7)


@pytest.mark.filterwarnings('ignore:the end of', 'ignore:.*begins with a byte order mark')
@settings(max_examples=3000 if TORTURE else 14, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=any_text, options=any_options)
def test_an_evaluation_equals_a_plain_computation(folder: Path, text: str, options: dict[str, Any]) -> None:
    ms = begin(folder, text, options)
    if ms is None:
        return
    texts = [ms.data.text(name) if size else b'' for name, size in zip(('train', 'valid'), ms.data.sizes, strict=False)]
    assert b''.join(texts) == text.encode()
    for name, start, scored in zip(('train', 'valid'), (0, ms.data.train_size), texts, strict=True):
        if not scored:
            continue
        decoded, indices = scored.decode('utf-8', 'surrogateescape'), ms.data.split(name)
        assert ms.chars.encode(decoded, 'replace').tolist() == indices.tolist(), 'the text measured is the text scored'
        found, costs = ms.evaluate(name), plain_costs(ms, start, start + len(indices), name == 'train')
        before = texts[0][-1:].decode('latin-1') if start else ''
        total = float(costs.sum()) + plain_spelling(ms, decoded, before)
        words = len(decoded.split()) + decoded.count('\n')
        assert found.symbols == len(indices)
        assert_plain(found.nats, float(costs.mean()))
        assert_plain(found.bits_per_byte, total / math.log(2) / len(scored))
        assert_plain(found.bits_per_char, total / math.log(2) / len(decoded))
        if not words:
            assert math.isnan(found.word_perplexity)
        elif total / words < 709:
            assert_plain(math.log(found.word_perplexity), total / words)
        else:
            assert found.word_perplexity == math.inf
        assert 'nan' not in str(found)
        count('evaluations that equal a plain computation')


def symbol_starts(ms: ModelState) -> list[int]:
    """Return the place of each validation symbol in the bytes of the source; white space goes with the next word."""
    text, whole = ms.data.text('valid'), len(ms.data.text('train'))
    if ms.chars.level == 'byte':
        return list(range(whole, whole + len(text)))
    pattern = ms.chars.pattern if isinstance(ms.chars, WordSet) else re.compile(r'(?s).')
    ends = [found.end() for found in pattern.finditer(text.decode())]
    return [whole + len(text.decode()[:end].encode()) for end in [0, *ends[:-1]]]


@pytest.mark.filterwarnings('ignore:the end of', 'ignore:.*begins with a byte order mark')
@settings(max_examples=2000 if TORTURE else 10, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=any_text, given_options=st.lists(any_options, min_size=2, max_size=3))
def test_a_comparison_scores_the_same_bytes_with_every_model(
    folder: Path, text: str, given_options: list[dict[str, Any]]
) -> None:
    states = [ms for ms in (begin(folder, text, options) for options in given_options) if ms and len(ms.data.valid)]
    if not states:
        return
    source, starts = text.encode(), {len(ms.data.text('train')) for ms in states}
    places = sorted(set.intersection(*(set(symbol_starts(ms)) for ms in states)))
    try:
        table = compare(*states)
    except TrainingError as error:
        assert not places and 'nowhere in them does a symbol of every model begin' in str(error)
        count('comparisons refused, because no place is the beginning of a symbol of every model')
        return
    place, line = len(source) - table.text_bytes, source.find(b'\n', max(starts)) + 1
    preferred = [p for p in places if len(starts) > 1 and 0 < line <= p]
    assert place == (preferred or places)[0]
    rows = {row.name: row for row in table}
    assert len(rows) == len(states) and 'nan' not in str(table)
    for ms in states:
        first = ms.data.train_size + symbol_starts(ms).index(place)
        costs, scored = plain_costs(ms, first, len(ms.data.indices), ring=False), source[place:]
        before = source[place - 1 : place].decode('latin-1')
        total = float(costs.sum()) + plain_spelling(ms, scored.decode('utf-8', 'surrogateescape'), before)
        assert_plain(rows[str(ms.curdir)].bits_per_byte, total / math.log(2) / len(scored))
        count('rows of a comparison that equal a plain computation')
