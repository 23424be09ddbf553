"""The three ways to a run: begin one on a text, load one from its directory, branch one off another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from charrnn.display.text import printable
from charrnn.errors import warn
from charrnn.hyperparams import HyperParams, changed_settings
from charrnn.models import drift, environment, memory_of
from charrnn.session.beginnings import changed_source, read_source, tell_remarks, unusual
from charrnn.session.run import Run
from charrnn.session.trust import checked, open_dataset
from charrnn.storage.checkpoints import Checkpoint
from charrnn.storage.facts import KEEP
from charrnn.storage.sealed import read_manifest
from charrnn.storage.workspace import Workspace
from charrnn.text.dataset import Dataset
from charrnn.text.sources import Source
from charrnn.training.learner import Learner
from charrnn.training.limits import at_rest, refuse_beyond, refuse_unfit
from charrnn.training.loop import untrained_row
from charrnn.training.moment import Moment, refuse_unreadable


def begin_run(
    workspace: Workspace,
    source: Source | Workspace,
    modeltype: str,
    hyper: HyperParams,
    seed: int,
    device: torch.device,
    *,
    init_checkpoint: bool = True,
) -> Run:
    """Encode the source, build a model, measure it and save it; leave nothing behind if one of these fails.

    Parameters
    ----------
    source : Source or Workspace    a text to encode; or the directory whose dataset the new run shares
    Raises
    ------
    SourceTextError, HyperParamsError, TrainingError (too short a text), WorkspaceError (there is a run already)
    """
    with workspace.beginning():
        # Before a long text is read: what does not depend on it.
        refuse_beyond(memory_of(device), modeltype, 1, replace(hyper, seq_len=1))
        if isinstance(source, Source):
            read_source(workspace, source, hyper.seq_len, seed)
        else:
            workspace.parts.share(source.parts)
        data = open_dataset(workspace)
        refuse_unfit(modeltype, hyper, data, device)
        if isinstance(source, Source):
            tell_remarks(source, data, workspace.name, unusual(modeltype, hyper, seed))
        run = Run(workspace, Learner(modeltype, hyper, data, seed, device))
        refuse_unreadable(run.learner.moment(), run.data)
        run.record(untrained_row(run.learner))
        if init_checkpoint:
            run.write_moment()  # not save(): after a failure nothing is left that could be saved later
    return run


def load_run(workspace: Workspace, device: torch.device) -> Run:
    """Return the run at its newest good checkpoint; warn of checkpoints passed over and of what has changed.

    Raises
    ------
    WorkspaceError (no run there), CheckpointError (nothing good is left, or a newer format)
    """
    workspace.require_run()
    marks = workspace.marks()  # before anything is read, so that a writer meanwhile is noticed at the first write
    (found, moment, data), troubles = workspace.checkpoints.read_newest(
        workspace.parts.digests(), lambda found: _opened(workspace, found)
    )
    refuse_beyond(memory_of(device), moment.modeltype, len(data.chars), at_rest(moment.hyper))
    number = found.number
    troubles = [f'{trouble} Loaded checkpoint {number} instead.' for trouble in troubles]
    troubles += workspace.checkpoints.verify_before(number)
    source = changed_source(data, workspace.name, unusual(moment.modeltype, moment.hyper, moment.seed))
    for trouble in filter(None, [*troubles, *workspace.extras().values(), source]):
        warn(trouble)
    run = Run(workspace, Learner(moment.modeltype, moment.hyper, data, moment.seed, device))
    # Of the directory, not of a moment: restore leaves them.
    run.keep, run.parent = found.facts.get('keep', KEEP), found.facts.get('parent', {})
    run.become(found, moment, data)
    workspace.open(marks)
    if waiting := run.attachments.waiting:
        warn(
            f'this run has {", ".join(waiting)} attached, not opened. ms.attached shows the source; '
            f'ms.reattach() runs that code, ms.detach({waiting[0]!r}) goes on without.'
        )
    if changed := drift(found.facts.get('environment', {}), environment(device, run.learner.model.engine)):
        warn(
            f'since checkpoint {number}: {printable(changed)}. Training goes on from it, '
            'but an exact resume is not promised, because sums may round otherwise.'
        )
    return run


def _opened(workspace: Workspace, found: Checkpoint) -> tuple[Checkpoint, Moment, Dataset]:
    """Return a checkpoint, the moment in it, and the dataset of that moment."""
    data = open_dataset(workspace, found.facts['data_digest'])
    return found, checked(workspace, found, data), data


def branch_run(run: Run, workspace: Workspace, hyperparams: dict[str, Any]) -> Run:
    """Return a new run at the present moment of another one, with its dataset, its history and other settings.

    The moment is saved there first, if it is not yet, so that the new run can name a checkpoint that it comes from.

    Raises
    ------
    HyperParamsError    no such setting, or one that the weights or the optimizer were made for
    WorkspaceError      there is a run already; OwnershipError: the moment cannot be saved
    """
    learner = run.learner
    changed = changed_settings(learner.hyper, hyperparams)
    learner.refuse_if_torn()
    learner.refuse_if_diverged()
    workspace.refuse_taken('dir')
    parent = _place_of(run)
    with workspace.beginning():
        workspace.parts.share(run.workspace.parts, run.data.digest)
        data = open_dataset(workspace, run.data.digest)
        new = Run(workspace, Learner(run.modeltype, learner.hyper, data, learner.seed, learner.device))
        new.learner.load(learner.moment())
        new.keep, new.parent = run.keep, parent
        new.history, new.attachments = run.history.copied(), run.attachments.copied()
        workspace.keep_ladders(data.digest, run.workspace.read_ladders(run.data.digest))
        new.change(changed)
        new.write_moment()
    return new


def _place_of(run: Run) -> dict[str, Any]:
    """Return the run, the checkpoint, its digest and its round for the present moment, which is saved if need be."""
    store, learner = run.workspace.checkpoints, run.learner
    number = run.saved.get('number', 0)
    facts = store.facts().get(number, {})
    if facts.get('position') != learner.position or facts.get('hyper') != learner.hyper.facts():
        number = run.save()
    digest = read_manifest(store.folder(number))['sha256']
    return {'run': str(run.workspace.path), 'checkpoint': number, 'digest': digest, 'round': learner.round}
