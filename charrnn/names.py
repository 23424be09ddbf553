"""Names that are mistyped, or another library's, or right elsewhere: what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

# What users of other libraries type, and what it is called here.
OTHER_NAMES = {
    'alpha': 'decay',
    'batch': 'batchsize',
    'batch_size': 'batchsize',
    'block_size': 'seq_len',
    'bptt': 'seq_len',
    'emb_size': 'emsize',
    'embedding_dim': 'emsize',
    'embedding_size': 'emsize',
    'tie_weights': 'tied',
    'max_norm': 'clipnorm',
    'clip_grad_norm': 'clipnorm',
    'opt': 'optimizer',
    'checkpoint_every': 'save_minutes',
    'context_length': 'seq_len',
    'depth': 'layers',
    'drop': 'dropout',
    'dropout_rate': 'dropout',
    'epochs': 'num_rounds',
    'grad_clip': 'clip',
    'hidden': 'state_size',
    'hidden_dim': 'state_size',
    'hidden_size': 'state_size',
    'hsize': 'state_size',
    'l2': 'regcost',
    'learn_rate': 'learnrate',
    'learning_rate': 'learnrate',
    'length': 'numchars',
    'log_interval': 'print_every',
    'lr': 'learnrate',
    'max_new_tokens': 'numchars',
    'model': 'modeltype',
    'n_epochs': 'num_rounds',
    'n_hidden': 'state_size',
    'n_layer': 'layers',
    'n_layers': 'layers',
    'nhid': 'state_size',
    'nlayers': 'layers',
    'num_epochs': 'num_rounds',
    'num_layers': 'layers',
    'rho': 'decay',
    'rnn_size': 'state_size',
    'sequence_length': 'seq_len',
    'seq_length': 'seq_len',
    'temperature': 'temp',
    'units': 'state_size',
    'wd': 'regcost',
    'weight_decay': 'regcost',
}

# Where a name belongs that is right elsewhere.
ARGUMENTS_OF = {
    **{
        name: f'ms.trainmodel({name}=...)'
        for name in ('num_rounds', 'batchsize', 'train_len', 'valid_len', 'print_every', 'save_minutes')
    },
    **{name: f'generatestring(ms, {name}=...)' for name in ('temp', 'numchars', 'prime')},
}


def unknown_name(
    kind: str, name: str, known: Mapping[str, str], elsewhere: Mapping[str, str] = ARGUMENTS_OF
) -> tuple[str, str]:
    """What an error about the unknown `name` says, and the next step: another library's name, a typo, or a list.

    `known` and `elsewhere` say for each name what to type.

    >>> unknown_name('hyperparameter', 'lr', {'learnrate': 'learnrate=0.001', 'layers': 'layers=2'})
    ("no hyperparameter 'lr'.", 'learnrate=0.001')
    """
    meant = OTHER_NAMES.get(name.lower(), name)
    if meant not in known and meant in elsewhere:
        return f'no {kind} {name!r} here.', elsewhere[meant]
    close = [meant] if meant in known else difflib.get_close_matches(name, known, n=1)
    return f'no {kind} {name!r}.', known[close[0]] if close else f'one of {", ".join(known)}'
