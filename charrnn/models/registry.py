"""The door for a model type of the user's own: the public function register.

Nothing of the class is in a run: a process that loads the run registers the class first, as a rule by importing the
module that does so.  No run ever makes this library import anything.
"""

from __future__ import annotations

from charrnn.errors import ModelTypeError, shown
from charrnn.models import BUILT_IN, MODELTYPES, is_name, spelled_alike
from charrnn.models.contract import LanguageModel
from charrnn.models.trial import check_class
from charrnn.signatures import known_names_only


@known_names_only
def register(name: str, ModelClass: type[LanguageModel]) -> None:
    """Add a model type of your own, for modeltype=name.

    Put the class and this call into a module. Each process that loads
    such a run imports that module first. Registering the same class
    again, after an edit, replaces it.

    Parameters
    ----------
    name : str           letters, digits and _; not one that is there
    ModelClass : class   a subclass of charrnn.LanguageModel

    The class has these methods, and may have attributes of its own.
    B is lanes, T symbols, H units (hyper.state_size), V symbols known:

      __init__(vocab_size, hyper, generator)
          first calls super().__init__ with the same, which makes
          readout_weight (V, H) and readout_bias (V,). Torch's modules
          draw from the run's seed here; nothing is read from elsewhere.
          No buffers, except with persistent=False.
      zero_carry(lanes) -> Carry
          the memory before the first symbol: named tensors, each
          (layers, lanes, ...), on self.device.
      forward(ids, carry, masks=None) -> outputs, carry
          ids int64 (B, T), of any T from 1 on; outputs float32 (B, T, H);
          a new Carry with the names, types and shapes of the old one,
          which stays as it is. A function of its arguments, the weights
          and nothing else: no random numbers, no memory in self.
      mask_shapes(lanes, seq_len) -> list of shapes      if it has dropout
          forward multiplies by masks of these shapes; None drops nothing.
      settings = ('emsize',)                             if it has them
          names out of emsize, tied and memory that it takes from hyper.

    A model is tried when it is built, before a run begins. Raises
    ModelTypeError (what the class lacks; the name is not free).

    >>> import torch, charrnn
    >>> class Plain(charrnn.LanguageModel):
    ...     def __init__(self, vocab_size, hyper, generator):
    ...         super().__init__(vocab_size, hyper, generator)
    ...         self.embedding = torch.nn.Embedding(vocab_size, hyper.state_size)
    ...         self.cell_of_torch = torch.nn.RNNCell(hyper.state_size, hyper.state_size)
    ...     def zero_carry(self, lanes):
    ...         return charrnn.Carry({'h': self.readout_bias.new_zeros(1, lanes, self.hyper.state_size)})
    ...     def forward(self, ids, carry, masks=None):
    ...         h, outputs = carry['h'][0], []
    ...         for x in self.embedding(ids).unbind(1):
    ...             h = self.cell_of_torch(x, h)
    ...             outputs.append(h)
    ...         return torch.stack(outputs, dim=1), charrnn.Carry({'h': h[None]})
    >>> charrnn.register('Plain', Plain)
    """
    given: object = name
    if isinstance(given, type):
        raise ModelTypeError('the name comes first.', f'charrnn.register({given.__name__!r}, {given.__name__})')
    if not is_name(given):
        raise ModelTypeError(f'{shown(given)} is no name for a model type.', "letters, digits and _, such as 'MGU'")
    kind, there = check_class(ModelClass), spelled_alike(name)
    if there is not None:
        old = MODELTYPES[there]
        same = there == name and (old.__module__, old.__qualname__) == (kind.__module__, kind.__qualname__)
        if there in BUILT_IN or not same:
            whose = 'of charrnn itself' if there in BUILT_IN else f'{old.__module__}.{old.__qualname__}'
            raise ModelTypeError(
                f'there is a model type {there!r} already, {whose}.',
                f'charrnn.register({name + "2"!r}, {kind.__name__})',
            )
    MODELTYPES[name] = kind
