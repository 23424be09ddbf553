"""A text is added to a run: the verb addsource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from charrnn.arguments import real, truth
from charrnn.session.run import Session, run_of
from charrnn.session.trust import open_dataset
from charrnn.signatures import known_names_only
from charrnn.storage.durable import remove
from charrnn.storage.sealed import new_folder, verify
from charrnn.text.dataset import Dataset
from charrnn.text.encoder import write_part
from charrnn.text.selection import selected
from charrnn.text.sources import Source
from charrnn.training.growth import grown
from charrnn.training.limits import refuse_unfit
from charrnn.training.loop import make_row
from charrnn.training.moment import refuse_unreadable


@known_names_only
def addsource(
    ms: Session,
    srcfile: str | Path | Sequence[str | Path],
    *,
    alone: bool = False,
    validfrac: float = 0.0,
    encoding: str = 'utf-8',
    errors: str = 'strict',
) -> Dataset:
    """Add a text to the run, and train on it too.

    Training goes on with all that was learned: symbols keep their indices,
    new ones get the next ones, and the carry stays. The ring holds both
    texts from the next window on; the validation split stays what it was.
    Saved at once. To fine-tune: ms.branch(...), then
    addsource(srcfile, alone=True, validfrac=0.1), then trainmodel.

    Parameters
    ----------
    srcfile : path       the text, read at the level of the run; or several
                         files, as for initfromsrcfile
    alone : bool         train on it alone from now on
    validfrac : float    share at its end that validates, beside the
                         validation split there is; with alone, in its
                         place
    encoding : str       of the text; bytes have none
    errors : str         'strict', or 'replace': bytes that are not of the
                         encoding are read as U+FFFD

    Raises SourceTextError (empty, or not text), WorkspaceError (disk
    full, ...): nothing has changed.
    """
    run = run_of(ms)
    run.refuse_while_training()
    validfrac = real(0, 1, open_high=True)('validfrac', validfrac, 0.1)
    alone = truth('alone', alone)
    options = {**run.data.options, 'encoding': encoding, 'errors': errors, 'shuffle_lines': False, 'joiner': None}
    path, files = selected(srcfile)
    source = replace(Source(path, **options), trainfrac=1 - validfrac, files=files)
    learner, workspace, before = run.learner, run.workspace, run.data
    learner.refuse_if_torn()
    learner.refuse_if_diverged()
    workspace.claim()
    run.refuse_changed_dataset()
    folder = workspace.parts.free_folder()
    try:
        with new_folder(folder) as inside:
            write_part(inside, before, source, alone=alone)
        data = open_dataset(workspace, verify(folder))
        moment = grown(learner.moment(), data)
        refuse_unfit(run.modeltype, moment.hyper, data, learner.device, learner.lanes)
        refuse_unreadable(moment, data)
        run.take(moment, data)
    except BaseException:
        if run.data is before:
            remove(folder)
        raise
    changed = {'symbols': [len(before.chars), len(data.chars)], 'train_size': [before.train_size, data.train_size]}
    run.record(make_row('source', run.learner, changed=changed))
    run.save()
    return data
