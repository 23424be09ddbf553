"""The model card of an exported folder: what the model is, what it has learned from, and how good it is."""

from __future__ import annotations

from charrnn.display.text import NOUNS, printable
from charrnn.evaluation.units import Evaluation
from charrnn.export.page import CAUTION, text_name
from charrnn.session.run import Run
from charrnn.version import __version__

CARD = """\
---
{front}
---

# {name}

A {modeltype} of {layers} × {units} units ({weights:,} weights) that goes on with a text, one {symbol} at a time. It was
trained with charrnn {version} from the beginning on one text: {text}, {size:,} {noun}, read {epoch:.1f} times.

```python
import charrnn

model = charrnn.loadmodel('{folder}')
print(charrnn.generatestring(model, 300, temp=0.5))
model.score('a text')          # what each {symbol} costs
```

## How good it is

{losses}

## What to know

{caution} The training text is not in this folder: only its symbols and the name of its file are.

Settings: {settings}.
"""


def card_of(run: Run, found: Evaluation | None, licence: str | None, folder: str) -> str:
    """Return README.md: a header for the hub, then the card.

    Parameters
    ----------
    folder : str    the name of the exported folder
    """
    learner, data = run.learner, run.data
    hyper, usual = learner.hyper.facts(), type(learner.hyper)().facts()
    settings = {name: value for name, value in hyper.items() if value != usual[name]}
    name = printable(run.workspace.path.name)
    front = ['library_name: charrnn', 'pipeline_tag: text-generation', 'tags:', '- charrnn', '- rnn', '- char-rnn']
    return CARD.format(
        front='\n'.join([f'license: {_plain(licence)}' if licence else 'license: unknown', *front]),
        name=name,
        folder=printable(folder),
        modeltype=run.modeltype,
        layers=hyper['layers'],
        units=hyper['state_size'],
        weights=sum(p.numel() for p in learner.evaluated.parameters()),
        symbol={'char': 'character', 'byte': 'byte', 'word': 'word'}[data.chars.level],
        version=__version__,
        text=text_name(run),
        size=len(data.train),
        noun=NOUNS[data.chars.level],
        epoch=learner.epoch,
        losses=losses_of(found),
        caution=CAUTION,
        settings=', '.join(f'{key}={value}' for key, value in settings.items()) or 'the defaults',
    )


def losses_of(found: Evaluation | None) -> str:
    """Return the losses with their protocol and the ladder, as a table."""
    if found is None:
        return 'It was not measured: the run held no text out.'
    kinds = {rung: 'adaptive' if rung in found.adaptive else 'static' for rung in found.ladder}
    rows = {'this model': found.nats, **found.ladder}
    if found.level == 'word':
        rows['this model, with the letters of words that it does not know'] = found.spelled_nats
    lines = [f'| | nats/{found.level} | |', '|---|---|---|']
    for name, nats in sorted(rows.items(), key=lambda row: row[1]):
        kind = kinds.get(name, '')
        lines.append(f'| {name} | {nats:.4f} | {kind} |')
    about = (
        f'{found.bits_per_char:.4f} bits per character, {found.bits_per_byte:.4f} per byte. Protocol: {found.protocol}.'
    )
    learns = 'An adaptive coder learns while it reads the held-out text; this model did not.'
    if found.level == 'word':
        learns += ' It pays for the letters of all words, also of those that this model does not know.'
    return '\n'.join([*lines, '', about, learns])


def _plain(licence: str) -> str:
    """Return a licence as one plain line of the header."""
    return ' '.join(printable(licence).split())
