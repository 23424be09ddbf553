"""Whether a checkpoint that somebody else may have written is of a model that can be, before memory is taken for it."""

from __future__ import annotations

from charrnn.errors import CharRNNError, CheckpointError
from charrnn.hyperparams import HyperParams
from charrnn.models import MODELTYPES, build_model
from charrnn.storage.checkpoints import Checkpoint
from charrnn.text.dataset import Dataset


def checked_settings(found: Checkpoint, data: Dataset) -> tuple[str, HyperParams]:
    """The model type and the hyperparameters of a checkpoint, if its weights are of such a model on this text.

    Raises
    ------
    CheckpointError    they are not
    """

    def senseless(what: str) -> CheckpointError:
        return CheckpointError(f'checkpoint {found.number} makes no sense: {what}.', 'another checkpoint')

    modeltype = found.facts['modeltype']
    if modeltype not in MODELTYPES:
        raise senseless(f'there is no modeltype {modeltype[:40]!r}')
    try:
        hyper = HyperParams(**found.facts['hyper'])
    except (CharRNNError, TypeError) as error:
        raise senseless(getattr(error, 'what', str(error)).rstrip('.')) from None
    if max(hyper.seq_len, hyper.memory) > data.train_size:
        raise senseless(f'windows of {hyper.seq_len} and a memory of {hyper.memory} in a text of {data.train_size}')
    if hyper.layers > len(found.tensors):  # or counting them would take for ever
        raise senseless(f'{hyper.layers} layers in {len(found.tensors)} tensors')
    widest = max((size for tensor in found.tensors.values() for size in tensor.shape), default=0)
    if max(hyper.state_size, hyper.emsize) > widest:  # or the sizes of the weights might overflow
        raise senseless(f'{hyper.state_size} units and embeddings of {hyper.emsize} in tensors of at most {widest}')
    wanted = build_model(modeltype, len(data.chars), hyper, None).named_parameters()
    shapes = {name: tuple(parameter.shape) for name, parameter in wanted}
    saved = {n.removeprefix('model/'): tuple(t.shape) for n, t in found.tensors.items() if n.startswith('model/')}
    for name in sorted(shapes.keys() | saved.keys()):
        if shapes.get(name) != saved.get(name):
            raise senseless(f'weight {name[:40]!r} is {saved.get(name)}, and {shapes.get(name)} in such a model')
    return modeltype, hyper
