"""Writing together is a loop over states: each step is what reading the text would give, and undo is exact."""

import io
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import MakeRun, learner_of, moment, train

from charrnn import AttachedError, CharSetError, ModelState, SamplingError
from charrnn.session.dialogue import WORDS, Draft, continuations, converse, words_after
from charrnn.session.run import run_of


class Terminal(io.StringIO):
    """A terminal on which answers are typed, and which keeps what is shown."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers, self.shown = iter(answers), list[str]()

    def isatty(self) -> bool:
        return True

    def __call__(self, shown: str = '') -> str:
        self.shown.append(shown)
        try:
            return next(self.answers)
        except StopIteration:
            raise EOFError from None


def talk(ms: ModelState, *answers: str, prime: str = 'the') -> tuple[Draft, Terminal]:
    terminal = Terminal(*answers)
    return converse(run_of(ms), ms.read(prime), prime, 0.5, np.random.default_rng(3), terminal), terminal


@pytest.mark.parametrize(
    'given', [{'level': 'char'}, {'level': 'byte'}, {'level': 'word'}, {'modeltype': 'LSTMAttention'}]
)
def test_a_written_text_is_a_read_one(make_run: MakeRun, given: dict[str, Any]) -> None:
    ms = make_run(**given)
    train(ms, 5)
    before = moment(ms)
    draft, _ = talk(ms, '1', '', ' cat', '=\\n', 't', '2')
    assert moment(ms) == before, 'writing is looking'
    text = draft.sample(ms.chars)
    assert len(text.nats) == len(draft.indices) >= 6 - 1
    read = ms.read(text if ms.chars.level != 'byte' else text.bytes, prime='the')
    assert (read.pending, read.line) == (draft.state.pending, draft.state.line)
    for name, tensor in read.carry.items():
        np.testing.assert_allclose(draft.state.carry[name].numpy(), tensor.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(text.nats, ms.score(text, prime='the').nats, rtol=1e-4, atol=1e-5)


def test_undo_is_exact_and_mistakes_lose_nothing(make_run: MakeRun) -> None:
    ms = make_run()
    one, _ = talk(ms, '1', ' cat')
    two, terminal = talk(ms, '1', ' cat', 't', 'u', '99', 'π', '?', 'q', 'never typed')
    assert two.indices == one.indices and two.nats == one.nats and two.state == one.state
    assert 'there are ' in terminal.shown[5] and '=99 writes 99' in terminal.shown[5]
    assert (
        'is not among this model’s 15 char' in terminal.shown[6]
        and 'Next' not in terminal.shown[6]
        and 'undoes the last step' in terminal.shown[7]
    )
    nothing, terminal = talk(ms, 'u')
    assert nothing.indices == () and 'nothing to undo' in terminal.shown[1]
    assert talk(ms, '=u', '=1')[1].shown[1].count('\u258c') == 1


def test_ctrl_c_keeps_the_text(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr('charrnn.session.dialogue.rest_of_line', interrupted)
    assert talk(ms, '1', ' cat', 't', 'never typed')[0].indices == talk(ms, '1', ' cat')[0].indices


def test_a_filter_that_waits_is_not_left_out(make_run: MakeRun) -> None:
    ms = make_run()
    ms.attach(samplefilter=lambda probabilities, text: probabilities)
    ms.newcheckpoint()
    with pytest.warns(UserWarning, match='samplefilter attached, not opened'):
        loaded = ModelState.load(ms.curdir, device='cpu')
    with pytest.raises(AttachedError, match='samplefilter'):
        loaded.write('the')


def words_by_hand(ms: ModelState, letters: str, longest: int) -> Iterator[tuple[float, str]]:
    """Yield the probability of each word after 'the ', by the probability of every string and of its end."""
    for length in range(1, longest + 1):
        for word in map(''.join, itertools.product(letters, repeat=length)):
            end = ms.next(ms.read(word, prime='the '), 1).probabilities
            others = sum(p for i, p in enumerate(end) if not ms.chars.decode([i]).isalpha())
            yield math.exp(-ms.score(word, prime='the ').nats.sum()) * others, word


def test_the_likeliest_words_are_found(make_run: MakeRun) -> None:
    ms = make_run(text='the hat, the hat. hate the heat\n' * 30, learnrate=0.01)
    train(ms, 60)
    found = words_after(learner_of(ms).model, ms.chars, ms.read('the '))
    by_hand = {word: p for p, word in words_by_hand(ms, 'aeht', 4)}
    assert len(found) == WORDS and [p for *_, p in found] == sorted((p for *_, p in found), reverse=True)
    for text, indices, p in found:
        assert ms.chars.decode(indices) == text
        if text in by_hand:
            assert p == pytest.approx(by_hand[text], rel=1e-3)
    assert found[0][0] == max(by_hand, key=lambda word: by_hand[word])
    assert [text for text, *_ in continuations(learner_of(ms).model, ms.chars, ms.read('the '))][5:] == [
        text for text, *_ in found if len(text) > 1
    ][: len(found)]


def test_it_needs_a_terminal(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ms = make_run()
    with pytest.raises(SamplingError, match=r'at a terminal, .*\n  Next: ms.next\(\)'):
        ms.write()
    with pytest.raises(CharSetError):
        ms.write('π')
    terminal = Terminal('1', ' cat')
    for name in ('sys.stdin', 'sys.stdout', 'builtins.input'):
        monkeypatch.setattr(name, terminal)
    text = ms.write('the', seed=1)
    assert text.endswith(' cat') and text.state == talk(ms, '1', ' cat')[0].state
