"""Ranks: the processes that train one run together, each with some of the lanes, started by torchrun.

    lanes 0 … B-1, in order            rank 0: 0 … 5      rank 1: 6 … 10      rank 2: 11 … 15
    gradients, loss, what is asked     summed over the ranks, once a window: then all ranks make the same update
    carry                              stays where it is; all ranks know all of it at a checkpoint

Every rank has all weights and the whole text, and walks the ring with its own lanes, so no carry goes from rank to
rank.  A window is a function of the same numbers as in one process; only sums are rounded in another order.

An error travels by the store that torchrun keeps: the rank where it happens leaves its message there and closes its
connections, which ends what the others wait for.  Nothing that is sent is unpickled.

Source: Li et al. 2020, arXiv:2006.15704 (data parallel training in torch; here in one piece for each window, because a
recurrent window has its gradients only at its end).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.distributed_c10d as c10d
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from charrnn.errors import CharRNNError, RankError
from charrnn.evaluation.protocol import EveryLane
from charrnn.models import Carry

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others, as long as their processes live."""
MOST_TEXT = 4096
"""Bytes of a text that goes from rank to rank."""
MESSAGE = 'charrnn/error'
"""The key of the message in the store."""


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
        dist.all_reduce(found)
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
        dist.all_reduce(flat)
        for gradient, summed in zip(gradients, torch.split(flat[: whole - 1], sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))
        self.agreed = _decide(flat[whole:])
        return flat[whole - 1].clone()

    def agree(self, asks: Asks) -> None:
        """Ask all ranks what they have been asked."""
        found = torch.tensor([float(asked) for asked in asks()], device=self.device)
        dist.all_reduce(found)
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
            parts = [torch.empty_like(sent) for _ in shares]
            dist.all_gather(parts, sent)
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
        found = [torch.empty_like(sent) for _ in range(self.size)]
        dist.all_gather(found, sent)
        return [bytes(each.cpu().numpy()).rstrip(b'\0').decode(errors='replace') for each in found]


def share_of(rank: int, size: int, lanes: int) -> slice:
    """Return the lanes of one of `size` ranks; the first ranks have one more, where the number does not divide.

    >>> [share_of(rank, 3, 16) for rank in range(3)]
    [slice(0, 6, None), slice(6, 11, None), slice(11, 16, None)]
    """
    each, more = divmod(lanes, size)
    first = rank * each + min(rank, more)
    return slice(first, first + each + (rank < more))


def _decide(counts: Tensor) -> Asked:
    """Return what any rank was asked, from the number of ranks that were."""
    return Asked(*(count > 0 for count in counts.tolist()))


# ---- the processes --------------------------------------------------------------------------------------------------


def ranks_started() -> int:
    """Return the number of processes that torchrun, or another launcher with its variables, has started; 1 is none."""
    try:
        return max(1, int(os.environ['WORLD_SIZE'])) if 'RANK' in os.environ else 1
    except (KeyError, ValueError):
        return 1


def rank_here() -> int:
    """Return the number of this process among those that torchrun has started; 0 where it has not."""
    return int(os.environ['RANK']) if ranks_started() > 1 else 0


@contextlib.contextmanager
def together(device: torch.device) -> Iterator[Alone]:
    """Join the other ranks for the block, if there are any; an error in one of them ends the block in all of them.

    Raises
    ------
    RankError    another rank has failed, with its message; or its process is gone
    """
    if ranks_started() == 1:
        yield ALONE
        return
    store = _join(device)
    try:
        yield Ranks(device)
    except BaseException as error:
        told = _message_of(store)
        if isinstance(error, RuntimeError) and not isinstance(error, CharRNNError):  # a connection has ended
            lost = (
                told or f'another rank has ended, and rank {rank_here()} cannot go on without it ({first_line(error)})'
            )
            failure = RankError(
                lost.rstrip('.') + '.', 'the same torchrun command, which goes on from the newest checkpoint'
            )
        else:
            failure = None
            if not told:
                _leave_message(store, f'rank {rank_here()}: {type(error).__name__}: {error}')
        _leave()
        if failure:
            raise failure from None
        raise


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, shortened."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _join(device: torch.device) -> c10d.Store | None:
    global _store
    if not dist.is_available():
        raise RankError('this torch was built without torch.distributed.', 'one process, without torchrun')
    if not dist.is_initialized():
        if _store is not None:
            raise RankError('the connection to the other ranks has ended.', 'torchrun again')
        _stay_here()
        try:
            shared, rank, size = next(rendezvous('env://', timeout=PATIENCE))
            # torchrun keeps one store for all attempts, with the addresses of the processes of earlier ones in it.
            store = c10d.PrefixStore(f'charrnn/{os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)}/{size}', shared)
            dist.init_process_group(
                'nccl' if device.type == 'cuda' else 'gloo', store=store, rank=rank, world_size=size, timeout=PATIENCE
            )
        except (RuntimeError, ValueError) as error:
            raise RankError(f'the other ranks cannot be reached: {first_line(error)}.', 'torchrun again') from None
        _store = store
        atexit.register(_leave)  # a thread of gloo that outlives the interpreter would abort it
    return _store


_store: c10d.Store | None = None
"""The store that torchrun keeps; None before the first call, and where the user's own script has joined the ranks."""


def _leave() -> None:
    """Close the connections of this process, which ends what the other ranks wait for."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _stay_here() -> None:
    """Bind the connections of ranks that are all on this machine to its loopback, unless the user has chosen."""
    if os.environ.get('LOCAL_WORLD_SIZE') == os.environ.get('WORLD_SIZE'):
        loopback = 'lo0' if sys.platform == 'darwin' else 'lo'
        for name in ('GLOO_SOCKET_IFNAME', 'NCCL_SOCKET_IFNAME'):
            os.environ.setdefault(name, loopback)


def _message_of(store: c10d.Store | None) -> str:
    """Return the message that a rank has left; empty if there is none, or nobody to ask."""
    with contextlib.suppress(RuntimeError):
        if store and store.check([MESSAGE]):
            return str(store.get(MESSAGE), errors='replace')
    return ''


def _leave_message(store: c10d.Store | None, message: str) -> None:
    with contextlib.suppress(RuntimeError):
        if store:
            store.set(MESSAGE, message[:MOST_TEXT])
