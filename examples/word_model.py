"""A word-level language model, with the flags that users of PyTorch's word_language_model know.

    python examples/word_model.py --data DIR --model LSTM --tied [--quick] [--plot PICTURE]

DIR holds train.txt, valid.txt and test.txt; one file, or Python's own help pages, are split 90 : 10. Each epoch ends
with a validation; if the loss did not improve, the learning rate is divided by 4 (with --decay: multiplied by that
factor). Ctrl-C stops training. Then the best checkpoint, if an epoch has ended, is evaluated on the test split
(without one: on the validation split), and a text is generated.
"""

import argparse
import contextlib
import math
import shutil
from pathlib import Path

from story import labelled, picture, positive, tell, text_or_builtin

from charrnn import CheckpointError, ModelState, NonFiniteLossError, generatestring

HOME = Path('workspaces') / 'word_model'


def options() -> argparse.Namespace:
    """Parse the command line; the defaults are those of word_language_model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a directory with train.txt, valid.txt, test.txt, or one file')
    parser.add_argument(
        '--model', default='LSTM', choices=['RNN_TANH', 'RNN_RELU', 'LSTM', 'GRU'], help='the cell (%(default)s)'
    )
    parser.add_argument('--emsize', type=positive, default=200, help='size of the word embeddings (%(default)s)')
    parser.add_argument('--nhid', type=positive, default=200, help='units in each layer (%(default)s)')
    parser.add_argument('--nlayers', type=positive, default=2, help='layers (%(default)s)')
    parser.add_argument(
        '--lr', type=float, help='first learning rate of plain SGD (20; for RNN_* 5, because they do not learn at 20)'
    )
    parser.add_argument('--clip', type=float, default=0.25, help='largest norm of the gradient (%(default)s)')
    parser.add_argument('--epochs', type=positive, default=40, help='passes over the text (%(default)s)')
    parser.add_argument('--batch-size', type=positive, default=20, help='lanes (%(default)s)')
    parser.add_argument('--bptt', type=positive, default=35, help='words of a window (%(default)s)')
    parser.add_argument('--dropout', type=float, default=0.2, help='share of outputs dropped, 0 for none (%(default)s)')
    parser.add_argument(
        '--decay',
        type=float,
        default=0.25,
        help='factor on the learning rate after an epoch without improvement (%(default)s)',
    )
    parser.add_argument('--tied', action='store_true', help='embedding and output layer share their weights')
    parser.add_argument('--seed', type=int, default=1111, help='of the weights and the dropout (%(default)s)')
    parser.add_argument('--cuda', action='store_true', help='on an NVIDIA GPU instead of the CPU')
    parser.add_argument('--log-interval', type=int, default=200, help='windows from report to report (%(default)s)')
    parser.add_argument('--save', help=f'a new working directory, instead of {HOME}, which is deleted at each start')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='a minute: 300,000 characters (of one file), and other defaults: 64 units, 10 epochs',
    )
    parser.add_argument('--plot', type=picture, metavar='PICTURE', help='write the curves there (needs matplotlib)')
    if parser.parse_args().quick:
        parser.set_defaults(emsize=64, nhid=64, epochs=10)
    given = parser.parse_args()
    if given.lr is None:
        given.lr = 5 if given.model.startswith('RNN_') else 20
    return given


def main() -> None:
    """Train, evaluate, generate."""
    given = options()
    folder = Path(given.data) if given.data and Path(given.data).is_dir() else None
    source = folder or text_or_builtin(given.data, 300_000 if given.quick else None)
    if not given.save:
        shutil.rmtree(HOME, ignore_errors=True)
    ms = ModelState.initfromsrcfile(
        source,
        given.save or HOME,
        given.model,
        level='word',
        layers=given.nlayers,
        state_size=given.nhid,
        emsize=given.emsize,
        tied=given.tied,
        optimizer='sgd',
        learnrate=given.lr,
        clipnorm=given.clip,
        regcost=0.0,
        seq_len=given.bptt,
        dropout=given.dropout,
        anneal=given.decay,
        seed=given.seed,
        device='cuda' if given.cuda else 'cpu',
    )
    print(ms)
    try:
        report = ms.trainmodel(num_rounds=given.epochs, batchsize=given.batch_size, print_every=given.log_interval)
    except NonFiniteLossError as error:
        raise SystemExit(f'{error}\n  Here: a --lr smaller than {given.lr:g}') from None
    if report.interrupted:
        print('Training was stopped. The model so far is evaluated.')
    if given.plot:
        ms.plot().figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')
    with contextlib.suppress(CheckpointError):  # after a stop in the first epoch there is no best checkpoint
        ms.restore('best')
    split = 'test' if len(ms.data.test) else 'valid'
    found = ms.evaluate(split)
    print(f'\n== {split}: {found.protocol}')
    print(f'{"":<19} {"nats/word":>10} {"perplexity":>11}')
    for name, nats in {given.model: found.nats, **labelled(found)}.items():
        print(f'{name:<19} {nats:>10.4f} {math.exp(nats) if nats < 700 else math.inf:>11.5g}')
    print(
        f'{found.ladder["unigram"] - found.nats:.3f} nats a word below the unigram (standard error {found.stderr:.3f}).'
    )
    print('\n== what it writes')
    print(generatestring(ms, 100, temp=1.0, seed=given.seed))


if __name__ == '__main__':
    tell(main)
