"""The processes that torchrun has launched: they find each other, and an error in one of them ends all.

The rank where an error happens leaves its message in the store that torchrun keeps, and closes its connections, which
ends what the others wait for.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.distributed.distributed_c10d as c10d
from torch.distributed.rendezvous import rendezvous

from charrnn.errors import RankError
from charrnn.training.ranks import ALONE, MOST_TEXT, Alone, LostError, Ranks, first_line

PATIENCE = timedelta(minutes=30)
"""The time that a rank waits for the others, while their processes live."""
MESSAGE = 'charrnn/error'
"""The key of the message in the store."""


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
    except LostError as error:
        told = _message_of(store)
        _leave()
        step = 'the same torchrun command, which goes on from the newest checkpoint'
        raise RankError(f'{told.rstrip(".")}.' if told else error.what, step) from None
    except BaseException as error:
        if not _message_of(store):
            _leave_message(store, f'rank {rank_here()}: {type(error).__name__}: {error}')
        _leave()
        raise


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
    """Return the message that a rank has left; empty if there is none, or no store."""
    with contextlib.suppress(RuntimeError):
        if store and store.check([MESSAGE]):
            return str(store.get(MESSAGE), errors='replace')
    return ''


def _leave_message(store: c10d.Store | None, message: str) -> None:
    with contextlib.suppress(RuntimeError):
        if store:
            store.set(MESSAGE, message[:MOST_TEXT])
