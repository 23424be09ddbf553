"""A run begins with the loss of its untrained model."""

from conftest import MakeRun


def test_without_a_validation_split_the_untrained_loss_is_a_training_loss(make_run: MakeRun) -> None:
    ms = make_run(trainfrac=1.0)
    assert ms.history[0]['train_nats'] > 0 and ms.history[0]['valid_nats'] is None
    assert 'valid 2' not in repr(ms)
