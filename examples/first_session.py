"""A first session: GRUEncode beside GRUResize on one text, in partial epochs, stopped, loaded and restored; samples.

    python examples/first_session.py [FILE] [--quick] [--plot PICTURE]

This is how the ancestor in Theano was used. Both model types read the same text: GRUEncode through an encoding of each
symbol (one-hot, linear, tanh), GRUResize straight into its first recurrent layer. Without FILE the text is Python's own
help pages.
The runs are in workspaces/first_session; each start of the example deletes them and begins again.
"""

import argparse
import shutil
from pathlib import Path

from story import finished, labelled, picture, tell, text_or_builtin

from charrnn import ModelState, generatestring, plot


def main() -> None:
    """Train both model types, then print their samples and losses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    parser.add_argument('--quick', action='store_true', help='a minute on the first 100,000 characters')
    parser.add_argument('--plot', type=picture, metavar='PICTURE', help='write the curves there (needs matplotlib)')
    given = parser.parse_args()
    source = text_or_builtin(given.file, 100_000 if given.quick else None)
    home, states = Path('workspaces') / 'first_session', []
    shutil.rmtree(home, ignore_errors=True)
    for modeltype in ('GRUEncode', 'GRUResize'):
        directory = home / modeltype
        print(f'\n== {modeltype}: a new run in {directory}')
        ms = ModelState.initfromsrcfile(source, directory, modeltype, layers=2, state_size=128)
        epoch = len(ms.data.train) // (16 * ms.hyper.seq_len)
        pieces = 12 if given.quick else 6
        print(f'\n== half an epoch at a time, {pieces} times: nothing is lost between them')
        for _ in range(pieces):
            finished(ms.trainmodel(train_len=max(1, epoch // 2), batchsize=16, print_every=0))
        here = ms.position
        print('\n== stopped; loaded, as on another day; a quarter of an epoch more')
        del ms
        ms = ModelState.load(directory)
        assert ms.position == here
        finished(ms.trainmodel(train_len=max(1, epoch // 4), print_every=0))
        print('\n== back to the best checkpoint')
        print(ms.checkpoints())
        ms.restore('best')
        for temp in (0.3, 0.7, 1.0):
            print(f'\n== {modeltype} at temperature {temp}')
            print(generatestring(ms, 200, temp=temp, seed=1))
        states.append(ms)
    print('\n== loss on the validation split, which neither has trained on')
    print(f'{"":<19} {"nats/char":>9} {"below unigram":>14} {"bits/byte":>9} {"chars/s":>9}')
    for ms in states:
        found = ms.evaluate()
        below, speed = found.ladder['unigram'] - found.nats, ms.history.column('chars_per_second')[-1]
        print(f'{ms.modeltype:<19} {found.nats:>9.4f} {below:>14.4f} {found.bits_per_byte:>9.4f} {speed:>9,.0f}')
    for rung, nats in labelled(found).items():
        print(f'{rung:<19} {nats:>9.4f}')
    if given.plot:
        plot(*states).figure.savefig(given.plot)
        print(f'The curves are in {given.plot}')


if __name__ == '__main__':
    tell(main)
