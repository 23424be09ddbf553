"""A page for a friend: a model is trained on a text, looked at, and given away as one file that any browser opens.

    python examples/share_a_page.py [FILE] [--minutes N] [--page PAGE]

The page writes, scores what is typed and shows the model's units, without a connection. Without FILE the text is
Python's own help pages. Before you share a page of a text that is not yours to share, or private, read what is said at
the end: what a model has learned by heart, its page can write.
The run is in workspaces/share_a_page; each start of the example deletes it and begins again.
"""

import argparse
import shutil
from pathlib import Path

from story import finished, tell, text_or_builtin

from charrnn import ModelState, generatestring

ADVICE = """
To share it: mail the file, put it on a stick, or copy it to any web server, such as GitHub Pages; it is one file, and
nothing has to be installed. It opens on a phone too.
What is in it: the weights, the characters of the text, its name, and the sample above. Not the text itself; but a model
writes what it has learned by heart, and {share:.0%} of a sample stood in the training text, in spans of 20 characters
or more (ms.copied tells which). Share a page as you would share the text."""


def main() -> None:
    """Train a model, show what it knows, and write its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    parser.add_argument('--minutes', type=float, default=3, help='of training (3)')
    parser.add_argument('--page', default='workspaces/page.html', help='where the page goes (workspaces/page.html)')
    given = parser.parse_args()
    source, home = text_or_builtin(given.file), Path('workspaces') / 'share_a_page'
    shutil.rmtree(home, ignore_errors=True)
    print(f'\n== a run of its own, in {home}')
    ms = ModelState.initfromsrcfile(source, home, layers=2, state_size=192)
    finished(ms.trainmodel(minutes=given.minutes, num_rounds=100))
    ms.restore('best')
    print('\n== what it writes')
    sample = generatestring(ms, 600, temp=0.6, seed=1)
    print(sample)
    print('\n== what of it is copied')
    copied = ms.copied(sample)
    print(copied)
    print('\n== what surprises it')
    print(ms.score(ms.data.text('valid')[:60].decode(errors='replace'), errors='replace'))
    print('\n== the page')
    page = ms.exporthtml(given.page, name=Path(source).stem, prime=sample[:200])
    print(page)
    print(ADVICE.format(share=copied.share))


if __name__ == '__main__':
    tell(main)
