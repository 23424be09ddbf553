"""Reading the files of a run, which a stranger may have written: nothing is believed before it is checked."""

from __future__ import annotations

from charrnn.errors import CheckpointError
from charrnn.storage.checkpoints import Checkpoint
from charrnn.storage.durable import cannot_read, explained
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import FACTS, Dataset, read_dataset
from charrnn.training.moment import Moment


def checked(found: Checkpoint, data: Dataset) -> Moment:
    """Return the moment in a checkpoint, which a stranger may have written.

    Raises
    ------
    CheckpointError    it belongs to no model on this dataset
    """
    try:
        return Moment.checked(found.tensors, found.facts, data)
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {found.number} makes no sense: {error.what}', error.next_step) from None


def open_dataset(workspace: Workspace) -> Dataset:
    """Return the dataset of a run, every byte verified and every index checked."""
    with explained(workspace.dataset, cannot_read):
        digest = workspace.dataset_digest()
        return read_dataset(workspace.dataset, workspace.dataset_facts(FACTS), digest)
