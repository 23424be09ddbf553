"""The training and sampling loops that a user would write instead, as tutorials have them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from machine import seconds_of
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from charrnn import ModelState


class Cells(nn.Module):
    """A stack of nn.GRUCell, one character at a time, called as nn.GRU is."""

    def __init__(self, inputs: int, H: int, layers: int) -> None:
        super().__init__()
        self.cells = nn.ModuleList(nn.GRUCell(inputs if i == 0 else H, H) for i in range(layers))

    def forward(self, x: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:
        states, outputs = list(h0), []
        for step in x:
            for i, cell in enumerate(self.cells):
                step = states[i] = cell(step, states[i])
            outputs.append(step)
        return torch.stack(outputs), torch.stack(states)


RECURRENT: dict[str, Callable[..., nn.Module]] = {
    'nn.GRU': nn.GRU,
    'nn.LSTM': nn.LSTM,
    'nn.RNN_TANH': nn.RNN,
    'nn.RNN_RELU': partial(nn.RNN, nonlinearity='relu'),
    'GRUCell': Cells,
}


class PlainLoop:
    """Embedding and tanh (GRUResize: one-hot), recurrent layers, linear, cross entropy, clipping, RMSprop.

    Parameters
    ----------
    ms : ModelState       gives the text and the sizes
    lanes : int
    kind : str            a name in RECURRENT
    """

    def __init__(self, ms: ModelState, lanes: int, kind: str = 'nn.GRU') -> None:
        hyper, device = ms.hyper, ms.device
        V, H, ids = len(ms.chars), hyper.state_size, torch.from_numpy(ms.data.train.astype('int64'))
        with torch.random.fork_rng(devices=[]):  # the constructors draw from torch's global stream
            self.encode = nn.Embedding(V, H) if ms.modeltype != 'GRUResize' else None
            self.rnn = RECURRENT[kind](H if self.encode else V, H, hyper.layers)
            self.readout = nn.Linear(H, V)
        self.model = nn.ModuleList([m for m in (self.encode, self.rnn, self.readout) if m]).to(device)
        self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=hyper.learnrate, alpha=hyper.decay)
        self.bound, self.seq_len, self.device = hyper.clip / (lanes * hyper.seq_len), hyper.seq_len, device
        self.data = ids[: len(ids) // lanes * lanes].view(lanes, -1).t().contiguous().to(device)  # (n / B, B)
        zeros = torch.zeros(hyper.layers, lanes, H, device=device)
        self.state = (zeros, zeros) if kind == 'nn.LSTM' else zeros
        self.symbols, self.place = V, 0
        self.nats = torch.zeros((), device=device)

    def look_up(self, ids: Tensor) -> Tensor:
        """Return the inputs of the first recurrent layer."""
        if self.encode is None:
            return one_hot(ids, self.symbols).float()
        return torch.tanh(self.encode(ids))

    def train(self, windows: int) -> float:
        """Train some windows; return the seconds."""
        return seconds_of(partial(self._train, windows), self.device)

    def _train(self, windows: int) -> None:
        T = self.seq_len
        for _ in range(windows):
            if self.place + T >= len(self.data):
                self.place = 0
            read = self.data[self.place : self.place + T + 1]
            self.optimizer.zero_grad()
            outputs, state = self.rnn(self.look_up(read[:-1]), self.state)
            loss = cross_entropy(self.readout(outputs).flatten(0, 1), read[1:].flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_value_(self.model.parameters(), self.bound)
            self.optimizer.step()
            self.state = state.detach() if isinstance(state, Tensor) else tuple(s.detach() for s in state)
            self.nats += loss.detach()
            self.place += T

    @torch.no_grad()
    def generate(self, length: int, temp: float) -> None:
        """Draw some characters on one stream."""
        ids, state = torch.zeros(1, 1, dtype=torch.int64), None
        with torch.random.fork_rng(devices=[]):
            for _ in range(length):
                outputs, state = self.rnn(self.look_up(ids), state)
                ids = torch.multinomial(torch.softmax(self.readout(outputs[-1]) / temp, -1), 1)
