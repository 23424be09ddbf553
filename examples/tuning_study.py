"""A tuning study of a character LSTM: one usual run, then layers and sizes, learning rates, and temperatures.

    python examples/tuning_study.py [FILE] --default_train
    python examples/tuning_study.py [FILE] --custom_train           writes experiment_logs.csv
    python examples/tuning_study.py [FILE] --plot_loss --plot rates.png
    python examples/tuning_study.py [FILE] --diff_temp --prime 'The '

Without any of the four options, all four parts run, one after the other. Every loss stands beside the baselines.
The runs are in workspaces/tuning_study; each start of the example deletes them and begins again.
"""

import argparse
import contextlib
import io
import math
import shutil
import time
from pathlib import Path
from typing import Any

from story import finished, labelled, picture, positive, tell, text_or_builtin

from charrnn import Evaluation, ModelState, NonFiniteLossError, TrainReport, generatestring, sweep, temperatures

HOME = Path('workspaces') / 'tuning_study'
SIZES = {'layers': [1, 2], 'state_size': [64, 128, 256]}
RATES = {'learnrate': [1e-4, 1e-3, 3e-3, 1e-2, 1e-1]}
USUAL: dict[str, Any] = {
    'layers': 2, 'state_size': 128, 'seq_len': 200, 'learnrate': 2e-3, 'optimizer': 'adamw', 'regcost': 0.0,
    'clipnorm': 5.0,
}  # fmt: skip


def tried(source: Path, name: str, space: dict[str, Any], updates: int, rounds: int) -> Any:
    """Train an LSTM with every combination of the settings in a space, each for as many updates."""
    shutil.rmtree(HOME / name, ignore_errors=True)
    fixed = {setting: value for setting, value in USUAL.items() if setting not in space}
    found = sweep(
        source, HOME / name, space, sampler='grid', modeltype='LSTM', rounds=rounds,
        train_len=updates // rounds, batchsize=8, **fixed,
    )  # fmt: skip
    if found.interrupted:  # a table would take the trials so far for all
        raise KeyboardInterrupt
    return found


def ladder_of(found: Any) -> Evaluation:
    """Return the evaluation of the best trial, which has the baselines."""
    return ModelState.load(found[0].directory).evaluate()


