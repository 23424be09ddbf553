"""Reading the files of a run, which a stranger may have written: nothing is believed before it is checked."""

from __future__ import annotations

from charrnn.errors import CheckpointError, UnusableHereError
from charrnn.storage.checkpoints import Checkpoint
from charrnn.storage.durable import cannot_read, explained
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset, read_dataset
from charrnn.text.together import join
from charrnn.training.moment import Moment


def checked(workspace: Workspace, found: Checkpoint, data: Dataset) -> Moment:
    """Return the moment in a checkpoint of a run, which a stranger may have written.

    Raises
    ------
    CheckpointError      it belongs to no model on this dataset
    UnusableHereError    it needs a class that is not registered
    """
    try:
        return Moment.checked(found.tensors, found.facts, data)
    except UnusableHereError as error:
        step = f'{error.next_step}, then ModelState.load({workspace.name!r})'
        raise UnusableHereError(f'checkpoint {found.number} {error.what}', step) from None
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {found.number} makes no sense: {error.what}', error.next_step) from None


def open_dataset(workspace: Workspace, digest: str = '') -> Dataset:
    """Return a dataset of a run, every byte verified and every index checked; see ``map_dataset``."""
    with explained(workspace.dataset, cannot_read):
        workspace.parts.digests()
        return map_dataset(workspace, digest)


def map_dataset(workspace: Workspace, digest: str = '') -> Dataset:
    """Return a dataset of a run, every index checked: up to the part with a digest, by default the first part alone."""
    return join([read_dataset(folder, facts, own) for folder, own, facts in workspace.parts.chain(digest)])
