"""Law 8: a repeated sentence is learned to less than 0.1 nats per character in seconds."""

import pytest
from conftest import MakeRun

from charrnn.models import MODELTYPES

SENTENCE = 'She sells sea shells by the sea shore, and so do I. '


@pytest.mark.parametrize('modeltype', MODELTYPES)
def test_a_repeated_sentence_is_learned(make_run: MakeRun, modeltype: str) -> None:
    text = SENTENCE * 60
    ms = make_run(text=text, modeltype=modeltype, layers=1, state_size=48, seq_len=26, learnrate=0.01)
    assert ms.evaluate().nats > 2
    ms.trainmodel(num_rounds=5, train_len=60, batchsize=8, print_every=0)
    ms.restore('best')  # at this rate, single updates raise the loss
    assert ms.evaluate().nats == min(nats for nats in ms.history.column('valid_nats') if nats) < 0.1
    assert ms.generatestring(52, temp=0, prime=SENTENCE) == SENTENCE
