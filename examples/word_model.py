"""A word-level language model, with the flags that users of PyTorch's word_language_model know.

    python examples/word_model.py --data DIR --model LSTM --tied [--quick] [--plot PICTURE]

DIR holds train.txt, valid.txt and test.txt; a single file, or Python's own help pages, are split 90 : 10. Each epoch
ends with a validation; where it did not improve, the learning rate falls to a quarter (with --decay: to that share).
Ctrl-C stops training; then the test split is evaluated, on the best checkpoint, and the model writes.
"""

import argparse
import math
import shutil
from pathlib import Path

from builtin_text import text_or_builtin

from charrnn import ModelState, NonFiniteLossError, generatestring


def options() -> argparse.Namespace:
    """The command line; the defaults are the ancestor's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', help='a directory with train.txt, valid.txt, test.txt, or one file')
    parser.add_argument('--model', default='LSTM', choices=['RNN_TANH', 'RNN_RELU', 'LSTM', 'GRU'], help='the cell')
    parser.add_argument('--emsize', type=int, default=200, help='size of the word embeddings')
    parser.add_argument('--nhid', type=int, default=200, help='units in each layer')
    parser.add_argument('--nlayers', type=int, default=2, help='layers')
    parser.add_argument(
        '--lr', type=float, help='first learning rate of plain SGD (20; 5 for RNN_*, which explode at 20)'
    )
    parser.add_argument('--clip', type=float, default=0.25, help='largest norm of the gradient')
    parser.add_argument('--epochs', type=int, default=40, help='how often the text is read')
    parser.add_argument('--batch-size', type=int, default=20, help='lanes')
    parser.add_argument('--bptt', type=int, default=35, help='words of a window')
    parser.add_argument('--dropout', type=float, default=0.2, help='share of outputs dropped (0 is none)')
    parser.add_argument('--decay', type=float, default=0.25, help='factor on the learning rate where nothing improved')
    parser.add_argument('--tied', action='store_true', help='embedding and output layer share their weights')
    parser.add_argument('--seed', type=int, default=1111, help='of the weights and the dropout')
    parser.add_argument('--cuda', action='store_true', help='on an NVIDIA GPU')
    parser.add_argument('--log-interval', type=int, default=200, help='windows from report to report')
    parser.add_argument('--save', default='workspaces/word_model', help='working directory; an old one is removed')
    parser.add_argument('--quick', action='store_true', help='a minute: 100,000 characters, small layers, two epochs')
    parser.add_argument('--plot', metavar='PICTURE', help='write the curves there (needs matplotlib)')
    given = parser.parse_args()
    if given.lr is None:
        given.lr = 5 if given.model.startswith('RNN_') else 20
    if given.quick:
        given.emsize = given.nhid = min(given.nhid, 64)
        given.epochs = min(given.epochs, 2)
    return given


def main() -> None:
    """Train, evaluate, write."""
    given = options()
    source = Path(given.data) if given.data and Path(given.data).is_dir() else None
    shutil.rmtree(given.save, ignore_errors=True)
    ms = ModelState.initfromsrcfile(
        source or text_or_builtin(given.data, 100_000 if given.quick else None),
        given.save,
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
        device='cuda' if given.cuda else 'auto',
    )
    print(ms)
    try:
        report = ms.trainmodel(num_rounds=given.epochs, batchsize=given.batch_size, print_every=given.log_interval)
    except NonFiniteLossError as error:
        raise SystemExit(f'{error}\n  Here: a --lr smaller than {given.lr:g}') from None
    if report.interrupted:
        print('Training was stopped; what it has learned so far is evaluated.')
    split = 'test' if len(ms.data.test) else 'valid'
    found = ms.evaluate(split)
    print(f'\n== {split}: {found.protocol}')
    print(f'{"":<10} {"nats/word":>10} {"perplexity":>11}')
    print(f'{given.model:<10} {found.nats:>10.4f} {found.perplexity:>11.1f}   ± {found.stderr or 0:.4f} nats')
    for rung, nats in found.ladder.items():
        print(f'{rung:<10} {nats:>10.4f} {math.exp(nats):>11.1f}')
    print(f'{found.ladder["unigram"] - found.nats:.3f} nats a word below the unigram.')
    print('\n== what it writes')
    print(generatestring(ms, 100, temp=1.0, seed=given.seed))
    if given.plot:
        ms.plot().figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


if __name__ == '__main__':
    main()
