"""Ranks: the processes that train one run together, each with some of the lanes, started by torchrun.

    lanes 0 … B-1, in order            rank 0: 0 … 5      rank 1: 6 … 10      rank 2: 11 … 15
    gradients, loss, what is asked     summed over the ranks, once a window: then all ranks make the same update
    carry                              stays where it is; all ranks know all of it at a checkpoint

Every rank has all weights and the whole text, and walks the ring with its own lanes, so no carry goes from rank to
rank.  A window is a function of the same numbers as in one process; only sums are rounded in another order.

Nothing that is sent is unpickled.  The processes and their errors are in launch.py.

Source: Li et al. 2020, arXiv:2006.15704 (data parallel training in torch; here in one piece for each window, because a
recurrent window has its gradients only at its end).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from charrnn.errors import RankError
from charrnn.evaluation.protocol import EveryLane
from charrnn.models import Carry

MOST_TEXT = 4096
"""Bytes of a text that goes from rank to rank."""


class Asked(NamedTuple):
    """Requests that end a round, or save inside it.

    Parameters
    ----------
    stop : bool    by Ctrl-C, a signal or a handle
    over : bool    by the clock: the time of the call is spent
    save : bool    by the clock: a checkpoint is due
    """

    stop: bool = False
    over: bool = False
    save: bool = False


Asks = Callable[[], Asked]


class Alone(EveryLane):
    """One process, which has every lane.

    Attributes
    ----------
    rank, size : int              the number of this process, and of all of them
    agreed : Asked or None        what the ranks have been asked, all together; None: one process asks itself
    """

    rank, size = 0, 1
    agreed: Asked | None = None

    def sum_gradients(self, gradients: Sequence[Tensor], loss: Tensor, lanes: int, asks: Asks) -> Tensor:
        """Make the mean gradients, in place, and the mean loss of this rank's lanes those of all; return the loss."""
        return loss

    def agree(self, asks: Asks) -> None:
        """Ask all ranks what they have been asked."""

    def gather(self, carry: Carry, lanes: int) -> Carry:
        """Return the carry of all lanes."""
        return carry

    def refuse_unlike(self, facts: Mapping[str, str]) -> None:
        """Raise RankError unless all ranks have the same facts; the rank that differs is named."""


ALONE = Alone()


class Ranks(Alone):
    """The processes that torchrun has started, as one of them sees them."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), device
        self.agreed = Asked()
        self._sent = torch.empty(0)

    def share(self, lanes: int) -> slice:
        """Return the lanes of this rank: the first ranks have one more, where the number does not divide."""
        return share_of(self.rank, self.size, lanes)

    def total(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums over all ranks, element by element."""
        # NCCL adds on the GPU alone, and Apple's has no float64.
        found = torch.from_numpy(sums).to(self.device)
        _add_up(found)
        added: NDArray[np.float64] = found.cpu().numpy()
        return added

    def sum_gradients(self, gradients: Sequence[Tensor], loss: Tensor, lanes: int, asks: Asks) -> Tensor:
        """Make the mean gradients, in place, and the mean loss of this rank's lanes those of all; return the loss."""
        share = self.share(lanes)
        mine = torch.tensor([float(asked) for asked in asks()], device=self.device)
        sizes = [g.numel() for g in gradients]
        whole = sum(sizes) + 1
        if self._sent.numel() != whole + len(mine):
            self._sent = torch.empty(whole + len(mine), device=self.device)
        flat = self._sent
        torch.cat([*(g.reshape(-1) for g in gradients), loss.reshape(1), mine], out=flat)
        flat[:whole] *= (share.stop - share.start) / lanes
        _add_up(flat)
        for gradient, summed in zip(gradients, torch.split(flat[: whole - 1], sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))
        self.agreed = _decide(flat[whole:])
        return flat[whole - 1].clone()

    def agree(self, asks: Asks) -> None:
        """Ask all ranks what they have been asked."""
        found = torch.tensor([float(asked) for asked in asks()], device=self.device)
        _add_up(found)
        self.agreed = _decide(found)

    def gather(self, carry: Carry, lanes: int) -> Carry:
        """Return the carry of all lanes."""
        shares = [share_of(rank, self.size, lanes) for rank in range(self.size)]
        widest = len(range(*shares[0].indices(lanes)))
        found = {}
        for name, state in carry.items():
            padded = state.new_zeros((state.shape[0], widest, *state.shape[2:]))
            padded[:, : state.shape[1]] = state
            sent = padded.view(torch.uint8)  # so that every kind of number can be sent
            parts = self._of_all(sent)
            whole = [part.view(state.dtype)[:, : s.stop - s.start] for part, s in zip(parts, shares, strict=True)]
            found[name] = torch.cat(whole, 1)
        return Carry(found)

    def refuse_unlike(self, facts: Mapping[str, str]) -> None:
        """Raise RankError unless all ranks have the same facts; the rank that differs is named."""
        theirs = [dict(line.split('\t', 1) for line in text.splitlines()) for text in self._texts(facts)]
        for rank, each in enumerate(theirs):
            for name, value in theirs[0].items():
                if each.get(name) != value:
                    raise RankError(
                        f'rank {rank} has {name} {each.get(name)}, and rank 0 has {value}.',
                        'the same directory, the same versions and the same call on all ranks',
                    )

    def _texts(self, facts: Mapping[str, str]) -> list[str]:
        text = '\n'.join(f'{name}\t{" ".join(str(value).split())[:80]}' for name, value in facts.items())
        data = np.zeros(MOST_TEXT, np.uint8)
        encoded = text.encode()[:MOST_TEXT]
        data[: len(encoded)] = np.frombuffer(encoded, np.uint8)
        sent = torch.from_numpy(data).to(self.device)
        return [bytes(each.cpu().numpy()).rstrip(b'\0').decode(errors='replace') for each in self._of_all(sent)]

    def _of_all(self, sent: Tensor) -> list[Tensor]:
        """Return what each rank has sent, tensors of one shape."""
        found = [torch.empty_like(sent) for _ in range(self.size)]
        with _linked():
            dist.all_gather(found, sent)
        return found


def share_of(rank: int, size: int, lanes: int) -> slice:
    """Return the lanes of one of `size` ranks; the first ranks have one more, where the number does not divide.

    >>> [share_of(rank, 3, 16) for rank in range(3)]
    [slice(0, 6, None), slice(6, 11, None), slice(11, 16, None)]
    """
    each, more = divmod(lanes, size)
    first = rank * each + min(rank, more)
    return slice(first, first + each + (rank < more))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, shortened."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


class LostError(RankError):
    """A connection that has ended."""


@contextlib.contextmanager
def _linked() -> Iterator[None]:
    """Tell an error of torch's in a message between ranks from one of this rank's own."""
    try:
        yield
    except RuntimeError as error:
        raise LostError(f'another rank has ended, and this one cannot go on ({first_line(error)}).') from None


def _add_up(found: Tensor) -> None:
    """Add up a tensor over all ranks, in place."""
    with _linked():
        dist.all_reduce(found)


def _decide(counts: Tensor) -> Asked:
    """Return what any rank was asked, from the number of ranks that were."""
    return Asked(*(count > 0 for count in counts.tolist()))
