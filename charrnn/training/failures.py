"""The errors of a training that cannot go on: what happened to the weights, and what to type next."""

from __future__ import annotations

from charrnn.errors import NonFiniteLossError, TornWindowError, TrainingError
from charrnn.training.step import StepResult


def window_not_finite(result: StepResult, position: int, round: int) -> NonFiniteLossError:
    """Return the error for a window whose update was not applied."""
    return NonFiniteLossError(
        f'window at position {position:,} (round {round}): loss {result.loss_nats} nats/symbol, '
        f'gradient norm {result.grad_norm}. The update was not applied.',
        _lower_rate(result.learnrate),
    )


def validation_not_finite(nats: float, position: int, round: int, learnrate: float) -> NonFiniteLossError:
    """Return the error for a validation whose loss is not finite."""
    return NonFiniteLossError(
        f'validation at position {position:,} (round {round}): {nats} nats/symbol. '
        'The weights are finite but too large; no checkpoint was written.',
        _lower_rate(learnrate),
    )


def not_finite(position: int) -> NonFiniteLossError:
    """Return the error for a checkpoint of weights whose newest loss was not finite."""
    return NonFiniteLossError(
        f'the newest window or validation (position {position:,}) was not finite: no checkpoint is made.',
        'ms.restore()',
    )


def torn(position: int) -> TornWindowError:
    """Return the error for weights that are half updated."""
    return TornWindowError(
        f'an update or a restore was cut in half (position {position:,}): '
        'the weights are half updated and belong to no checkpoint.',
        'ms.restore()',
    )


def no_memory_left(lanes: int, seq_len: int, *, is_torn: bool) -> TrainingError:
    """Return the error for a window that was refused memory; `is_torn` if the weights are half updated."""
    if is_torn:
        return TrainingError(
            'no memory was left in the middle of an update: the weights are half updated.', 'ms.restore()'
        )
    fewer = f'ms.trainmodel(batchsize={lanes // 2})'
    step = fewer if lanes > 1 else f'ms.sethyperparams(seq_len={max(1, seq_len // 2)})'
    return TrainingError(
        f'no memory was left for a window of {lanes} lanes of {seq_len} symbols; it was not applied.', step
    )


def too_few_symbols(train_size: int, lanes: int, seq_len: int) -> TrainingError:
    """Return the error for a training text that is shorter than one window of every lane."""
    shorter = f', or ms.sethyperparams(seq_len={train_size // lanes})' if train_size >= lanes else ''
    return TrainingError(
        f'one window of {lanes} lanes of {seq_len} symbols needs {lanes * seq_len:,} training symbols; '
        f'this text has {train_size:,}.',
        f'batchsize={train_size // seq_len}{shorter}',
    )


def _lower_rate(learnrate: float) -> str:
    return f'ms.restore(), then ms.sethyperparams(learnrate={learnrate / 10:.2g})'
