"""Recurrent networks by hand: forward and backward passes in plain NumPy, to read and to test the engines against.

inputs.py          vectors or symbols into a layer                  rnn.py, gru.py, lstm.py    the layers
language_model.py  symbols → layer → predictions, loss, samples     updates.py                 Adagrad, RMSProp
corpus.py          a text as bytes or words, and its lanes

>>> text = 'the cat sat on a mat. ' * 20
>>> codes, model, memory = Bytes(), HandModel('lstm', vocab_size=256, state_size=32), {}
>>> lanes, state = windows(codes.encode(text), lanes=4, length=20), model.zero_state(4)
>>> for _ in range(150):
...     nats, gradients, state = model.loss(next(lanes), state)
...     adagrad(model.weights, gradients, memory, rate=0.1)
>>> nats < 0.1  # per byte: the model has memorised the sentence
True
>>> text = codes.decode(model.sample(ord(' '), 40, temp=0.5))
"""

from charrnn.scratch.corpus import Bytes, Words, windows
from charrnn.scratch.gru import gru_backward, gru_forward, softmax_loss
from charrnn.scratch.language_model import HandModel
from charrnn.scratch.lstm import lstm_backward, lstm_forward
from charrnn.scratch.rnn import rnn_backward, rnn_forward
from charrnn.scratch.updates import adagrad, rmsprop

__all__ = [
    'Bytes',
    'HandModel',
    'Words',
    'adagrad',
    'gru_backward',
    'gru_forward',
    'lstm_backward',
    'lstm_forward',
    'rmsprop',
    'rnn_backward',
    'rnn_forward',
    'softmax_loss',
    'windows',
]
