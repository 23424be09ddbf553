"""Open a prompt with every public name (``python -m charrnn``), or run one command (``python -m charrnn train DIR``).

The commands are in ``charrnn/shell``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import charrnn
from charrnn import *  # noqa: F403  the prompt offers these names
from charrnn.shell.commands import run_command

BANNER = f"""charrnn {charrnn.__version__}
  ms = ModelState.initfromsrcfile('text.txt', 'workspaces/text')   begin a run
  ms.trainmodel(num_rounds=3)                                      train it; Ctrl-C stops and saves
  generatestring(ms, temp=0.5)                                     draw text from it
  ms = ModelState.load('workspaces/text')                          open it another day
  help(ModelState) lists everything else.
"""


def open_prompt(names: dict[str, Any]) -> None:
    """Open a prompt with `names`: IPython if it is installed, else Python's own with completion."""
    try:
        from IPython import start_ipython  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        import code

        try:
            import readline
            import rlcompleter

            readline.set_completer(rlcompleter.Completer(names).complete)
            readline.parse_and_bind('tab: complete')
        except ImportError:  # a Python built without readline
            pass
        code.interact(banner=BANNER, local=names, exitmsg='')
    else:
        print(BANNER)
        start_ipython(argv=['--no-banner', '--no-confirm-exit'], user_ns=names)


def main() -> None:
    """Run the command that was typed, or open a prompt: the program ``charrnn``."""
    if len(sys.argv) > 1:
        sys.exit(run_command(sys.argv[1:]))
    open_prompt({'charrnn': charrnn, 'Path': Path, **{name: getattr(charrnn, name) for name in charrnn.__all__}})


if __name__ == '__main__':
    if (
        len(sys.argv) == 1 and sys.flags.inspect
    ):  # python -i opens a prompt with the names of this file after it has run
        print(BANNER)
    else:
        main()
