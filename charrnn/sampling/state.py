"""State: the memory of a model after a text, as a value."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.arguments import path_of
from charrnn.display.text import fitted
from charrnn.errors import CheckpointError, SamplingError, WorkspaceError, lacks_memory, shown
from charrnn.evaluation.cost import carry_after
from charrnn.models import Carry, LanguageModel
from charrnn.signatures import known_names_only
from charrnn.storage.durable import is_there
from charrnn.storage.nearby import unused
from charrnn.storage.sealed import as_json, is_sealed, parse_json, read_sealed, write_sealed
from charrnn.storage.tensors import as_pieces, from_bytes
from charrnn.text.vocabulary import Vocabulary

TENSORS, FACTS = 'tensors.safetensors', 'state.json'


@dataclass(frozen=True)
class Origin:
    """The weights and the vocabulary that a state belongs to.

    Parameters
    ----------
    name : str         of the run, for messages
    modeltype : str
    position : int     symbols that lane 0 had walked, for messages
    weights, vocabulary : str    their SHA-256, in hexadecimal: two states fit together if these are equal
    """

    name: str
    modeltype: str
    position: int
    weights: str
    vocabulary: str

    def __str__(self) -> str:
        return f'{self.modeltype} of {shown(self.name)} at {self.position:,} symbols'

    @property
    def identity(self) -> tuple[str, str]:
        """The two digests that states which fit together share."""
        return self.weights, self.vocabulary


@torch.no_grad()
def origin(name: str, modeltype: str, position: int, model: LanguageModel, chars: Vocabulary[Any]) -> Origin:
    """Return the origin of the states of a model as it is now."""
    digest = hashlib.sha256(modeltype.encode())
    for key, weight in model.named_parameters():
        digest.update(f'{key} {tuple(weight.shape)} {weight.dtype}'.encode())
        digest.update(weight.detach().contiguous().cpu().view(torch.uint8).numpy().data)
    return Origin(name, modeltype, position, digest.hexdigest(), digest_of(chars))


@functools.lru_cache(maxsize=8)
def digest_of(chars: Vocabulary[Any]) -> str:
    """Return the SHA-256 of a vocabulary."""
    return hashlib.sha256(json.dumps([chars.level, chars.facts()], sort_keys=True).encode()).hexdigest()


@fitted
@dataclass(frozen=True, eq=False, repr=False)
class State:
    """The memory of a model after a text.

    Everything before the last symbol is in the carry; the last symbol is read when the next one is asked for.  A state
    is a value: whoever goes on from it leaves it as it is.

    Parameters
    ----------
    carry : Carry     of one lane, after everything before `pending`
    pending : int     the index of the last symbol
    of : Origin       the weights and the vocabulary
    line : str        of words: the text of the line so far, on which the space before the next word depends
    """

    carry: Carry
    pending: int
    of: Origin
    line: str = ''

    def __repr__(self) -> str:
        sizes = ', '.join(f'{name} {"×".join(map(str, (len(s), *s.shape[2:])))}' for name, s in self.carry.items())
        after = f' after {shown(self.line)}' if self.line else ''
        return f'<State of {self.of}: {sizes}, last symbol {self.pending}{after}>'

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        facts = self.pending, self.line, self.of.identity, sorted(self.carry)
        if facts != (other.pending, other.line, other.of.identity, sorted(other.carry)):
            return False
        return all(torch.equal(state.cpu(), other.carry[name].cpu()) for name, state in self.carry.items())

    def __hash__(self) -> int:
        return hash((self.pending, self.line, self.of.identity))

    @known_names_only
    def blend(self, other: State, weight: float = 0.5) -> State:
        """Return a state between this one and another: (1 - weight) · this + weight · other, of every unit.

        The last symbol is this one's.  Raises SamplingError (states of other weights, or attention).
        """
        if not isinstance(other, State):
            raise SamplingError(f'{shown(other)} is no State.', 'state.blend(ms.read(text))')
        if type(weight) is bool or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise SamplingError(f'weight={shown(weight)} must be a number from 0 to 1.', 'weight=0.5')
        if other.of.identity != self.of.identity:
            raise SamplingError(f'a state of {self.of} and one of {other.of} do not mix.', 'states of one model')
        if not {name.rpartition('/')[2] for name in self.carry} <= {'h', 'c'}:
            raise SamplingError(
                f'{self.of.modeltype} remembers a list of outputs, which cannot be blended.',
                'a model without attention',
            )
        mixed = {name: state.lerp(other.carry[name].to(state.device), weight) for name, state in self.carry.items()}
        return replace(self, carry=Carry(mixed))

    @known_names_only
    def save(self, path: str | Path) -> None:
        """Save the state as a folder, with checksums; ``ms.loadstate(path)`` brings it back.

        A state that was saved there before is replaced.  Raises WorkspaceError (something else is there, disk full).
        """
        folder = path_of('path', path, 'reader.state')
        if is_there(folder) and not (is_sealed(folder) and (folder / FACTS).exists()):
            raise WorkspaceError(
                f'{str(folder)!r} exists, and is no saved state.', f'path={unused(str(folder) + ".state")!r}'
            )
        facts = {'pending': self.pending, 'line': self.line, 'of': asdict(self.of)}
        write_sealed(folder, {TENSORS: as_pieces(dict(self.carry.items())), FACTS: as_json(facts).encode()})


@torch.no_grad()
def expected(model: LanguageModel, state: State) -> tuple[NDArray[np.float64], Carry]:
    """Return the cost of each symbol (V,) if it came next, in nats, and the carry after the pending symbol.

    Raises
    ------
    SamplingError    the logits are no numbers
    """
    ids = torch.tensor([[state.pending]], device=model.device)
    outputs, carry = model(ids, state.carry.to(model.device))
    logits = model.logits(outputs[0, -1]).double()
    if not logits.isfinite().all():
        raise SamplingError('the model answers nan: its weights are no longer numbers.', "ms.restore('best')")
    nats: NDArray[np.float64] = -logits.log_softmax(0).cpu().numpy()
    return nats, carry


def load_state(folder: Path, model: LanguageModel, chars: Vocabulary[Any]) -> State:
    """Return a state from a folder that a stranger may have written, if it is one of such a model.

    Raises
    ------
    CheckpointError    it is missing, damaged, or no state of such a model
    """
    if folder.is_file():
        raise CheckpointError(f'{str(folder)!r} is a file, and a saved state is a folder.', 'state = ms.read(text)')
    content, text = read_sealed(folder, TENSORS, FACTS)
    try:
        tensors, facts = from_bytes(content), parse_json(text)
        of = Origin(**facts['of'])
        pending, line, zero = facts['pending'], facts['line'], model.zero_carry(1)
        sound = all(isinstance(value, str) for value in (of.name, of.modeltype, of.weights, of.vocabulary, line))
        sound = sound and type(of.position) is int and type(pending) is int and 0 <= pending < len(chars)
        sound = sound and tensors.keys() == zero.keys()
        sound = sound and all(
            tensors[n].shape == s.shape and tensors[n].dtype == s.dtype and tensors[n].isfinite().all()
            for n, s in zero.items()
        )
    except Exception as error:  # SafetensorError, KeyError, TypeError, ...: an untrusted file may provoke any
        if lacks_memory(error):
            raise
        sound = False
    if not sound:
        raise CheckpointError(f'{str(folder)!r} holds no state of such a model.', 'state = ms.read(text)')
    return State(Carry(tensors), pending, of, line)


def read_on(model: LanguageModel, carry: Carry, indices: Sequence[int]) -> tuple[Carry, int]:
    """Return the carry after all but the last of at least one symbol, read from `carry` on, and the last symbol."""
    *before, last = indices
    ids = torch.tensor([before], dtype=torch.int64, device=model.device)
    return carry_after(model, ids, carry.to(model.device)), last