def quietly(ms: ModelState, **given: Any) -> TrainReport | None:
    """Train without printing; return None if the loss is not finite."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(NonFiniteLossError):
        return finished(ms.trainmodel(**given))
    return None


def show_ladder(found: Evaluation) -> None:
    """Print the baselines in one line."""
    rungs = ', '.join(f'{rung} {nats:.4f}' for rung, nats in labelled(found).items())
    print(f'nats/char without a network: {rungs}')


def default_train(source: Path, updates: int) -> ModelState:
    """Train 2 x 128, one lane with windows of 200; print the loss of every 10 updates, time and sample of every 100."""
    print('\n== default_train')
    shutil.rmtree(HOME / 'default', ignore_errors=True)
    ms, began = ModelState.initfromsrcfile(source, HOME / 'default', 'LSTM', **USUAL), time.monotonic()
    for done in range(0, updates, 100):
        now, seen = min(done + 100, updates), len(ms.history)
        quietly(ms, train_len=now - done, batchsize=1, print_every=10, valid_len=1)
        losses = ' '.join(f'{row["train_nats"]:.2f}' for row in ms.history[seen:] if row['kind'] == 'report')
        print(f'{now} updates, {time.monotonic() - began:.0f} s, nats/char {losses}')
        print(f'{generatestring(ms, 100, temp=0.8, seed=done)!r}\n')
    found = ms.evaluate()
    below = found.ladder['unigram'] - found.nats
    print(f'{found.bits_per_char:.4f} bits/char, {found.nats:.4f} nats/char, {below:.4f} below the unigram')
    show_ladder(found)
    return ms


def custom_train(source: Path, updates: int) -> None:
    """Train layers and sizes for the same number of updates, and write experiment_logs.csv."""
    print('\n== custom_train')
    trials = tried(source, 'sizes', SIZES, updates, rounds=1)
    trials.to_csv('experiment_logs.csv')
    found = ladder_of(trials)
    print(f'{"layers":>6} {"units":>6} {"valid":>8} {"below unigram":>14} {"seconds":>8}')
    for trial in trials:
        given, loss = trial.parameters, math.inf if trial.loss is None else trial.loss  # infinity: it diverged
        print(
            f'{given["layers"]:>6} {given["state_size"]:>6} {loss:>8.4f} '
            f'{found.ladder["unigram"] - loss:>14.4f} {trial.seconds or 0:>8.1f}'
        )
    show_ladder(found)
    print('All of it is in experiment_logs.csv')


def plot_loss(source: Path, updates: int, picture: str | None) -> str:
    """Train five learning rates, draw their curves in one picture, and return a sentence with the results."""
    print('\n== plot_loss')
    trials = tried(source, 'rates', RATES, updates, rounds=min(10, updates))
    found = ladder_of(trials)
    unigram = found.ladder['unigram']
    for trial in trials:
        said = f'{trial.loss:.4f} nats/char, {unigram - trial.loss:+.4f} below the unigram' if trial.loss else 'no loss'
        end = '' if trial.state == 'finished' else f', {trial.state}'
        print(f'  learning rate {trial.parameters["learnrate"]:<7g} validation {said}{end}')
    show_ladder(found)
    if picture:
        figure = trials.drawcurves()
        figure.axes[0].axhline(unigram, color='grey', linestyle=':', label='unigram')
        figure.axes[0].legend()
        figure.savefig(picture)
        print(f'The curves are in {picture}, each rate against the loss in {HOME / "rates" / "parameters.png"}')
    best, worst = trials[0], trials[-1]
    return (
        f'Of the learning rates {", ".join(f"{rate:g}" for rate in RATES["learnrate"])}, '
        f'{best.parameters["learnrate"]:g} won after {updates} updates with {best.loss:.3f} nats per character; '
        f'{worst.parameters["learnrate"]:g} '
        + (f'came last with {worst.loss:.3f}' if worst.state == 'finished' else 'diverged')
        + f'. Counting characters alone costs {unigram:.3f}.'
    )


def variety(text: str) -> str:
    """Return the number of different words of a text beside the number of all."""
    words = text.split()
    return f'{len(set(words))} different of {len(words)}'


def diff_temp(ms: ModelState, prime: str) -> str:
    """Continue one prime at four temperatures; return a sentence with the results."""
    known = ''.join(symbol for symbol in prime if symbol in ms.chars.symbols)
    print(
        f'\n== diff_temp: {known!r} at four temperatures'
        + (' (its other characters are not in the text)' * (known != prime))
    )
    found = temperatures(ms, known or None, (0.1, 0.5, 1.0, 2.0), numchars=200)
    print(found)
    real = ms.evaluate().bits_per_char
    nearest = min(found, key=lambda sample: abs(sample.bits_per_char - real))
    did = [f'{sample.temp:g}: {sample.bits_per_char:.2f} and {variety(sample.text)}' for sample in found]
    return (
        'The bits per character of the text for the model itself, and its words, at temperature '
        f'{", ".join(did)}. Real text costs the model {real:.2f}, and temperature {nearest.temp:g} comes nearest.'
    )


def main() -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', nargs='?', help='any text in UTF-8')
    for name, what in [
        ('default_train', '2 x 128, chunks of 200'),
        ('custom_train', 'layers and sizes'),
        ('plot_loss', 'five learning rates'),
        ('diff_temp', 'four temperatures'),
    ]:
        parser.add_argument(f'--{name}', action='store_true', help=what)
    parser.add_argument(
        '--prime',
        default='The ',
        help='prime of the samples; a few lines give the model more context than a word (%(default)r)',
    )
    parser.add_argument('--updates', type=positive, default=2000, help='updates of each run (%(default)s)')
    parser.add_argument('--quick', action='store_true', help='a minute: 200,000 characters; 250 updates by default')
    parser.add_argument(
        '--plot', type=picture, metavar='PICTURE', help='write the curves of the rates there (with --plot_loss)'
    )
    if parser.parse_args().quick:
        parser.set_defaults(updates=250)
    given = parser.parse_args()
    source = text_or_builtin(given.file, 200_000 if given.quick else None)
    updates = given.updates
    every = not (given.default_train or given.custom_train or given.plot_loss or given.diff_temp)
    said, ms = [], None
    if given.default_train or every:
        ms = default_train(source, updates)
    if given.custom_train or every:
        custom_train(source, updates)
    if given.plot_loss or every:
        said.append(plot_loss(source, updates, given.plot))
    if given.diff_temp or every:
        said.append(diff_temp(ms or default_train(source, updates), given.prime))
    if said:
        print('\n== what it comes to')
        print(' '.join(said))


if __name__ == '__main__':
    tell(main)
