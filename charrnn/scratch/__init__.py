"""The same by hand: recurrent networks in plain NumPy, forward and backward, to read and to test against.

inputs.py          vectors or symbols into a layer                  rnn.py, gru.py, lstm.py    the layers
language_model.py  symbols → layer → predictions, loss, samples     learning.py                Adagrad, RMSProp
reading.py         a text as bytes or words, and its lanes
"""
